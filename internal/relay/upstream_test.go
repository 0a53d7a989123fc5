package relay_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keychain has one credential for everybody.
type keychain authn.Basic

func (k *keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return &authn.Basic{Username: k.Username, Password: k.Password}, nil
}

// A registry that wants to know who asks and keeps its layers elsewhere: it is told
// the manager's credential, and the storage is told nothing.
func TestTheRegistryWantsCredentialsAndRedirects(t *testing.T) {
	basic := func(w http.ResponseWriter, req *http.Request) bool {
		user, password, _ := req.BasicAuth()
		w.Header().Set("WWW-Authenticate", `Basic realm="hall"`)
		return user == "muster" && password == "s3cret"
	}
	bearer := func(w http.ResponseWriter, req *http.Request) bool {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="hall"`, req.Host))
		return req.Header.Get("Authorization") == "Bearer t0ken"
	}
	for name, admits := range map[string]func(http.ResponseWriter, *http.Request) bool{"basic": basic, "bearer": bearer} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, &keychain{Username: "muster", Password: "s3cret"})
			l := r.lend(r.push("1", 100_000), 100*mib)
			var stored atomic.Int32
			storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				assert.Empty(t, req.Header.Get("Authorization"))
				assert.Equal(t, "bytes=10-90009", req.Header.Get("Range"))
				stored.Add(1)
				http.Redirect(w, req, "http://"+r.images.Host+req.URL.Path, http.StatusTemporaryRedirect)
			}))
			t.Cleanup(storage.Close)
			r.on(func(w http.ResponseWriter, req *http.Request) bool {
				switch {
				case req.URL.Path == "/token":
					user, password, _ := req.BasicAuth()
					assert.Equal(t, "muster s3cret", user+" "+password)
					assert.Equal(t, "repository:nav/stack:pull", req.URL.Query().Get("scope"))
					_, _ = io.WriteString(w, `{"token":"t0ken"}`)
				case !admits(w, req):
					w.WriteHeader(http.StatusUnauthorized)
				case strings.Contains(req.URL.Path, "/blobs/"):
					http.Redirect(w, req, storage.URL+req.URL.Path+"?signature=secret", http.StatusTemporaryRedirect)
				default:
					return false
				}
				return true
			})
			_, layer := l.parts()
			resp := l.ask(http.MethodGet, l.blob(layer), "bytes=10-90009")
			require.Equal(t, http.StatusPartialContent, resp.StatusCode)
			require.Len(t, read(t, resp), 90_000)
			require.EqualValues(t, 1, stored.Load())

			storage.Close()
			resp = l.ask(http.MethodGet, l.blob(layer), "bytes=10-90009")
			require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
			require.NotContains(t, string(read(t, resp)), "secret")
		})
	}
}

// What a registry answers is told to the engine in words that say whether another
// try may help.
func TestErrorsOfTheRegistry(t *testing.T) {
	r := newRig(t, nil)
	digest := r.push("1", 1000)
	foreign := `{"schemaVersion":2,"config":{"digest":"sha256:` + strings.Repeat("0", 64) + `"},"layers":[{"digest":"sha256:` +
		strings.Repeat("1", 64) + `","urls":["https://elsewhere.example/layer"]}]}`
	status := func(code int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code) }
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		want   int
		says   string
	}{
		"unknown":      {status(404), 404, "MANIFEST_UNKNOWN"},
		"refused":      {status(401), 403, "DENIED"},
		"forbidden":    {status(403), 403, "DENIED"},
		"too many":     {status(429), 429, "TOOMANYREQUESTS"},
		"away":         {status(502), 503, "UNAVAILABLE"},
		"cut":          {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 503, "UNAVAILABLE"},
		"another":      {func(w http.ResponseWriter) { _, _ = io.WriteString(w, foreign) }, 503, "what the registry sent is"},
		"without end":  {func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 5*mib)) }, 503, "is longer than"},
		"not a digest": {status(400), 503, "UNAVAILABLE"},
	} {
		t.Run(name, func(t *testing.T) {
			r.on(func(w http.ResponseWriter, req *http.Request) bool {
				if strings.Contains(req.URL.Path, "/manifests/") {
					c.answer(w)
					return true
				}
				return false
			})
			l := r.lend(digest, mib)
			defer l.end()
			resp := l.ask(http.MethodGet, l.manifest(digest), "")
			text := string(read(t, resp))
			assert.Equal(t, c.want, resp.StatusCode, text)
			assert.Contains(t, text, c.says)
			assert.Contains(t, text, r.host(), "it says which registry")
			var errs struct {
				Errors []struct{ Code, Message string }
			}
			require.NoError(t, json.Unmarshal([]byte(text), &errs))
			require.Len(t, errs.Errors, 1)
		})
	}
}

// Layers that the manifest puts elsewhere would come past the limit.
func TestALayerElsewhereIsRefused(t *testing.T) {
	r := newRig(t, nil)
	body := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":"sha256:` +
		strings.Repeat("0", 64) + `"},"layers":[{"digest":"sha256:` + strings.Repeat("1", 64) + `","urls":["https://elsewhere.example/layer"]}]}`
	req, err := http.NewRequest(http.MethodPut, "http://"+r.images.Host+"/v2/nav/stack/manifests/foreign", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	l := r.lend(resp.Header.Get("Docker-Content-Digest"), mib)
	resp = l.ask(http.MethodGet, l.manifest(l.digest), "")
	text := string(read(t, resp))
	require.Equal(t, http.StatusForbidden, resp.StatusCode, text)
	require.Contains(t, text, "outside of the registry")
}

// The mirror is asked first; one that is away, or lacks a part, does no harm.
func TestByTheMirror(t *testing.T) {
	mirror, r := newRig(t, nil), newRig(t, nil)
	digest := r.push("1", 1000)
	l := r.lend(digest, mib, mirror.host())
	_, layer := l.parts()
	require.NotEmpty(t, mirror.requests("/manifests/"), "it was asked, and does not know it")
	require.Len(t, read(t, l.ask(http.MethodGet, l.blob(layer), "")), int(l.ask(http.MethodHead, l.blob(layer), "").ContentLength))
	l.end()

	u, err := url.Parse("http://" + r.images.Host)
	require.NoError(t, err)
	mirror.on(func(w http.ResponseWriter, req *http.Request) bool {
		http.Redirect(w, req, u.String()+req.URL.Path, http.StatusTemporaryRedirect)
		return true
	})
	before := len(r.requests(""))
	l = r.lend(digest, mib, mirror.host())
	_, layer = l.parts()
	read(t, l.ask(http.MethodGet, l.blob(layer), ""))
	require.Len(t, r.requests(""), before, "the registry itself has nothing to do")

	mirror.upstream.Close()
	l = r.lend(digest, mib, mirror.host())
	_, layer = l.parts()
	read(t, l.ask(http.MethodGet, l.blob(layer), ""))
	require.Greater(t, len(r.requests("")), before)
}
