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

// Network is two bridges with hosts on both, each a network namespace of its own.
// It needs root, and touches nothing of the host's own network.
type Network struct {
	t       testing.TB
	bridges string // the namespace of both
	hosts   int
}

// Host is a network namespace with the interfaces eth0, which has two addresses,
// and eth1.
type Host struct {
	Address   string   // the first
	Addresses []string // of both interfaces
	n         *Network
	name      string
}

var networks atomic.Int64

// prefix begins the names of all namespaces; the pid of the test's process follows.
const prefix = "muster-"

// NewNetwork makes a network; it goes with the test.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	require.Zero(t, os.Geteuid(), "network namespaces need root")
	sweep()
	n := &Network{t: t, bridges: fmt.Sprintf("%s%d-%d", prefix, os.Getpid(), networks.Add(1))}
	n.namespace(n.bridges)
	for _, bridge := range []string{"br0", "br1"} {
		n.ip(n.bridges, "link add "+bridge+" type bridge mcast_snooping 0 forward_delay 0")
		n.ip(n.bridges, "link set "+bridge+" up")
	}
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
	h := &Host{n: n, name: fmt.Sprintf("%s-%d", n.bridges, n.hosts)}
	n.namespace(h.name)
	n.ip(h.name, "link set lo up")
	for i, subnets := range [][]int{{77, 78}, {79}} {
		port, eth := h.port(i), fmt.Sprintf("eth%d", i)
		n.ip(n.bridges, "link add "+port+" type veth peer name "+eth+" netns "+h.name)
		n.ip(n.bridges, fmt.Sprintf("link set %s master br%d up", port, i))
		for _, subnet := range subnets {
			address := fmt.Sprintf("10.%d.0.%d", subnet, n.hosts)
			n.ip(h.name, "addr add "+address+"/24 dev "+eth)
			h.Addresses = append(h.Addresses, address)
		}
		n.ip(h.name, "link set "+eth+" up multicast on")
	}
	h.Address = h.Addresses[0]
	n.ip(h.name, "route add 224.0.0.0/4 dev eth0")
	return h
}

// port is the i-th interface's on its bridge.
func (h *Host) port(i int) string {
	return fmt.Sprintf("%s-%d", h.name[strings.LastIndex(h.name, "-")+1:], i)
}

// Exec are the words that run a command on the host.
func (h *Host) Exec() []string { return []string{"ip", "netns", "exec", h.name} }

// Cut pulls the host's cables.
func (h *Host) Cut() { h.n.t.Helper(); h.cables("down") }

// Mend plugs them in again.
func (h *Host) Mend() { h.n.t.Helper(); h.cables("up") }

func (h *Host) cables(state string) {
	h.n.t.Helper()
	for i := range 2 {
		h.n.ip(h.n.bridges, "link set "+h.port(i)+" "+state)
	}
}
