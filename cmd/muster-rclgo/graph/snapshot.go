// Package graph turns what polls of the ROS graph API tell into discovery facts.
// rcl tells of nodes by name and of a topic's endpoints by GID, and of no events;
// so a Snapshot holds what the newest polls told, Diff makes the facts between two
// of them, and Due says which topics to ask for next. All of it is pure: the
// adapter asks rcl. It owns no goroutine and needs no ROS 2.
package graph

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/muster-fleet/muster/internal/ros"
)

// Node is a node's namespace and name.
type Node struct{ Namespace, Name string }

// Endpoint is a reader or writer of a topic. Type is its ROS type.
type Endpoint struct {
	GUID   ros.GUID
	Node   Node
	Type   string
	Writer bool
	QoS    ros.QoS
}

// Snapshot is what is known of the graph. A Snapshot does not change; Next makes
// another one.
type Snapshot struct {
	nodes  map[Node]bool
	topics map[string][]Endpoint // by ROS name, sorted by GUID
}

// Poll is what one round of asking told.
type Poll struct {
	Own    ros.GUID // our participant, of which nothing is kept
	Nodes  []Node   // all nodes
	Topics []string // the names of all topics
	Asked  []Answer // the endpoints of those topics that were asked for
}

// Answer is all endpoints of one topic.
type Answer struct {
	Topic     string
	Endpoints []Endpoint
}

// Next is the snapshot after a poll, and whether it differs. Topics that are gone
// lose their endpoints; topics that were not asked for keep them.
func (s Snapshot) Next(p Poll) (Snapshot, bool) {
	next := Snapshot{make(map[Node]bool, len(p.Nodes)), make(map[string][]Endpoint, len(p.Topics))}
	for _, n := range p.Nodes {
		next.nodes[Node{cmp.Or(n.Namespace, "/"), n.Name}] = true
	}
	for _, t := range p.Topics {
		if old, known := s.topics[t]; known {
			next.topics[t] = old
		}
	}
	changed := !maps.Equal(s.nodes, next.nodes) || len(next.topics) != len(s.topics)
	for _, a := range p.Asked {
		list := foreign(a.Endpoints, p.Own)
		if old, known := next.topics[a.Topic]; !known || !slices.Equal(old, list) {
			next.topics[a.Topic] = list
			changed = true
		}
	}
	return next, changed
}

// foreign are the endpoints that are not our own, sorted, each once.
func foreign(all []Endpoint, own ros.GUID) []Endpoint {
	list := make([]Endpoint, 0, len(all))
	for _, e := range all {
		if e.GUID.Participant() != own.Participant() && !e.GUID.IsZero() {
			e.Node.Namespace = cmp.Or(e.Node.Namespace, "/")
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b Endpoint) int { return slices.Compare(a.GUID[:], b.GUID[:]) })
	return slices.CompactFunc(list, func(a, b Endpoint) bool { return a.GUID == b.GUID })
}

// nameless is a participant for a node without any endpoint, since rcl does not
// say whose it is. Vendor id 0 is nobody's (RTPS 2.3 § 9.3.1.5), so that no real
// participant has it.
func nameless(n Node) (g ros.GUID) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(n.Namespace + "\x00" + n.Name)) // never fails
	binary.BigEndian.PutUint64(g[4:], h.Sum64())
	return g.Participant()
}

// view is a Snapshot by participant. A participant is there while an endpoint of
// it is, or a node that has none.
type view struct {
	endpoints map[ros.GUID]ros.EndpointFact
	nodes     map[ros.GUID][]ros.NodeEntities // of each participant; may be empty
}

func (s Snapshot) view() view {
	v := view{make(map[ros.GUID]ros.EndpointFact), make(map[ros.GUID][]ros.NodeEntities)}
	placed := make(map[Node]bool, len(s.nodes))
	for _, topic := range slices.Sorted(maps.Keys(s.topics)) {
		for _, e := range s.topics[topic] {
			if _, twice := v.endpoints[e.GUID]; twice {
				continue
			}
			part := e.GUID.Participant()
			v.endpoints[e.GUID] = ros.EndpointFact{
				GUID: e.GUID, Participant: part, Writer: e.Writer,
				Topic: ros.DDSTopic(topic), Type: ros.DDSType(e.Type), QoS: e.QoS,
			}
			nodes := v.nodes[part]
			if s.nodes[e.Node] { // else its name is not told yet, or the node has just gone
				placed[e.Node] = true
				nodes = attach(nodes, e)
			}
			v.nodes[part] = nodes
		}
	}
	for n := range s.nodes {
		if !placed[n] {
			v.nodes[nameless(n)] = []ros.NodeEntities{{Namespace: n.Namespace, Name: n.Name}}
		}
	}
	for _, list := range v.nodes {
		slices.SortFunc(list, func(a, b ros.NodeEntities) int {
			return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
		})
	}
	return v
}

// attach adds an endpoint to its node in the list.
func attach(list []ros.NodeEntities, e Endpoint) []ros.NodeEntities {
	i := slices.IndexFunc(list, func(n ros.NodeEntities) bool {
		return n.Name == e.Node.Name && n.Namespace == e.Node.Namespace
	})
	if i < 0 {
		i = len(list)
		list = append(list, ros.NodeEntities{Namespace: e.Node.Namespace, Name: e.Node.Name})
	}
	if e.Writer {
		list[i].Writers = append(list[i].Writers, e.GUID)
	} else {
		list[i].Readers = append(list[i].Readers, e.GUID)
	}
	return list
}
