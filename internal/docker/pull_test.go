package docker

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// fakeEngine serves the answers that a real engine does not give on demand.
func fakeEngine(t *testing.T, routes map[string]http.HandlerFunc) *Client {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.41") })
	mux.HandleFunc("/v1.41/version", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"Version":"20.10.24","ApiVersion":"1.41","Os":"linux","Arch":"amd64"}`)
	})
	for path, h := range routes {
		mux.HandleFunc(path, h)
	}
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	srv := httptest.NewUnstartedServer(mux)
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	c, err := NewClient(Endpoint{Name: "e", URL: "unix://" + l.Addr().String()}, Options{}, testLog(t))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func anyTarget() rollout.Target {
	return rollout.Target{
		Rollout: "ro-1", Generation: 7, Robot: "r1", Engine: "e", Container: "amr",
		Image: rollout.PinnedImage{
			Repository: "127.0.0.1:1/amr",
			Digest:     "sha256:37cea8353201eb775d1812e660ccd20621ac8fa891dfbf1eb1bd1b826c672829",
		},
	}
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}
}

func cut(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, body)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func TestPullReadsTheStreamToItsEnd(t *testing.T) {
	t.Parallel()
	const begun = `{"status":"Pulling from amr","id":"latest"}` + "\n"
	for name, c := range map[string]struct {
		create http.HandlerFunc
		says   string
		fatal  bool
	}{
		"error inside, no code":   {answer(200, begun+`{"errorDetail":{"message":"disk full"},"error":"disk full"}`), "disk full", false},
		"error inside, not found": {answer(200, begun+`{"errorDetail":{"code":404,"message":"manifest unknown"},"error":"manifest unknown"}`), "manifest unknown", true},
		"error inside, 500":       {answer(200, begun+`{"errorDetail":{"code":500,"message":"oh"},"error":"oh"}`), "oh", false},
		"cut":                     {cut(begun + `{"status":"Down`), "unexpected EOF", false},
		"not JSON":                {answer(200, begun+"<html>"), "invalid character", false},
		"not found":               {answer(404, `{"message":"manifest for amr not found"}`), "manifest for amr not found", true},
		"refused":                 {answer(403, `{"message":"denied"}`), "denied", true},
		"500":                     {answer(500, `{"message":"registry is away"}`), "registry is away", false},
		"ended, but no image":     {answer(200, begun), "does not have it", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := fakeEngine(t, map[string]http.HandlerFunc{
				"GET /v1.41/images/": answer(404, `{"message":"no such image"}`), "POST /v1.41/images/create": c.create,
			})
			err := e.Pull(t.Context(), anyTarget(), noReport)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, anyTarget().Image.ByDigest())
			require.Equal(t, c.fatal, rollout.IsFatal(err))
		})
	}
}

func TestPull(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	for range 2 {
		require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport))
	}
	_, err := r.api.ImageInspect(r.ctx(), r.t1.Image.ByDigest())
	require.NoError(t, err)
	require.Empty(t, r.family(), "a pull touches no container")

	unknown := r.t1
	unknown.Image.Digest = anyTarget().Image.Digest
	err = r.c.Pull(r.ctx(), unknown, noReport)
	require.True(t, rollout.IsFatal(err), err)

	foreign := r.t1
	foreign.Image.Digest = dockertest.PushImage(t, images, r.t1.Container, "s390x", dockertest.Image{Arch: "s390x"})
	err = r.c.Pull(r.ctx(), foreign, noReport)
	require.True(t, rollout.IsFatal(err), err)
	require.ErrorContains(t, err, "linux/s390x")
	foreign.Image.Platforms = []string{"linux/s390x"}
	require.True(t, rollout.IsFatal(r.c.Pull(r.ctx(), foreign, noReport)))

	away := r.t1 // a port where nothing listens: worth another try
	away.Image.Repository = "127.0.0.1:1/amr"
	err = r.c.Pull(r.ctx(), away, noReport)
	require.Error(t, err)
	require.False(t, rollout.IsFatal(err), err)

	_, err = r.api.ImageInspect(r.ctx(), r.repo+":2")
	require.Error(t, err, "the tag is not used")
}

func noReport(rollout.Progress) {}

func TestPullTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	big := make([]byte, 8<<20)
	_, _ = rand.Read(big)
	r := newRig(t, dockertest.Image{}, dockertest.Image{Files: map[string][]byte{"/big": big}})
	var told []rollout.Progress
	require.NoError(t, r.c.Pull(r.ctx(), r.t1, func(p rollout.Progress) { told = append(told, p) }))
	require.NotEmpty(t, told)
	last := told[len(told)-1]
	require.Equal(t, last.Total, last.Done)
	require.GreaterOrEqual(t, last.Total, int64(len(big)))
	for i := 1; i < len(told); i++ {
		require.GreaterOrEqual(t, told[i].Done, told[i-1].Done)
	}
}

func TestPullWantsSpace(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.t1.Image.Manifests = []rollout.Manifest{{Platform: "linux/amd64", Size: 5e6}}
	r.t1.MinFree = 1 << 60
	err := r.c.Pull(r.ctx(), r.t1, noReport)
	require.ErrorContains(t, err, "no space on engine e: the image takes 5 MB or more")
	require.False(t, rollout.IsFatal(err), "space may be made")
	_, err = r.api.ImageInspect(r.ctx(), r.t1.Image.ByDigest())
	require.Error(t, err, "nothing was pulled")
	r.t1.MinFree = 0
	require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport))
	r.t1.MinFree = 1 << 60
	require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport), "what is there takes no more space")
}

func TestTargetIsChecked(t *testing.T) {
	t.Parallel()
	c := fakeEngine(t, nil)
	for says, change := range map[string]func(*rollout.Target){
		"target.container":  func(t *rollout.Target) { t.Container = "" },
		"target.generation": func(t *rollout.Target) { t.Generation = 0 },
		"target.image":      func(t *rollout.Target) { t.Image.Digest = "" },
	} {
		target := anyTarget()
		change(&target)
		err := c.Replace(t.Context(), target, isReady)
		require.ErrorContains(t, err, says)
		require.True(t, rollout.IsFatal(err))
	}
}
