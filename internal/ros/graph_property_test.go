package ros_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/muster-fleet/muster/internal/ros"
)

// world is a set of participants with their facts: those that make each entity,
// in order.
type world struct{ entities [][]ros.Fact }

// What a participant can have at its ends: topics, services and actions.
var ends = []struct {
	topic  string // in DDS, with the participant's number
	writer bool
}{
	{"rt/robot%d/odom", true},
	{"rt/robot%d/cmd_vel", false},
	{"rr/robot%d/driver/get_parametersReply", true}, // a server
	{"rq/robot%d/driver/get_parametersRequest", false},
	{"rq/other%d/resetRequest", true}, // a client
	{"rr/other%d/resetReply", false},
	{"rr/robot%d/go/_action/send_goalReply", true}, // an action's server
	{"rt/robot%d/go/_action/feedback", true},
	{"rt/shared", true},
	{"ros_discovery_info", true},
}

func drawWorld(t *rapid.T) (w world) {
	for p := range byte(rapid.IntRange(1, 4).Draw(t, "participants")) {
		id := guid(p, 0).Participant()
		w.entities = append(w.entities, []ros.Fact{
			ros.ParticipantFact{GUID: id, UserData: "enclave=/e;", Host: "h"},
			ros.ParticipantFact{GUID: id, UserData: "enclave=/;", Host: "h"},
		})
		node := ros.NodeEntities{Namespace: fmt.Sprintf("/robot%d", p), Name: "driver"}
		for i, e := range ends {
			if !rapid.Bool().Draw(t, "has "+e.topic) {
				continue
			}
			g, topic := guid(p, byte(i)+1), e.topic
			if i < len(ends)-2 {
				topic = fmt.Sprintf(topic, p)
			}
			fact := ros.EndpointFact{
				GUID: g, Participant: id, Writer: e.writer, Topic: topic,
				Type: "std_msgs::msg::dds_::String_", UserData: "typehash=RIHS01_1;",
			}
			changed := fact
			changed.QoS.Depth = 7
			w.entities = append(w.entities, []ros.Fact{fact, changed})
			if e.writer {
				node.Writers = append(node.Writers, g)
			} else {
				node.Readers = append(node.Readers, g)
			}
		}
		if rapid.Bool().Draw(t, "tells no nodes") {
			continue
		}
		size := rapid.SampledFrom([]ros.GIDSize{0, ros.GIDHumble, ros.GIDIron}).Draw(t, "gid size")
		w.entities = append(w.entities, []ros.Fact{
			ros.NodesFact{Participant: id, GIDSize: ros.GIDHumble, Nodes: []ros.NodeEntities{{Namespace: "/", Name: "early"}}},
			ros.NodesFact{Participant: id, GIDSize: size, Nodes: []ros.NodeEntities{node, {Namespace: "/", Name: "idle"}}},
		})
	}
	return w
}

func gone(f ros.Fact) []ros.Fact {
	switch f := f.(type) {
	case ros.ParticipantFact:
		return []ros.Fact{ros.ParticipantFact{GUID: f.GUID, Gone: true}}
	case ros.EndpointFact:
		return []ros.Fact{ros.EndpointFact{GUID: f.GUID, Participant: f.Participant, Writer: f.Writer, Gone: true}}
	}
	return nil // a node list ends with its participant
}

// again is an entity that may go and come back with the same facts, as after a
// partition; each entity by itself.
func again(t *rapid.T, e []ros.Fact) (all []ros.Fact) {
	for range rapid.IntRange(0, 2).Draw(t, "flickers") {
		all = append(append(all, e...), gone(e[0])...)
	}
	return append(all, e...)
}

// interleave merges the entities' facts in a random order that keeps each one's.
func interleave(t *rapid.T, entities [][]ros.Fact) (all []ros.Fact) {
	left := append([][]ros.Fact(nil), entities...)
	for len(left) > 0 {
		i := rapid.IntRange(0, len(left)-1).Draw(t, "next")
		all = append(all, left[i][0])
		if left[i] = left[i][1:]; len(left[i]) == 0 {
			left = append(left[:i], left[i+1:]...)
		}
	}
	return all
}

func TestAnyOrderGivesTheSameGraph(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		var straight []ros.Fact
		flicker := make([][]ros.Fact, 0, len(w.entities))
		for _, e := range w.entities {
			straight = append(straight, e...)
			flicker = append(flicker, again(t, e))
		}
		want, got := fold(straight), fold(interleave(t, flicker))
		require.Equal(t, want.Nodes(), got.Nodes())
		require.Equal(t, want.AllTopics(), got.AllTopics())
		require.Equal(t, want.Topics(), got.Topics())
		require.Equal(t, want.Participants(), got.Participants())
		require.Equal(t, want.GIDSizes(), got.GIDSizes())
		require.Equal(t, want.Held(), got.Held())
		for _, topic := range want.Topics() {
			require.Equal(t, want.Publishers(topic), got.Publishers(topic))
		}
		require.Zero(t, got.RefusedTotal())
	})
}

// Whatever came late, after some time nothing is kept of those that have gone.
func TestAfterAllRemovalsTheGraphIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		ended := make([][]ros.Fact, 0, len(w.entities))
		for _, e := range w.entities {
			ended = append(ended, append(again(t, e), gone(e[0])...))
		}
		g := fold(interleave(t, ended))
		require.Empty(t, g.Nodes())
		require.Empty(t, g.AllTopics())
		require.Empty(t, g.Topics())
		require.Empty(t, g.GIDSizes(), "who has gone has no vote")
		g.Age()
		g.Age()
		require.Equal(t, ros.Held{}, g.Held())
	})
}
