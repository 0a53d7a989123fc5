package docker

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
)

// front is a registry in front of the tests' own, which records what is asked
// of it and lets a test step in.
type front struct {
	*httptest.Server
	mu    sync.Mutex
	calls []string
}

func newFront(t *testing.T, step func(w http.ResponseWriter, r *http.Request, next http.Handler)) *front {
	u, err := url.Parse("http://" + images.Host)
	require.NoError(t, err)
	next := httputil.NewSingleHostReverseProxy(u)
	f := new(front)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.calls = append(f.calls, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
		f.mu.Unlock()
		step(w, r, next)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *front) host() string { return strings.TrimPrefix(f.URL, "http://") }

func (f *front) asked(part string) (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if strings.Contains(c, part) {
			all = append(all, c)
		}
	}
	return all
}

func pass(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) }

// noise does not compress, so it is as long on the wire.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// A layer that is cut off is gone on with, not begun anew.
func TestPullGoesOnWhereItWasCutOff(t *testing.T) {
	t.Parallel()
	const size = 4 << 20
	step, sent := cutsOnce(size)
	f := newFront(t, step)
	r := newRig(t, dockertest.Image{}, dockertest.Image{Files: map[string][]byte{"/map": noise(size)}})
	r.t1.Image.Repository = f.host() + "/" + r.t1.Container
	require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport))
	require.Len(t, f.asked("bytes="), 1, "the rest")
	require.Less(t, sent.Load(), int64(size+size/2), "and not the whole again")
}

// layer is the layer that a request gets, if it is one of so many bytes or more;
// all else it answers itself and returns nil.
func layer(w http.ResponseWriter, r *http.Request, next http.Handler, size int) []byte {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
		next.ServeHTTP(w, r)
		return nil
	}
	resp, err := http.Get("http://" + images.Host + r.URL.Path)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || len(b) < size {
		_, _ = w.Write(b)
		return nil
	}
	return b
}

// cutsOnce cuts the first layer of so many bytes off after a MiB, and counts what it
// sends of such ones.
func cutsOnce(size int) (step func(http.ResponseWriter, *http.Request, http.Handler), sent *atomic.Int64) {
	var cuts atomic.Int64
	sent = new(atomic.Int64)
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		b := layer(w, r, next, size)
		if b == nil {
			return
		}
		if cuts.Add(1) > 1 { // the engine's pauses grow: 5 s, 10 s, …
			http.ServeContent(countingWriter{w, sent}, r, "", time.Time{}, bytes.NewReader(b))
			return
		}
		http.ServeContent(&cuttingWriter{ResponseWriter: countingWriter{w, sent}, left: 1 << 20}, r, "", time.Time{}, bytes.NewReader(b))
	}, sent
}

type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c countingWriter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.n.Add(int64(n))
	return n, err
}

type cuttingWriter struct {
	http.ResponseWriter
	left int
}

func (c *cuttingWriter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b[:min(len(b), c.left)])
	if c.left -= n; c.left <= 0 {
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// The mirror has the layers, the image's own registry the word.
func TestPullByTheMirror(t *testing.T) {
	t.Parallel()
	mirror, own := newFront(t, pass), newFront(t, pass)
	r := newRig(t, dockertest.Image{}, dockertest.Image{Files: map[string][]byte{"/map": noise(1 << 20)}})
	r.t1.Image.Repository = own.host() + "/" + r.t1.Container
	c, err := NewClient(Endpoint{Name: "e", URL: shared(t).URL(), Site: "north"},
		Options{Sites: []Site{{Name: "north", Mirror: mirror.host()}}}, testLog(t))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.NoError(t, c.Pull(r.ctx(), r.t1, noReport))
	require.NotEmpty(t, mirror.asked("GET /v2/"+r.t1.Container+"/blobs/"))
	require.NotEmpty(t, mirror.asked("/manifests/"+r.t1.Image.Digest))
	require.LessOrEqual(t, len(own.asked("/blobs/")), 1, "the configuration alone")
	i, err := r.api.ImageInspect(r.ctx(), r.t1.Image.ByDigest())
	require.NoError(t, err)
	require.NotContains(t, strings.Join(i.RepoDigests, " "), mirror.host(), "its name is gone")
}

func TestPullWithoutItsMirror(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	c, err := NewClient(Endpoint{Name: "e", URL: shared(t).URL()}, Options{Mirror: "127.0.0.1:1"}, testLog(t))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.NoError(t, c.Pull(r.ctx(), r.t1, noReport))
}

func TestASitePullsNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	end := make(chan struct{})
	pulls := func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-end
		now.Add(-1)
		w.WriteHeader(http.StatusInternalServerError)
	}
	endpoint := func(name, site string) Endpoint {
		c := fakeEngine(t, map[string]http.HandlerFunc{"GET /v1.41/images/": answer(404, `{}`), "POST /v1.41/images/create": pulls})
		return Endpoint{Name: name, URL: c.endpoint.URL, Site: site}
	}
	e, err := NewEngines([]Endpoint{
		endpoint("a", "north"), endpoint("b", "north"), endpoint("c", "north"), endpoint("d", "north"), endpoint("e", "south"),
	}, func(fleet.EngineObserved) {}, Options{Parallel: 1, Sites: []Site{{Name: "north", Parallel: 2}}}, testLog(t))
	require.NoError(t, err)
	t.Cleanup(e.Close)
	var wg sync.WaitGroup
	for range 3 {
		for _, name := range []string{"a", "b", "c", "d"} {
			target := anyTarget()
			target.Engine = name
			wg.Go(func() { _ = e.Pull(t.Context(), target, noReport) })
		}
	}
	for left := int64(12); left > 0; left-- {
		eventually(t, "as many pull as may", func() bool { return now.Load() == min(2, left) })
		end <- struct{}{}
	}
	wg.Wait()
	require.EqualValues(t, 2, most.Load())

	north, err := e.Client("a")
	require.NoError(t, err)
	require.NoError(t, north.site.enter(t.Context(), noReport))
	require.NoError(t, north.site.enter(t.Context(), noReport))
	target := anyTarget()
	target.Engine = "b"
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var told []rollout.Progress
	err = e.Pull(ctx, target, func(p rollout.Progress) { told = append(told, p) })
	require.ErrorContains(t, err, `one of the 2 pulls of site "north"`)
	require.Equal(t, []rollout.Progress{{Waits: `waits for its turn at site "north", which pulls 2 at a time`}}, told)
	require.False(t, rollout.IsFatal(err))
	south, err := e.Client("e")
	require.NoError(t, err)
	require.NoError(t, south.site.enter(t.Context(), noReport), "another site is not concerned")
}

// A pull that hangs gives its place at the site to the next one.
func TestAStalledPullIsGivenUp(t *testing.T) {
	t.Parallel()
	stalls := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"status":"Downloading","id":"a","progressDetail":{"current":1,"total":9}}`+"\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	c := fakeEngine(t, map[string]http.HandlerFunc{"GET /v1.41/images/": answer(404, `{}`), "POST /v1.41/images/create": stalls})
	e, err := NewClient(c.endpoint, Options{Parallel: 1, Stalled: 300 * time.Millisecond}, testLog(t))
	require.NoError(t, err)
	t.Cleanup(e.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var told []rollout.Progress
	err = e.Pull(ctx, anyTarget(), func(p rollout.Progress) { told = append(told, p) })
	require.ErrorContains(t, err, "nothing was heard of it for 300ms")
	require.False(t, rollout.IsFatal(err))
	require.Equal(t, []rollout.Progress{{Done: 1, Total: 9}}, told)
	require.NoError(t, e.site.enter(ctx, noReport), "its place is free")
}

// A registry that wants to know who asks: the resolver and the engine tell it.
func TestCredentialsPerRegistry(t *testing.T) {
	t.Parallel()
	f := newFront(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if user, password, _ := r.BasicAuth(); user != "robot" || password != "s3cret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="hall"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.t1.Image.Repository = f.host() + "/" + r.t1.Container
	file := r.path("password")
	keys := Credentials{f.host(): {Username: "robot", PasswordFile: file}, "docker.io": {Username: "hub", PasswordFile: file}}
	c, err := NewClient(Endpoint{Name: "e", URL: shared(t).URL()}, Options{Keychain: keys}, testLog(t))
	require.NoError(t, err)
	t.Cleanup(c.Close)

	require.ErrorContains(t, c.Pull(r.ctx(), r.t1, noReport), "password of registry")
	require.NoError(t, os.WriteFile(file, []byte("wrong\n"), 0o600))
	require.Error(t, c.Pull(r.ctx(), r.t1, noReport))
	_, err = (&Resolver{Keychain: keys}).Resolve(r.ctx(), r.t1.Image.ByDigest())
	require.True(t, rollout.IsFatal(err), err)

	require.NoError(t, os.WriteFile(file, []byte("s3cret\n"), 0o600))
	_, err = (&Resolver{Keychain: keys}).Resolve(r.ctx(), r.t1.Image.ByDigest())
	require.NoError(t, err)
	require.NoError(t, c.Pull(r.ctx(), r.t1, noReport))

	hub, err := name.NewRepository("amr")
	require.NoError(t, err)
	a, err := keys.Resolve(hub)
	require.NoError(t, err)
	cfg, err := a.Authorization()
	require.NoError(t, err)
	require.Equal(t, "hub", cfg.Username)
}
