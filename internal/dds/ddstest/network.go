package ddstest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Network is a bridge with hosts on it, each a network namespace of its own. It
// needs root, and touches nothing of the host's own network.
type Network struct {
	t      testing.TB
	bridge string // the namespace of the bridge
	hosts  int
}

// Host is a network namespace with an interface eth0, which has two addresses.
type Host struct {
	Address string // the first
	n       *Network
	name    string
	port    string // its port on the bridge
}

var networks atomic.Int64

// prefix begins the names of all namespaces; the pid of the test's process follows.
const prefix = "muster-"

// NewNetwork makes a network; it goes with the test.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	require.Zero(t, os.Geteuid(), "network namespaces need root")
	sweep()
	n := &Network{t: t, bridge: fmt.Sprintf("%s%d-%d", prefix, os.Getpid(), networks.Add(1))}
	n.namespace(n.bridge)
	n.ip(n.bridge, "link add br0 type bridge mcast_snooping 0 forward_delay 0")
	n.ip(n.bridge, "link set br0 up")
	return n
}

// ip runs an ip(8) command in a namespace.
func (n *Network) ip(namespace, line string) {
	n.t.Helper()
	out, err := exec.Command("ip", append([]string{"-n", namespace}, strings.Fields(line)...)...).CombinedOutput()
	require.NoError(n.t, err, "ip %s: %s", line, out)
}

func (n *Network) namespace(name string) {
	n.t.Helper()
	out, err := exec.Command("ip", "netns", "add", name).CombinedOutput()
	require.NoError(n.t, err, "%s", out)
	n.t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
}

// Host adds a host.
func (n *Network) Host() *Host {
	n.t.Helper()
	n.hosts++
	h := &Host{
		Address: fmt.Sprintf("10.77.0.%d", n.hosts), n: n,
		name: fmt.Sprintf("%s-%d", n.bridge, n.hosts), port: fmt.Sprintf("port%d", n.hosts),
	}
	n.namespace(h.name)
	n.ip(n.bridge, "link add "+h.port+" type veth peer name eth0 netns "+h.name)
	n.ip(n.bridge, "link set "+h.port+" master br0 up")
	for _, line := range []string{
		"link set lo up", "addr add " + h.Address + "/24 dev eth0", fmt.Sprintf("addr add 10.78.0.%d/24 dev eth0", n.hosts),
		"link set eth0 up multicast on", "route add 224.0.0.0/4 dev eth0",
	} {
		n.ip(h.name, line)
	}
	return h
}

// Exec are the words that run a command on the host.
func (h *Host) Exec() []string { return []string{"ip", "netns", "exec", h.name} }

// Cut pulls the host's cable.
func (h *Host) Cut() { h.n.t.Helper(); h.n.ip(h.n.bridge, "link set "+h.port+" down") }

// Mend plugs it in again.
func (h *Host) Mend() { h.n.t.Helper(); h.n.ip(h.n.bridge, "link set "+h.port+" up") }
