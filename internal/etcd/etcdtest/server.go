// Package etcdtest starts etcds for tests: embedded ones, and Debian's etcd as
// processes that can be stopped, frozen and killed.
package etcdtest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/muster-fleet/muster/internal/etcd"
	"github.com/muster-fleet/muster/internal/tlstest"
)

// Embed starts an embedded etcd that ends with the test.
func Embed(t testing.TB) string {
	t.Helper()
	e, err := etcd.Embed(t.Context(), etcd.EmbedOptions{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(e.Close)
	return e.Endpoint
}

// Dial connects a client that ends with the test.
func Dial(t testing.TB, id string, ttl time.Duration, endpoints ...string) *etcd.Client {
	t.Helper()
	return DialWith(t, etcd.Options{Endpoints: endpoints, LeaseTTL: ttl, ID: id})
}

// DialWith connects a client with options of the test's own; it ends with the test.
func DialWith(t testing.TB, o etcd.Options) *etcd.Client {
	t.Helper()
	o.Prefix, o.Log = "/test", slog.New(slog.DiscardHandler)
	c, err := etcd.Dial(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Server is a member of a cluster, in a process of its own.
type Server struct {
	// Endpoint is its client address.
	Endpoint string

	t    testing.TB
	line []string
	cmd  *exec.Cmd
	done chan struct{}
}

// Place is where a member runs.
type Place struct {
	Client, Peer string   // its addresses, host:port
	Enter        []string // the words that run a command there; none for here
}

// Start starts a cluster of one.
func Start(t testing.TB) *Server { return StartCluster(t, 1)[0] }

// StartCluster starts a cluster of n members and waits until it answers.
func StartCluster(t testing.TB, n int) []*Server {
	t.Helper()
	servers := StartClusterAt(t, here(t, n)...)
	awaitHealth(t, Dial(t, "probe", time.Second, servers[0].Endpoint))
	return servers
}

// StartSecureCluster starts a cluster of n members that speak TLS with clients of
// an authority alone, one of which is "manager". A token of a user who has signed
// in with a password is good for two seconds.
func StartSecureCluster(t testing.TB, n int) ([]*Server, *tlstest.Authority) {
	t.Helper()
	a := tlstest.NewAuthority(t)
	a.IssueServer("server")
	a.IssueClient("manager")
	servers := startMembers(t, "https", here(t, n),
		"--cert-file", a.Path("server.pem"), "--key-file", a.Path("server-key.pem"),
		"--trusted-ca-file", a.Path("ca.pem"), "--client-cert-auth",
		"--peer-cert-file", a.Path("server.pem"), "--peer-key-file", a.Path("server-key.pem"),
		"--peer-trusted-ca-file", a.Path("ca.pem"), "--peer-client-cert-auth", "--auth-token-ttl", "2")
	awaitHealth(t, DialWith(t, etcd.Options{Endpoints: []string{servers[0].Endpoint}, TLS: a.Config("manager")}))
	return servers, a
}

// StartClusterAt starts a cluster with a member in each place and does not wait
// for it.
func StartClusterAt(t testing.TB, places ...Place) []*Server {
	t.Helper()
	return startMembers(t, "http", places)
}

func startMembers(t testing.TB, scheme string, places []Place, args ...string) []*Server {
	t.Helper()
	cluster := make([]string, len(places))
	for i, p := range places {
		cluster[i] = fmt.Sprintf("m%d=%s://%s", i, scheme, p.Peer)
	}
	servers := make([]*Server, len(places))
	for i, p := range places {
		name, client, peer := fmt.Sprintf("m%d", i), scheme+"://"+p.Client, scheme+"://"+p.Peer
		s := &Server{Endpoint: client, t: t, line: append(slices.Clone(p.Enter), "etcd",
			"--name", name, "--data-dir", filepath.Join(t.TempDir(), name),
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-state", "new",
			"--heartbeat-interval", "20", "--election-timeout", "200", "--logger", "zap", "--log-level", "error",
		)}
		s.line = append(s.line, args...)
		servers[i] = s
		s.Start()
		t.Cleanup(s.Kill)
	}
	return servers
}

// here are n places on this machine.
func here(t testing.TB, n int) []Place {
	places := make([]Place, n)
	for i := range places {
		places[i] = Place{Client: freeAddress(t), Peer: freeAddress(t)}
	}
	return places
}

func awaitHealth(t testing.TB, c *etcd.Client) {
	t.Helper()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return c.Health(ctx) == nil
	}, 20*time.Second, 10*time.Millisecond, "the cluster does not answer")
}

// Leader is the member that leads.
func Leader(t testing.TB, servers []*Server) *Server {
	t.Helper()
	var leader *Server
	require.Eventually(t, func() bool {
		for _, s := range servers {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			status, err := s.client(t).Status(ctx, s.Endpoint)
			cancel()
			if err == nil && status.Leader == status.Header.MemberId {
				leader = s
				return true
			}
		}
		return false
	}, 20*time.Second, 10*time.Millisecond, "no member leads")
	return leader
}

// client is a connection to this member alone.
func (s *Server) client(t testing.TB) *clientv3.Client {
	t.Helper()
	kv, err := clientv3.New(clientv3.Config{Endpoints: []string{s.Endpoint}, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = kv.Close() })
	return kv
}

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// Start starts the member again, with the data that it has.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd = exec.Command(s.line[0], s.line[1:]...)
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(s.t, s.cmd.Start(), "Debian's package etcd-server has it")
	s.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait()
		close(done)
	}(s.cmd, s.done)
}

// Kill ends the member as a crash does.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Freeze stops the member's process without ending it: nobody answers.
func (s *Server) Freeze() { require.NoError(s.t, s.cmd.Process.Signal(syscall.SIGSTOP)) }

// Thaw lets it go on.
func (s *Server) Thaw() { require.NoError(s.t, s.cmd.Process.Signal(syscall.SIGCONT)) }
