package graph_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/muster-fleet/muster/cmd/muster-rclgo/graph"
	"github.com/muster-fleet/muster/internal/ros"
)

var (
	own      = guid(0xee, 0)
	nav      = graph.Node{Namespace: "/robot1", Name: "nav"}
	reliable = ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile}
)

// guid is the n-th endpoint of a participant.
func guid(participant, n byte) ros.GUID { return ros.GUID{1, 0x10, participant, 15: n} }

func endpoint(participant, n byte, node graph.Node, writer bool) graph.Endpoint {
	return graph.Endpoint{GUID: guid(participant, n), Node: node, Type: "nav_msgs/msg/Odometry", Writer: writer, QoS: reliable}
}

// after is the snapshot after a poll that asked for all of its topics.
func after(t require.TestingT, s graph.Snapshot, nodes []graph.Node, topics map[string][]graph.Endpoint) graph.Snapshot {
	p := graph.Poll{Own: own, Nodes: nodes}
	for name, list := range topics {
		p.Topics = append(p.Topics, name)
		p.Asked = append(p.Asked, graph.Answer{Topic: name, Endpoints: list})
	}
	next, changed := s.Next(p)
	require.True(t, changed || len(graph.Diff(s, next)) == 0, "an unchanged snapshot has no facts")
	again, changed := next.Next(p)
	require.False(t, changed, "the same poll again")
	require.Empty(t, graph.Diff(next, again))
	return next
}

func TestANodeComesAndGoes(t *testing.T) {
	empty := graph.Snapshot{}
	odom := endpoint(1, 3, nav, true)
	s := after(t, empty, []graph.Node{nav}, map[string][]graph.Endpoint{"/robot1/odom": {odom, endpoint(0xee, 4, graph.Node{Name: "muster"}, false)}})
	part := odom.GUID.Participant()
	nodes := []ros.NodeEntities{{Namespace: "/robot1", Name: "nav", Writers: []ros.GUID{odom.GUID}}}
	assert.Equal(t, []ros.Fact{
		ros.ParticipantFact{GUID: part},
		ros.EndpointFact{GUID: odom.GUID, Participant: part, Writer: true, Topic: "rt/robot1/odom", Type: "nav_msgs::msg::dds_::Odometry_", QoS: reliable},
		ros.NodesFact{Participant: part, Nodes: nodes},
	}, graph.Diff(empty, s), "nothing of ourselves")

	gone := after(t, s, nil, map[string][]graph.Endpoint{"/robot1/odom": nil})
	assert.Equal(t, []ros.Fact{
		ros.EndpointFact{GUID: odom.GUID, Participant: part, Writer: true, Gone: true},
		ros.ParticipantFact{GUID: part, Gone: true},
	}, graph.Diff(s, gone))
}

func TestAQoSChanges(t *testing.T) {
	before := endpoint(1, 3, nav, true)
	changed := before
	changed.QoS.Reliability = ros.BestEffort
	a := after(t, graph.Snapshot{}, []graph.Node{nav}, map[string][]graph.Endpoint{"/a": {before}})
	b := after(t, a, []graph.Node{nav}, map[string][]graph.Endpoint{"/a": {changed}})
	facts := graph.Diff(a, b)
	require.Len(t, facts, 1)
	assert.Equal(t, ros.BestEffort, facts[0].(ros.EndpointFact).QoS.Reliability)
}

func TestTopicsThatWereNotAskedForKeepTheirEndpoints(t *testing.T) {
	s := after(t, graph.Snapshot{}, []graph.Node{nav}, map[string][]graph.Endpoint{"/a": {endpoint(1, 3, nav, true)}, "/b": {endpoint(1, 4, nav, true)}})
	next, changed := s.Next(graph.Poll{Own: own, Nodes: []graph.Node{nav}, Topics: []string{"/a", "/b"}})
	assert.False(t, changed)
	assert.Empty(t, graph.Diff(s, next))
	next, changed = s.Next(graph.Poll{Own: own, Nodes: []graph.Node{nav}, Topics: []string{"/b"}})
	assert.True(t, changed, "a topic that is gone takes its endpoints along")
	assert.Contains(t, graph.Diff(s, next), ros.Fact(ros.EndpointFact{GUID: guid(1, 3), Participant: guid(1, 3).Participant(), Writer: true, Gone: true}))
}

func TestANodeWithoutEndpoints(t *testing.T) {
	s := after(t, graph.Snapshot{}, []graph.Node{nav}, nil)
	facts := graph.Diff(graph.Snapshot{}, s)
	require.Len(t, facts, 2)
	part := facts[0].(ros.ParticipantFact).GUID
	assert.Equal(t, [2]byte{}, [2]byte(part[:2]), "no vendor's GUID")
	assert.Equal(t, ros.NodesFact{Participant: part, Nodes: []ros.NodeEntities{{Namespace: "/robot1", Name: "nav"}}}, facts[1])
	// Its first endpoint moves it to the participant that it really has.
	next := after(t, s, []graph.Node{nav}, map[string][]graph.Endpoint{"/a": {endpoint(1, 3, nav, true)}})
	assert.Contains(t, graph.Diff(s, next), ros.Fact(ros.ParticipantFact{GUID: part, Gone: true}))
}

func TestEndpointsOfUnknownNodes(t *testing.T) {
	unknown := graph.Node{Namespace: "_NODE_NAMESPACE_UNKNOWN_", Name: "_NODE_NAME_UNKNOWN_"}
	s := after(t, graph.Snapshot{}, nil, map[string][]graph.Endpoint{"/a": {endpoint(1, 3, unknown, true), {}}})
	facts := graph.Diff(graph.Snapshot{}, s)
	require.Len(t, facts, 2, "a participant, an endpoint, no node; and no endpoint without a GUID: %v", facts)
}

// Whatever polls tell, the facts lead a graph to the same state, and to an empty
// one when all is gone.
func TestEveryFactHasAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		folded := ros.NewGraph(ros.DefaultLimits())
		s := graph.Snapshot{}
		for range rapid.IntRange(1, 6).Draw(t, "polls") {
			nodes, topics := drawGraph(t)
			next := after(t, s, nodes, topics)
			for _, f := range graph.Diff(s, next) {
				folded.Apply(f)
			}
			s = next
			fresh := ros.NewGraph(ros.DefaultLimits())
			for _, f := range graph.Diff(graph.Snapshot{}, s) {
				fresh.Apply(f)
			}
			require.Equal(t, fresh.Nodes(), folded.Nodes())
			for name := range topics {
				require.Equal(t, fresh.Publishers(name), folded.Publishers(name))
			}
			wantP, wantE := fresh.Counts()
			gotP, gotE := folded.Counts()
			require.Equal(t, [2]int{wantP, wantE}, [2]int{gotP, gotE})
		}
		for _, f := range graph.Diff(s, graph.Snapshot{}) {
			folded.Apply(f)
		}
		participants, endpoints := folded.Counts()
		require.Equal(t, [2]int{}, [2]int{participants, endpoints})
		require.Empty(t, folded.Nodes())
	})
}

// drawGraph has few names, so that polls collide.
func drawGraph(t *rapid.T) (nodes []graph.Node, topics map[string][]graph.Endpoint) {
	node := rapid.Custom(func(t *rapid.T) graph.Node {
		return graph.Node{Namespace: rapid.SampledFrom([]string{"", "/r1", "/r2"}).Draw(t, "ns"), Name: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name")}
	})
	nodes = rapid.SliceOfN(node, 0, 4).Draw(t, "nodes")
	topics = make(map[string][]graph.Endpoint)
	for i := range rapid.IntRange(0, 3).Draw(t, "topics") {
		topics[fmt.Sprintf("/t%d", i)] = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) graph.Endpoint {
			n := rapid.ByteRange(0, 5).Draw(t, "entity")
			e := endpoint(rapid.SampledFrom([]byte{1, 2, 0xee}).Draw(t, "participant"), byte(i)*16+n, node.Draw(t, "node"), n%2 == 0)
			e.QoS.Depth = rapid.IntRange(0, 1).Draw(t, "depth")
			return e
		}), 0, 5).Draw(t, "endpoints")
	}
	return nodes, topics
}

func TestDue(t *testing.T) {
	other := graph.Node{Namespace: "/robot2", Name: "nav"}
	s := after(t, graph.Snapshot{}, []graph.Node{nav, other}, map[string][]graph.Endpoint{
		"/a": {endpoint(1, 1, nav, true)}, "/b": {endpoint(2, 2, other, true)}, "/c": nil, "/d": nil,
	})
	both := []graph.Node{nav, other}
	all := []string{"/a", "/b", "/c", "/d"}
	due, cursor := s.Due(all, both, "", graph.Budget{Urgent: 9, Routine: 9})
	assert.Equal(t, all, due, "a small graph in each round")
	assert.Equal(t, "/d", cursor)

	due, _ = s.Due([]string{"/a", "/b", "/c", "/d", "/new"}, []graph.Node{nav}, "", graph.Budget{Urgent: 9, Routine: 1})
	assert.Equal(t, []string{"/new", "/b", "/a"}, due, "new ones, then those whose node went, then in turn")

	var seen []string
	cursor = ""
	for range 4 {
		due, cursor = s.Due(all, both, cursor, graph.Budget{Urgent: 9, Routine: 3})
		seen = append(seen, due...)
	}
	for _, topic := range all {
		assert.Equal(t, 3, count(seen, topic), "each has its turn")
	}
	due, _ = s.Due([]string{"/x", "/y", "/z"}, nil, "", graph.Budget{Urgent: 2})
	assert.Equal(t, []string{"/x", "/y"}, due, "bounded")
	due, _ = s.Due(nil, nil, "/d", graph.DefaultBudget())
	assert.Empty(t, due)
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

func TestIncompatible(t *testing.T) {
	for name, c := range map[string]struct {
		requested, offered ros.QoS
		want               []string
	}{
		"the same":                {reliable, reliable, nil},
		"less is asked for":       {ros.QoS{Reliability: ros.BestEffort, Durability: ros.Volatile}, ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal}, nil},
		"reliability":             {ros.QoS{Reliability: ros.Reliable}, ros.QoS{Reliability: ros.BestEffort}, []string{"RELIABILITY"}},
		"both":                    {ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal}, ros.QoS{Reliability: ros.BestEffort, Durability: ros.Volatile}, []string{"DURABILITY", "RELIABILITY"}},
		"unknown":                 {ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal}, ros.QoS{}, nil},
		"no deadline is offered":  {ros.QoS{Deadline: time.Second}, ros.QoS{}, []string{"DEADLINE"}},
		"a longer deadline":       {ros.QoS{Deadline: time.Second}, ros.QoS{Deadline: time.Minute}, []string{"DEADLINE"}},
		"a shorter deadline":      {ros.QoS{Deadline: time.Second}, ros.QoS{Deadline: time.Millisecond}, nil},
		"no deadline is asked":    {ros.QoS{}, ros.QoS{Deadline: time.Second}, nil},
		"liveliness":              {ros.QoS{Liveliness: ros.ManualByTopic}, ros.QoS{Liveliness: ros.Automatic}, []string{"LIVELINESS"}},
		"the lease of liveliness": {ros.QoS{LivelinessLease: time.Second}, ros.QoS{LivelinessLease: time.Minute}, []string{"LIVELINESS"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := endpoint(1, 1, nav, true)
			w.QoS = c.offered
			r := endpoint(1, 2, nav, false)
			r.QoS = ros.QoS{Reliability: ros.BestEffort}
			s := after(t, graph.Snapshot{}, nil, map[string][]graph.Endpoint{"/a": {w, r}})
			var got []string
			for _, f := range s.Incompatible([]graph.Reader{{ID: 7, Topic: "/a", QoS: c.requested}, {ID: 8, Topic: "/b", QoS: c.requested}}) {
				assert.Equal(t, ros.ReaderID(7), f.Reader)
				got = append(got, f.Policy)
			}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestToldOnce(t *testing.T) {
	told := make(graph.Told)
	a, b := ros.IncompatibleFact{Reader: 1, Policy: "RELIABILITY"}, ros.IncompatibleFact{Reader: 2, Policy: "DURABILITY"}
	assert.Equal(t, []ros.Fact{a}, told.Fresh([]ros.IncompatibleFact{a}))
	assert.Equal(t, []ros.Fact{b}, told.Fresh([]ros.IncompatibleFact{a, b}))
	assert.Empty(t, told.Fresh([]ros.IncompatibleFact{b}))
	assert.Equal(t, []ros.Fact{a}, told.Fresh([]ros.IncompatibleFact{a, b}), "it has come back")
}
