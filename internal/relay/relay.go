package relay

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
)

// Limits on a connection. None is on a whole answer: a layer takes as long as the
// rate wants it to.
const (
	maxConnections    = 1024 // further ones wait to be accepted; an engine opens about four
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 30 * time.Second
	maxHeaderBytes    = 16 << 10
	// silence is how long a registry may send, or an engine take, nothing.
	silence = time.Minute
	// patience is how long a registry may take over anything but a layer.
	patience  = 30 * time.Second
	drainTime = 2 * time.Second
)

// Options are what a relay is made of.
type Options struct {
	// Address is where engines call, "host:port".
	Address string
	// TLS has the relay's certificate; nil means plain HTTP, which engines take
	// from 127.0.0.0/8 and from their insecure-registries.
	TLS *tls.Config
	// Keychain has the registries' credentials; nil means anonymous.
	Keychain authn.Keychain
	Log      *slog.Logger
}

// Relay hands images on.
type Relay struct {
	// immutable after New
	opts      Options
	transport *http.Transport // to the registries

	mu    sync.Mutex       // guards the rest
	loans map[string]*loan // under way, by the engine's user name
	sites map[string]*pace
}

// New makes a relay; it serves once it runs.
func New(o Options) *Relay {
	if o.Keychain == nil {
		o.Keychain = authn.NewMultiKeychain() // of none
	}
	return &Relay{
		opts: o, transport: newTransport(),
		loans: make(map[string]*loan), sites: make(map[string]*pace),
	}
}

// newTransport is the way to the registries. HTTP/2 would take megabytes of each
// layer in before the site's rate lets them out, and it has Go unpack nothing.
func newTransport() *http.Transport {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: patience,
		IdleConnTimeout: 30 * time.Second, MaxIdleConnsPerHost: 16, DisableCompression: true,
		Protocols: new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	return t
}

// Lend lets one engine of a site pull the image of that digest until end is called:
// its manifest and what that names, at the site's rate in bytes per second, which is
// that of its first loan: it does not change while the manager runs. The image comes
// from the first of the repositories that has it, of which the last one is its own. The engine pulls the digest from the returned repository, which is
// the same for each pull from there, and proves by key that it was sent.
//
// A layer on its way is not cut off at the end: an engine fetches it once for all of
// its pulls, and closes the connection when none of them wants it any more.
func (r *Relay) Lend(site string, rate float64, digest string, from []name.Repository) (repository string, key authn.AuthConfig, end func()) {
	own := sha256.Sum256([]byte(from[len(from)-1].Name()))
	l := &loan{
		path: hex.EncodeToString(own[:16]), password: rand.Text(),
		known: map[string]bool{digest: true}, unread: []string{digest},
	}
	for _, repo := range from {
		l.sources = append(l.sources, &source{repo: repo, keys: r.opts.Keychain, base: r.transport, log: r.opts.Log})
	}
	user := rand.Text()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sites[site] == nil {
		r.sites[site] = newPace(rate)
	}
	l.pace = r.sites[site]
	r.loans[user] = l
	return r.opts.Address + "/" + l.path, authn.AuthConfig{Username: user, Password: l.password}, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.loans, user)
	}
}

// loan is the one under way with that user name, nil when there is none.
func (r *Relay) loan(user string) *loan {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loans[user]
}

// Sent is how many bytes each site was handed.
func (r *Relay) Sent() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := make(map[string]uint64, len(r.sites))
	for site, p := range r.sites {
		sent[site] = p.sent.Load()
	}
	return sent
}

// Run serves on the listener until ctx ends. Then it cuts off what is under way,
// which engines may go on with later, and waits for it.
func (r *Relay) Run(ctx context.Context, l net.Listener) error {
	g, ctx := errgroup.WithContext(ctx)
	// One request at a time on a connection, so that their number is bounded, too.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	srv := &http.Server{
		Handler: r.handler(), BaseContext: func(net.Listener) context.Context { return ctx }, Protocols: protocols,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readHeaderTimeout, WriteTimeout: silence, // each write renews it
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(r.opts.Log.Handler(), slog.LevelDebug),
	}
	l = netutil.LimitListener(l, maxConnections)
	if r.opts.TLS != nil {
		l = tls.NewListener(l, r.opts.TLS)
	}
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the relay: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		end, stop := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer stop()
		if srv.Shutdown(end) != nil {
			_ = srv.Close() // those that never asked for anything
		}
		r.transport.CloseIdleConnections()
		return nil
	})
	return g.Wait()
}
