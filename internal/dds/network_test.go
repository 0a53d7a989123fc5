package dds_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
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

func look(m *child) seen { m.t.Helper(); return tell(m, "look") }

func tell(m *child, what string) (s seen) {
	m.t.Helper()
	m.say(what)
	require.NoError(m.t, json.Unmarshal([]byte(m.answer("seen")), &s))
	return s
}

func awaitSeen(m *child, what string, ok func(seen) bool) (s seen) {
	m.t.Helper()
	require.Eventually(m.t, func() bool { s = look(m); return ok(s) }, ddstest.Deadline, 20*time.Millisecond,
		"%s; it sees %v", what, lazily(func() string { return s.String() }))
	return s
}

// String tells the counts, and how many GUIDs are known of each node.
func (s seen) String() string {
	known := make(map[string]int, len(s.Nodes))
	for name, guids := range s.Nodes {
		known[name] = len(guids)
	}
	return fmt.Sprintf("%+v and nodes %v", s.Stats, known)
}

// told counts the robots, by the beginning of their names, whose odometry is known.
func (s seen) told(prefix string) (n int) {
	for name, guids := range s.Nodes {
		if strings.HasPrefix(name, prefix) && strings.HasSuffix(name, "/node0") && len(guids) == 2 {
			n++
		}
	}
	return n
}

// lazily is told when a test fails alone.
type lazily func() string

func (l lazily) String() string { return l() }

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

	peers := onHost(t, h, "robots", 0, 3, 2, 10, 0)
	awaitSeen(m, "all that joined, and their data", func(s seen) bool { return complete(3, 2)(s) && s.Poses > 10 })
	began := time.Now()
	peers.end()
	awaitSeen(m, "nothing of those who left", nobody)
	assert.Less(t, time.Since(began), 2500*time.Millisecond, "an orderly end is not a lease that expires")

	peers = onHost(t, h, "robots", 0, 3, 2, 10, 0)
	awaitSeen(m, "all that joined", complete(3, 2))
	peers.kill()
	began = time.Now()
	awaitSeen(m, "nothing of those that crashed", nobody)
	assert.InDelta(t, 3, time.Since(began).Seconds(), 2.5, "the lease is 3 s")
}

// fastRobot makes a Fast DDS peer a robot with so many nodes, all in its node list,
// and one odometry; it returns what writes that.
func fastRobot(p *ddstest.Peer, name string, nodes int) (drive func()) {
	topic := "rt/" + name + "/odom"
	q := ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, Depth: 5}
	list := ros.NodesFact{Participant: p.GUID}
	for i := range nodes {
		list.Nodes = append(list.Nodes, ros.NodeEntities{Namespace: "/" + name, Name: fmt.Sprintf("node%d", i)})
	}
	list.Nodes[0].Writers = []ros.GUID{p.Advertise(topic, "nav_msgs::msg::dds_::Odometry_", q, "")}
	p.Advertise(ros.InfoTopic, ros.DDSType(ros.InfoType), ros.InfoWriterQoS(), "")
	info, err := ros.EncodeInfo(list, ros.GIDIron)
	if err != nil {
		panic(err) // of a list that we made
	}
	p.Write(ros.InfoTopic, info)
	return func() { p.Write(topic, atOrigin()) }
}

func TestAFastDDSRobotComesAndGoes(t *testing.T) {
	t.Parallel()
	n := ddstest.NewNetwork(t)
	m, h := onHost(t, n.Host(), "manager", 0, manyParticipants), n.Host()
	for _, end := range []func(*ddstest.Peer){(*ddstest.Peer).Quit, (*ddstest.Peer).Kill} {
		peer := h.StartPeer(t, 0, 3*time.Second)
		drive := fastRobot(peer, "robot7", 3)
		s := awaitSeen(m, "its nodes, its topic, and our subscription to it", func(s seen) bool {
			return complete(1, 3)(s) && s.Stats.Readers == 1
		})
		assert.Equal(t, []string{peer.GUID.String()}, s.Nodes["/robot7/node1"])
		before := look(m).Poses
		awaitSeen(m, "its data", func(s seen) bool { drive(); return s.Poses > before })
		end(peer)
		awaitSeen(m, "nothing of it, its nodes neither", nobody)
	}
}

// A star: the manager has the participant index 0 and is the only peer of each
// robot, which needs no index.
const hubConfig = `<CycloneDDS><Domain><General><Interfaces><NetworkInterface name="eth0"/></Interfaces>` +
	`<AllowMulticast>false</AllowMulticast></General><Discovery><ParticipantIndex>0</ParticipantIndex></Discovery></Domain></CycloneDDS>`

func spokeConfig(hub *ddstest.Host) string {
	return `<CycloneDDS><Domain><General><Interfaces><NetworkInterface name="eth0"/></Interfaces>` +
		`<AllowMulticast>false</AllowMulticast></General><Discovery><ParticipantIndex>none</ParticipantIndex>` +
		`<Peers><Peer address="` + hub.Address + `:7410"/></Peers><SPDPInterval>2s</SPDPInterval></Discovery></Domain></CycloneDDS>`
}

// 100 robots with 5 nodes each: most in a few processes, some each in its own and
// of another vendor.
func TestFiveHundredNodesJoinAtOnce(t *testing.T) {
	t.Parallel()
	const processes, each, fast, nodes = 4, 22, 12, 5
	const robots = processes*each + fast
	n := ddstest.NewNetwork(t)
	hub, h := n.Host(), n.Host()
	run := func(h *ddstest.Host, config, name string, args ...any) *child {
		return role(t, name, strings.Fields(fmt.Sprintln(args...)), append(h.Exec(), "env", "CYCLONEDDS_URI="+config)...)
	}
	m := run(hub, hubConfig, "manager", 0, manyParticipants)
	began := time.Now()
	var joining sync.WaitGroup
	for i := range processes {
		joining.Go(func() { run(h, spokeConfig(hub), "robots", 0, each, nodes, 1, i*each) })
	}
	for i := range fast {
		joining.Go(func() { fastRobot(h.StartPeerOf(t, 0, hub), fmt.Sprintf("robot%d", processes*each+i), nodes) })
	}
	joining.Wait()
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
