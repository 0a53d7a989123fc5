package dds_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/ros"
)

// The tests of this file have a real network: the manager, the robots and their
// enemies each in a network namespace, on one bridge.

func onHost(t *testing.T, h *ddstest.Host, name string, args ...any) *child {
	t.Helper()
	return role(t, name, strings.Fields(fmt.Sprintln(args...)), h.Exec()...)
}

const manyParticipants = 1000

func look(m *child) (s seen) {
	m.t.Helper()
	m.say("look")
	require.NoError(m.t, json.Unmarshal([]byte(m.answer("seen")), &s))
	return s
}

func awaitSeen(m *child, what string, ok func(seen) bool) (s seen) {
	m.t.Helper()
	require.Eventually(m.t, func() bool { s = look(m); return ok(s) }, ddstest.Deadline, 20*time.Millisecond, what)
	return s
}

func nobody(s seen) bool {
	return s.Stats.Participants == 0 && s.Stats.Endpoints == 0 && len(s.Nodes) == 0
}

// complete says that all robots are there, each with its nodes, an odometry, a
// node list, and what Cyclone makes no endpoint of.
func complete(robots, nodes int) func(seen) bool {
	return func(s seen) bool {
		return s.Stats.Participants == robots && s.Stats.Endpoints == 2*robots && len(s.Nodes) == robots*nodes
	}
}

func TestRobotsComeAndGo(t *testing.T) {
	t.Parallel()
	n := ddstest.NewNetwork(t)
	m, h := onHost(t, n.Host(), "manager", 0, manyParticipants), n.Host()

	peers := onHost(t, h, "robots", 0, 3, 2, 10)
	awaitSeen(m, "all that joined, and their data", func(s seen) bool { return complete(3, 2)(s) && s.Poses > 10 })
	began := time.Now()
	peers.end()
	awaitSeen(m, "nothing of those who left", nobody)
	assert.Less(t, time.Since(began), 2500*time.Millisecond, "an orderly end is not a lease that expires")

	peers = onHost(t, h, "robots", 0, 3, 2, 10)
	awaitSeen(m, "all that joined", complete(3, 2))
	peers.kill()
	began = time.Now()
	awaitSeen(m, "nothing of those that crashed", nobody)
	assert.InDelta(t, 3, time.Since(began).Seconds(), 2.5, "the lease is 3 s")
}

func TestAFastDDSRobotComesAndGoes(t *testing.T) {
	t.Parallel()
	n := ddstest.NewNetwork(t)
	m, h := onHost(t, n.Host(), "manager", 0, manyParticipants), n.Host()
	for _, end := range []func(*ddstest.Peer){(*ddstest.Peer).Quit, (*ddstest.Peer).Kill} {
		peer := h.StartPeer(t, 0, 3*time.Second)
		q := ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, Depth: 5}
		peer.Advertise("rt/robot7/odom", "nav_msgs::msg::dds_::Odometry_", q, "")
		awaitSeen(m, "its topic, and our subscription to it", func(s seen) bool { return s.Stats.Endpoints == 1 && s.Stats.Readers == 1 })
		before := look(m).Poses
		awaitSeen(m, "its data", func(s seen) bool {
			peer.Write("rt/robot7/odom", golden(t)["nav_msgs/msg/Odometry"])
			return s.Poses > before
		})
		end(peer)
		awaitSeen(m, "nothing of it", nobody)
	}
}

// A partition that outlasts the lease, three times: each time the graph is right
// at both ends of it, and nothing piles up.
func TestAPartitionHeals(t *testing.T) {
	t.Parallel()
	n := ddstest.NewNetwork(t)
	m, h := onHost(t, n.Host(), "manager", 0, manyParticipants), n.Host()
	onHost(t, h, "robots", 0, 5, 3, 10)
	first := awaitSeen(m, "all robots", func(s seen) bool { return complete(5, 3)(s) && s.Stats.Readers == 5 && s.Poses > 0 })
	for range 3 {
		h.Cut()
		awaitSeen(m, "nothing while it is cut off", nobody)
		h.Mend()
		mended := awaitSeen(m, "all robots again", complete(5, 3))
		assert.Equal(t, first.Nodes, mended.Nodes, "the same GUIDs")
		assert.Equal(t, first.Stats.Readers, mended.Stats.Readers, "our readers")
		awaitSeen(m, "data again", func(s seen) bool { return s.Poses > mended.Poses+50 })
	}
	assert.Zero(t, look(m).Stats.Refused)
}

func TestFiveHundredNodesJoinAtOnce(t *testing.T) {
	t.Parallel()
	const robots, nodes = 100, 5
	n := ddstest.NewNetwork(t)
	m, h := onHost(t, n.Host(), "manager", 0, manyParticipants), n.Host()
	began := time.Now()
	onHost(t, h, "robots", 0, robots, nodes, 1)
	joined := time.Now()
	s := awaitSeen(m, "the whole graph", complete(robots, nodes))
	t.Logf("%d nodes of %d participants: joined in %v, complete %v later, manager %d MB", robots*nodes, robots,
		joined.Sub(began).Round(time.Millisecond), time.Since(joined).Round(time.Millisecond), s.Resident>>20)
	for i := range robots {
		name := fmt.Sprintf("/robot%d/node", i)
		assert.Len(t, s.Nodes[name+"0"], 2, "its participant and its odometry")
		assert.Equal(t, s.Nodes[name+"0"][:1], s.Nodes[name+"4"])
	}
}
