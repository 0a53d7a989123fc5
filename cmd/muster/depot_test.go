package main_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
)

// held is something that was caught on its way.
type held struct {
	reached <-chan struct{} // closed when it is caught
	release func()          // lets it go on; may be called twice
	ended   <-chan struct{} // closed when it is answered or given up; nil for a download
}

// depot is a registry on a host, in which a download can be caught.
type depot struct {
	host   string
	newest string // digest of the configuration of the image that was pushed last

	mu   sync.Mutex
	gate func(*http.Request)
}

func newDepot(t testing.TB, host *ddstest.Host) *depot {
	t.Helper()
	l, err := host.Listen("tcp", net.JoinHostPort(host.Address, "5000"))
	require.NoError(t, err)
	d := &depot{host: l.Addr().String()}
	blobs := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		gate := d.gate
		d.mu.Unlock()
		if gate != nil {
			gate(r)
		}
		blobs.ServeHTTP(w, r)
	})}
	ended := make(chan struct{})
	go func() {
		_ = srv.Serve(l)
		close(ended)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-ended
	})
	return d
}

// hold catches the next engine that downloads the newest image, in the middle of
// it: its manifest has gone through. A manager that resolves a tag is let through.
func (d *depot) hold() held {
	reached, end := make(chan struct{}), make(chan struct{})
	catch := sync.OnceFunc(func() { close(reached) })
	path := "/blobs/" + d.newest
	d.set(func(r *http.Request) {
		if !strings.HasPrefix(r.UserAgent(), "docker/") || !strings.HasSuffix(r.URL.Path, path) {
			return
		}
		catch()
		select {
		case <-end:
		case <-r.Context().Done():
		}
	})
	return held{reached: reached, release: sync.OnceFunc(func() { d.set(nil); close(end) })}
}

func (d *depot) set(gate func(*http.Request)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate = gate
}
