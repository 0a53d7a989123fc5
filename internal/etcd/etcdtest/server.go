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

	"github.com/muster-fleet/muster/internal/etcd"
)

// Embed starts an embedded etcd that ends with the test.
func Embed(t testing.TB) string {
	t.Helper()
	e, err := etcd.Embed(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(e.Close)
	return e.Endpoint
}

// Dial connects a client that ends with the test.
func Dial(t testing.TB, id string, ttl time.Duration, endpoints ...string) *etcd.Client {
	t.Helper()
	c, err := etcd.Dial(etcd.Options{
		Endpoints: endpoints, Prefix: "/test", LeaseTTL: ttl, ID: id, Log: slog.New(slog.DiscardHandler),
	})
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
	places := make([]Place, n)
	for i := range places {
		places[i] = Place{Client: freeAddress(t), Peer: freeAddress(t)}
	}
	servers := StartClusterAt(t, places...)
	c := Dial(t, "probe", time.Second, servers[0].Endpoint)
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return c.Health(ctx) == nil
	}, 20*time.Second, 10*time.Millisecond, "the cluster does not answer")
	return servers
}

// StartClusterAt starts a cluster with a member in each place and does not wait
// for it.
func StartClusterAt(t testing.TB, places ...Place) []*Server {
	t.Helper()
	cluster := make([]string, len(places))
	for i, p := range places {
		cluster[i] = fmt.Sprintf("m%d=http://%s", i, p.Peer)
	}
	servers := make([]*Server, len(places))
	for i, p := range places {
		name, client, peer := fmt.Sprintf("m%d", i), "http://"+p.Client, "http://"+p.Peer
		s := &Server{Endpoint: client, t: t, line: append(slices.Clone(p.Enter), "etcd",
			"--name", name, "--data-dir", filepath.Join(t.TempDir(), name),
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-state", "new",
			"--heartbeat-interval", "20", "--election-timeout", "200", "--logger", "zap", "--log-level", "error",
		)}
		servers[i] = s
		s.Start()
		t.Cleanup(s.Kill)
	}
	return servers
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
