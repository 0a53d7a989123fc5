package dockertest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

// An engine whose test was killed: nobody removed its containers, and the lock
// on its directory is free.
func TestLeftoversOfAKilledTestAreSwept(t *testing.T) {
	e, err := NewEngine()
	require.NoError(t, err)
	images := StartRegistry(t)
	ref := images.Host + "/amr@" + PushImage(t, images, "amr", "1", Image{})
	api, err := client.New(client.WithHost(e.URL()))
	require.NoError(t, err)
	pull, err := api.ImagePull(t.Context(), ref, client.ImagePullOptions{})
	require.NoError(t, err)
	require.NoError(t, pull.Wait(t.Context()))
	c, err := api.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config: &container.Config{Image: ref}, HostConfig: &container.HostConfig{NetworkMode: "host"},
	})
	require.NoError(t, err)
	_, err = api.ContainerStart(t.Context(), c.ID, client.ContainerStartOptions{})
	require.NoError(t, err)
	require.NoError(t, api.Close())
	require.NotEmpty(t, cgroups(filepath.Base(e.dir)))
	require.NotEmpty(t, processes(e.dir))

	e.Kill()
	sweep()
	require.DirExists(t, e.dir, "it is in use")
	require.NotEmpty(t, processes(e.dir), "the container's shim outlives its engine")
	require.NoError(t, e.lock.Close())
	require.NoError(t, e.log.Close())
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(e.path("lock"), old, old))
	sweep()
	require.NoDirExists(t, e.dir)
	require.Empty(t, cgroups(filepath.Base(e.dir)))
	require.Empty(t, processes(e.dir))
}

func TestHold(t *testing.T) {
	var calls atomic.Int32
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	proxy := StartProxy(t, socket)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", proxy.Socket())
	}}
	t.Cleanup(transport.CloseIdleConnections)
	call := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/v1.41/containers/a/stop", http.NoBody)
		require.NoError(t, err)
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	}
	for when, reached := range map[When]int32{BeforeEngine: 0, AfterEngine: 1} {
		calls.Store(0)
		held := proxy.Hold(when, http.MethodPost, "^/containers/a/stop$")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- call(ctx) }()
		<-held.Reached
		cancel() // the caller dies
		require.ErrorIs(t, <-done, context.Canceled)
		require.NoError(t, call(t.Context()), "only one is held")
		require.Equal(t, reached+1, calls.Load())

		held = proxy.Hold(when, http.MethodPost, "^/containers/a/stop$")
		go func() { done <- call(t.Context()) }()
		<-held.Reached
		held.Release()
		require.NoError(t, <-done)
	}
	require.Len(t, proxy.Calls(), 6)
}
