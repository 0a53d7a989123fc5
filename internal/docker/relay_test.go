package docker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/relay"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/tlstest"
)

var _ Relay = (*relay.Relay)(nil)

const mib = 1 << 20

// relayRig is a rig whose engine may pull by a relay.
type relayRig struct {
	*rig
	relay  *relay.Relay
	own    *front       // the image's registry
	direct atomic.Int64 // bytes of layers that the engine had from there
	at     string       // where the relay listens
}

// relayOptions are how a relayRig differs from the usual.
type relayOptions struct {
	size   int // of the layer
	site   Site
	step   func(http.ResponseWriter, *http.Request, http.Handler) // of the image's registry
	engine *dockertest.Engine
	listen string
	tls    *tls.Config
}

func newRelayRig(t *testing.T, o relayOptions) *relayRig {
	t.Helper()
	if o.engine == nil {
		o.engine = shared(t)
	}
	if o.step == nil {
		o.step = pass
	}
	if o.listen == "" {
		o.listen = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", o.listen)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	r := &relayRig{at: l.Addr().String()}
	r.rig = newRigAt(t, o.engine, o.engine.URL(), dockertest.Image{}, dockertest.Image{Files: map[string][]byte{"/map": noise(o.size)}})
	r.own = newFront(t, func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		if strings.HasPrefix(req.UserAgent(), "docker/") && strings.Contains(req.URL.Path, "/blobs/") {
			w = countingWriter{w, &r.direct}
		}
		o.step(w, req, next)
	})
	r.relay = relay.New(relay.Options{Address: r.at, TLS: o.tls, Log: testLog(t)})
	r.t1.Image.Repository = r.own.host() + "/" + r.t1.Container
	o.site.Name = "north"
	r.c, err = NewClient(Endpoint{Name: "e", URL: o.engine.URL(), Site: "north"},
		Options{Relay: r.relay, Sites: []Site{o.site}}, testLog(t))
	require.NoError(t, err)
	t.Cleanup(r.c.Close)
	return r
}

// serve runs the relay until the test ends.
func (r *relayRig) serve() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.at)
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.relay.Run(ctx, l) }()
	r.t.Cleanup(func() { cancel(); require.NoError(r.t, <-ended) })
}

func (r *relayRig) sent() int { return int(r.relay.Sent()["north"]) }

// came looks that the layers came by the relay, all of them, and that its name did
// not stay.
func (r *relayRig) came(size int) {
	r.t.Helper()
	require.Greater(r.t, r.sent(), size)
	require.Less(r.t, r.direct.Load(), int64(64<<10), "the configuration alone")
	i, err := r.api.ImageInspect(r.ctx(), r.t1.Image.ByDigest())
	require.NoError(r.t, err)
	require.NotContains(r.t, strings.Join(i.RepoDigests, " "), r.at)
}

// Two images that are pulled at one time share their site's bandwidth and use it up.
func TestASitePullsNoFasterThanItMay(t *testing.T) {
	t.Parallel()
	const size, bandwidth = 12 * mib, 8 * mib
	r := newRelayRig(t, relayOptions{size: size, site: Site{Bandwidth: bandwidth}})
	r.serve()
	second := r.t1
	second.Image.Digest = dockertest.PushImage(t, images, r.t1.Container, "3",
		dockertest.Image{Files: map[string][]byte{"/map": noise(size)}})
	began := time.Now()
	var pulls sync.WaitGroup
	for _, target := range []rollout.Target{r.t1, second} {
		pulls.Go(func() {
			if err := r.c.Pull(r.ctx(), target, noReport); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "the relay has sent both", func() bool { return t.Failed() || r.sent() >= 2*size })
	took := time.Since(began)
	pulls.Wait()
	t.Logf("%d MiB took %v", 2*size/mib, took)
	require.Greater(t, took, 2800*time.Millisecond)
	require.Less(t, took, 6*time.Second)
	r.came(2 * size)
}

func TestWithoutABandwidthNothingIsRelayed(t *testing.T) {
	t.Parallel()
	r := newRelayRig(t, relayOptions{size: mib})
	r.serve()
	require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport))
	require.Zero(t, r.sent())
	require.Greater(t, r.direct.Load(), int64(mib))
}

// Without its relay a limited pull fails, and may be tried again: layers must not
// come past the limit.
func TestALimitedPullNeedsItsRelay(t *testing.T) {
	t.Parallel()
	r := newRelayRig(t, relayOptions{size: mib, site: Site{Bandwidth: 100 * mib}})
	err := r.c.Pull(r.ctx(), r.t1, noReport)
	require.ErrorContains(t, err, `by the relay of site "north": `)
	require.ErrorContains(t, err, r.at)
	require.False(t, rollout.IsFatal(err), err)
	require.Empty(t, r.own.asked("/blobs/"))
	r.serve()
	require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport))
	r.came(mib)

	gone := r.t1 // is final whoever says it
	gone.Image.Digest = anyTarget().Image.Digest
	err = r.c.Pull(r.ctx(), gone, noReport)
	require.True(t, rollout.IsFatal(err), err)
	require.ErrorContains(t, err, r.own.host())

	_, err = NewClient(Endpoint{Name: "e", URL: r.c.endpoint.URL, Site: "north"}, Options{Bandwidth: 1}, testLog(t))
	require.ErrorContains(t, err, `site "north": bandwidth: there is no relay`)
}

// A password that the relay no longer knows is not a registry that refuses access.
func TestAPullThatTheRelayHasForgottenIsTriedAgain(t *testing.T) {
	t.Parallel()
	e := fakeEngine(t, map[string]http.HandlerFunc{
		"GET /v1.41/images/":        answer(404, `{}`),
		"POST /v1.41/images/create": answer(401, `{"message":"unauthorized: no pull is under way with this password"}`),
	})
	for _, c := range []struct {
		bandwidth float64
		final     bool
	}{{mib, false}, {0, true}} {
		o := Options{Bandwidth: c.bandwidth, Relay: relay.New(relay.Options{Address: "127.0.0.1:1", Log: testLog(t)})}
		limited, err := NewClient(e.endpoint, o, testLog(t))
		require.NoError(t, err)
		t.Cleanup(limited.Close)
		err = limited.Pull(t.Context(), anyTarget(), noReport)
		require.ErrorContains(t, err, "no pull is under way")
		require.Equal(t, c.final, rollout.IsFatal(err), err)
	}
}

func TestALimitedPullGoesOnWhereItWasCutOff(t *testing.T) {
	t.Parallel()
	const size = 4 * mib
	step, sent := cutsOnce(size)
	r := newRelayRig(t, relayOptions{size: size, site: Site{Bandwidth: 100 * mib}, step: step})
	r.serve()
	require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport))
	require.Len(t, r.own.asked("bytes="), 1, "the rest")
	require.Less(t, sent.Load(), int64(size+size/2), "and not the whole again")
	require.Less(t, r.sent(), size+size/2)
	r.came(size - 1)
}

func TestALimitedPullByTheMirror(t *testing.T) {
	t.Parallel()
	mirror := newFront(t, pass)
	r := newRelayRig(t, relayOptions{size: mib, site: Site{Bandwidth: 100 * mib, Mirror: mirror.host()}})
	r.serve()
	require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport))
	r.came(mib)
	require.NotEmpty(t, mirror.asked("/blobs/"))
	require.LessOrEqual(t, len(r.own.asked("/blobs/")), 1, "the configuration alone")
}

// Beyond the loopback addresses an engine takes a relay with a certificate that it
// can check, and no other.
func TestALimitedPullByTLS(t *testing.T) {
	t.Parallel()
	ip := ownAddress(t)
	a := tlstest.NewAuthority(t)
	a.Issue("relay", &x509.Certificate{IPAddresses: []net.IP{ip}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	pair, err := tls.LoadX509KeyPair(a.Path("relay.pem"), a.Path("relay-key.pem"))
	require.NoError(t, err)
	o := relayOptions{
		size: mib, site: Site{Bandwidth: 100 * mib}, listen: net.JoinHostPort(ip.String(), "0"),
		tls: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}},
	}
	r := newRelayRig(t, o)
	r.serve()
	require.ErrorContains(t, r.c.Pull(r.ctx(), r.t1, noReport), "certificate")
	require.Empty(t, r.own.asked("/blobs/"))

	// What ca.crt in the engine's certs.d says to it alone this says to the process.
	o.engine = dockertest.StartEngineAt(t, []string{"env", "SSL_CERT_FILE=" + a.Path("ca.pem")})
	r = newRelayRig(t, o)
	r.serve()
	require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport))
	r.came(mib)
}

// ownAddress is an address of this machine that is not a loopback one.
func ownAddress(t *testing.T) net.IP {
	t.Helper()
	all, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, address := range all {
		if n, ok := address.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP
		}
	}
	t.Skip("this machine has no address but loopback")
	return nil
}
