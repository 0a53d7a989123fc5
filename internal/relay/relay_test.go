package relay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/relay"
	"github.com/muster-fleet/muster/internal/tlstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mib = 1 << 20

// rig is a relay with a registry behind it.
type rig struct {
	t        *testing.T
	images   *dockertest.Registry
	upstream *httptest.Server // in front of images
	relay    *relay.Relay
	url      string
	client   *http.Client
	stop     func() // ends the relay and waits for it

	mu    sync.Mutex
	step  func(w http.ResponseWriter, r *http.Request) bool // false passes on
	asked []string
}

func newRig(t *testing.T, keys authn.Keychain) *rig { return newRigOver(t, keys, nil, nil) }

// newRigOver makes a relay that serves by TLS, and a client for it.
func newRigOver(t *testing.T, keys authn.Keychain, server, client *tls.Config) *rig {
	t.Helper()
	r := &rig{t: t, images: dockertest.StartRegistry(t)}
	u, err := url.Parse("http://" + r.images.Host)
	require.NoError(t, err)
	next := httputil.NewSingleHostReverseProxy(u)
	next.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	r.upstream = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.asked = append(r.asked, strings.TrimSpace(req.Method+" "+req.URL.Path+" "+req.Header.Get("Range")))
		step := r.step
		r.mu.Unlock()
		if step == nil || !step(w, req) {
			next.ServeHTTP(w, req)
		}
	}))
	t.Cleanup(r.upstream.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.relay = relay.New(relay.Options{
		Address: l.Addr().String(), TLS: server, Keychain: keys, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	r.url = "http://" + l.Addr().String()
	if server != nil {
		r.url = "https://" + l.Addr().String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.relay.Run(ctx, l) }()
	r.stop = sync.OnceFunc(func() { cancel(); require.NoError(t, <-ended) })
	transport := &http.Transport{TLSClientConfig: client}
	r.client = &http.Client{Transport: transport}
	t.Cleanup(func() { r.stop(); transport.CloseIdleConnections() })
	return r
}

func (r *rig) host() string { return strings.TrimPrefix(r.upstream.URL, "http://") }

func (r *rig) on(step func(w http.ResponseWriter, req *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.step = step
}

// requests are those that the upstream has seen and that have part in them.
func (r *rig) requests(part string) (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.asked {
		if strings.Contains(a, part) {
			all = append(all, a)
		}
	}
	return all
}

// push makes an image with one layer of about so many bytes.
func (r *rig) push(tag string, size int) (digest string) {
	return dockertest.PushImage(r.t, r.images, "nav/stack", tag, image(size))
}

func image(size int) dockertest.Image {
	b := make([]byte, size)
	_, _ = rand.Read(b) // so that it does not compress
	return dockertest.Image{Bare: true, Files: map[string][]byte{"/map": b}}
}

// lent is a loan as the engine has it.
type lent struct {
	r      *rig
	path   string
	key    authn.AuthConfig
	end    func()
	digest string
}

func (r *rig) lend(digest string, rate float64, hosts ...string) *lent {
	r.t.Helper()
	var from []name.Repository
	for _, h := range append(hosts, r.host()) {
		repo, err := name.NewRepository(h + "/nav/stack")
		require.NoError(r.t, err)
		from = append(from, repo)
	}
	repository, key, end := r.relay.Lend("north", rate, digest, from)
	_, path, _ := strings.Cut(repository, "/")
	return &lent{r: r, path: path, key: key, end: end, digest: digest}
}

// ask makes a request with the loan's key.
func (l *lent) ask(method, path, part string) *http.Response {
	l.r.t.Helper()
	req, err := http.NewRequestWithContext(l.r.t.Context(), method, l.r.url+path, nil)
	require.NoError(l.r.t, err)
	if l.key.Password != "" {
		req.SetBasicAuth(l.key.Username, l.key.Password)
	}
	if part != "" {
		req.Header.Set("Range", part)
	}
	resp, err := l.r.client.Do(req)
	require.NoError(l.r.t, err)
	l.r.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func (l *lent) manifest(digest string) string { return "/v2/" + l.path + "/manifests/" + digest }
func (l *lent) blob(digest string) string     { return "/v2/" + l.path + "/blobs/" + digest }

// parts reads the manifest and returns the digests of the configuration and of the
// only layer.
func (l *lent) parts() (config, layer string) {
	l.r.t.Helper()
	resp := l.ask(http.MethodGet, l.manifest(l.digest), "")
	require.Equal(l.r.t, http.StatusOK, resp.StatusCode)
	return partsOf(l.r.t, resp.Body)
}

func partsOf(t *testing.T, body io.Reader) (config, layer string) {
	t.Helper()
	var m struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	require.NoError(t, json.NewDecoder(body).Decode(&m))
	require.Len(t, m.Layers, 1)
	return m.Config.Digest, m.Layers[0].Digest
}

func read(t *testing.T, resp *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return b
}

func TestALoanIsServed(t *testing.T) {
	r := newRig(t, nil)
	l := r.lend(r.push("1", mib), 100*mib)
	resp := l.ask(http.MethodHead, l.manifest(l.digest), "")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, l.digest, resp.Header.Get("Docker-Content-Digest"))
	assert.Contains(t, resp.Header.Get("Content-Type"), "manifest")
	config, layer := l.parts()
	resp = l.ask(http.MethodGet, l.blob(layer), "")
	whole := read(t, resp)
	assert.EqualValues(t, len(whole), resp.ContentLength)
	assert.Greater(t, len(whole), mib)
	// The tests' registry knows no range without an end.
	resp = l.ask(http.MethodGet, l.blob(layer), "bytes=1000000-1000099")
	assert.Equal(t, http.StatusPartialContent, resp.StatusCode)
	assert.Contains(t, resp.Header.Get("Content-Range"), "bytes 1000000-1000099/")
	assert.True(t, bytes.Equal(whole[1000000:1000100], read(t, resp)))
	resp = l.ask(http.MethodHead, l.blob(layer), "")
	assert.EqualValues(t, len(whole), resp.ContentLength)
	assert.Contains(t, string(read(t, l.ask(http.MethodGet, l.blob(config), ""))), "linux")
	assert.Greater(t, r.relay.Sent()["north"], uint64(len(whole)+100))
}

// Who has no loan gets nothing, and who has one gets no more than it holds.
func TestNothingElseIsServed(t *testing.T) {
	r := newRig(t, nil)
	one, other := r.lend(r.push("1", 1000), mib), r.lend(r.push("2", 1000), mib)
	config, layer := one.parts()
	_, foreign := other.parts()
	stranger, liar := *one, *one
	stranger.key, liar.key.Password = authn.AuthConfig{}, other.key.Password
	for _, c := range []struct {
		by           *lent
		method, path string
		want         int
	}{
		{one, "GET", "/v2/", 200},
		{&stranger, "GET", "/v2/", 401},
		{&stranger, "GET", one.manifest(one.digest), 401},
		{&stranger, "GET", one.blob(layer), 401},
		{&liar, "GET", one.blob(layer), 401},
		{&liar, "HEAD", one.blob(layer), 401},
		{one, "GET", one.manifest("1"), 404},
		{one, "GET", one.manifest("latest"), 404},
		{one, "GET", one.manifest(other.digest), 404},
		{one, "GET", one.blob(foreign), 404},
		{one, "GET", one.blob("sha256:../../manifests/1"), 404},
		{one, "GET", "/v2/nav/stack/manifests/" + one.digest, 404},
		{one, "GET", "/v2/other/manifests/" + one.digest, 404},
		{one, "GET", "/v2/_catalog", 404},
		{one, "GET", "/v2/" + one.path + "/tags/list", 404},
		{one, "GET", "/v2/" + one.path + "/referrers/" + one.digest, 404},
		{one, "GET", "/", 404},
		{one, "PUT", one.manifest(one.digest), 405},
		{one, "DELETE", one.manifest(one.digest), 405},
		{one, "POST", "/v2/" + one.path + "/blobs/uploads/", 404},
		{one, "GET", one.blob(config), 200},
	} {
		resp := c.by.ask(c.method, c.path, "")
		assert.Equal(t, c.want, resp.StatusCode, "%s %s", c.method, c.path)
	}
	before := len(r.requests(""))
	one.end()
	for _, path := range []string{"/v2/", one.manifest(one.digest), one.blob(layer)} {
		resp := one.ask(http.MethodGet, path, "")
		assert.Equal(t, http.StatusUnauthorized, resp.StatusCode, "the pull has ended")
		assert.Contains(t, resp.Header.Get("WWW-Authenticate"), "Basic")
	}
	assert.Len(t, r.requests(""), before, "the registry was not asked")
	assert.Equal(t, http.StatusOK, other.ask(http.MethodGet, other.blob(foreign), "").StatusCode, "the other pull goes on")
	for _, a := range r.requests("") {
		assert.NotContains(t, a, "tags")
		assert.NotContains(t, a, "manifests/1")
	}
}

// An engine that has the manifests already asks for the layers at once; those of
// other platforms need not be there.
func TestLayersOfAnIndexAreKnownWithoutItsManifests(t *testing.T) {
	r := newRig(t, nil)
	arm := image(1000)
	arm.Arch = "arm64"
	digest := dockertest.PushIndex(t, r.images, "nav/stack", "1", image(1000), arm)
	l := r.lend(digest, mib)
	var index struct{ Manifests []struct{ Digest string } }
	require.NoError(t, json.Unmarshal(read(t, l.ask(http.MethodGet, l.manifest(digest), "")), &index))
	require.Len(t, index.Manifests, 2)
	_, layer := partsOf(t, l.ask(http.MethodGet, l.manifest(index.Manifests[1].Digest), "").Body)
	l.end()
	r.on(func(w http.ResponseWriter, req *http.Request) bool {
		missing := strings.HasSuffix(req.URL.Path, index.Manifests[0].Digest)
		if missing {
			w.WriteHeader(http.StatusNotFound)
		}
		return missing
	})
	l = r.lend(digest, mib)
	assert.Equal(t, http.StatusOK, l.ask(http.MethodGet, l.blob(layer), "").StatusCode)
}

// At no time has a site had more than its rate allows, however many pull.
func TestASiteSharesItsRate(t *testing.T) {
	r := newRig(t, nil)
	const size, rate = 3 * mib, 4 * mib
	digest := r.push("1", size)
	began := time.Now()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			l := r.lend(digest, rate)
			_, layer := l.parts()
			_, err := io.Copy(io.Discard, l.ask(http.MethodGet, l.blob(layer), "").Body)
			assert.NoError(t, err)
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-tick.C:
		case <-done:
			ended = true
		}
		sent := float64(r.relay.Sent()["north"])
		most := rate * (time.Since(began).Seconds() + 0.05) // and what is made up for
		require.LessOrEqual(t, sent, most)
	}
	require.Greater(t, r.relay.Sent()["north"], uint64(2*size))
}

func TestABrokenLayerIsNotTakenForWhole(t *testing.T) {
	r := newRig(t, nil)
	l := r.lend(r.push("1", mib), 100*mib)
	_, layer := l.parts()
	r.on(func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(req.URL.Path, "/blobs/") {
			return false
		}
		_, _ = w.Write(make([]byte, 100<<10)) // without a length, so the end is told by chunks alone
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	b, err := io.ReadAll(l.ask(http.MethodGet, l.blob(layer), "").Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NotEmpty(t, b)
}

// The end of the manager ends what is under way, also to those who take nothing.
func TestTheEndIsWaitedFor(t *testing.T) {
	r := newRig(t, nil)
	digest := r.push("1", 1000)
	slow, fast := r.lend(digest, 1000*mib), r.lend(digest, 1000*mib)
	_, layer := slow.parts()
	r.on(func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(req.URL.Path, "/blobs/") {
			return false
		}
		for b := make([]byte, mib); req.Context().Err() == nil; { // a layer without an end
			_, _ = w.Write(b)
		}
		return true
	})
	stuck := slow.ask(http.MethodGet, slow.blob(layer), "") // and is not read
	part := make([]byte, 10)
	resp := fast.ask(http.MethodGet, fast.blob(layer), "")
	_, err := io.ReadFull(resp.Body, part)
	require.NoError(t, err)
	began := time.Now()
	r.stop()
	require.Less(t, time.Since(began), 1500*time.Millisecond, "nobody had to be thrown out")
	_, err = io.Copy(io.Discard, resp.Body)
	require.Error(t, err)
	_, err = io.Copy(io.Discard, stuck.Body)
	require.Error(t, err)
}

func TestByTLS(t *testing.T) {
	a := tlstest.NewAuthority(t)
	a.IssueServer("relay")
	pair, err := tls.LoadX509KeyPair(a.Path("relay.pem"), a.Path("relay-key.pem"))
	require.NoError(t, err)
	r := newRigOver(t, nil, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, a.Config(""))
	l := r.lend(r.push("1", 1000), mib)
	_, layer := l.parts()
	assert.Equal(t, http.StatusOK, l.ask(http.MethodGet, l.blob(layer), "").StatusCode)
	_, err = (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(r.url + "/v2/")
	var unknown *tls.CertificateVerificationError
	require.ErrorAs(t, err, &unknown)
	resp, err := http.Get(strings.Replace(r.url, "https", "http", 1) + "/v2/")
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusBadRequest, resp.StatusCode, "nothing is served in plain")
}
