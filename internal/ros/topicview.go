package ros

import (
	"cmp"
	"maps"
	"slices"

	"github.com/muster-fleet/muster/internal/fleet"
)

// TopicView is a topic with both of its ends, as `ros2 topic info --verbose` shows
// it.
type TopicView struct {
	Name          string
	Types         []string // one, but where its endpoints disagree
	Publishers    []End
	Subscriptions []End
}

// End is an endpoint and the node that it belongs to.
type End struct {
	Endpoint
	Node string // full name; empty while no node list tells it
}

// AllTopics lists every ROS topic that has an end, a publisher or only a
// subscription, by name; the ends by GUID.
func (g *Graph) AllTopics() []TopicView {
	owners := g.owners()
	topics := make(map[string]*TopicView, len(g.topics))
	for id, e := range g.endpoints {
		if e.Kind != KindTopic {
			continue
		}
		v := topics[e.Name]
		if v == nil {
			v = &TopicView{Name: e.Name}
			topics[e.Name] = v
		}
		ends := &v.Subscriptions
		if e.Writer {
			ends = &v.Publishers
		}
		*ends = append(*ends, End{e, owners[id]})
		if !slices.Contains(v.Types, e.Type) {
			v.Types = append(v.Types, e.Type)
		}
	}
	all := make([]TopicView, 0, len(topics))
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		v := topics[name]
		for _, ends := range [][]End{v.Publishers, v.Subscriptions} {
			slices.SortFunc(ends, func(a, b End) int { return slices.Compare(a.GUID[:], b.GUID[:]) })
		}
		slices.Sort(v.Types)
		all = append(all, *v)
	}
	return all
}

// owners are the full names of the nodes by the endpoints that they list. An
// endpoint that several claim is the first's by name, so that the answer does not
// change by itself; a participant speaks for its own endpoints alone.
func (g *Graph) owners() map[GUID]string {
	owners := make(map[GUID]string, len(g.endpoints))
	for part, p := range g.participants {
		for _, n := range p.nodes {
			name := fleet.Node{Name: n.Name, Namespace: n.Namespace}.FullName()
			for _, list := range [][]GUID{n.Readers, n.Writers} {
				for _, id := range list {
					if old, taken := owners[id]; id.Participant() == part && (!taken || cmp.Less(name, old)) {
						owners[id] = name
					}
				}
			}
		}
	}
	return owners
}
