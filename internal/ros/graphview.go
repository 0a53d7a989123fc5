package ros

import (
	"cmp"
	"slices"
	"strings"

	"github.com/muster-fleet/muster/internal/fleet"
)

// NodeView is a node with its endpoints, as `ros2 node info` shows them.
type NodeView struct {
	fleet.Node
	Participant   GUID
	Publishers    []Endpoint
	Subscriptions []Endpoint
	Services      []Endpoint // the writers of their replies
	Clients       []Endpoint // the writers of their requests
	ActionServers []string
}

// Nodes lists all nodes with their endpoints, by name.
func (g *Graph) Nodes() []NodeView {
	var all []NodeView
	for id, p := range g.participants {
		for _, n := range p.nodes {
			v := NodeView{Node: fleet.Node{Name: n.Name, Namespace: n.Namespace, Enclave: p.enclave, Host: p.host, Since: p.since}, Participant: id}
			g.attach(&v, n)
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b NodeView) int {
		return cmp.Or(cmp.Compare(a.FullName(), b.FullName()), slices.Compare(a.Participant[:], b.Participant[:]))
	})
	return all
}

func (g *Graph) attach(v *NodeView, n NodeEntities) {
	for _, id := range n.Writers {
		switch e := g.endpoints[id]; {
		case !e.Writer:
		case e.Kind == KindTopic:
			v.Publishers = append(v.Publishers, e)
		case e.Kind == KindReply:
			v.Services = append(v.Services, e)
			if action, ok := strings.CutSuffix(e.Name, "/_action/send_goal"); ok {
				v.ActionServers = append(v.ActionServers, action)
			}
		case e.Kind == KindRequest:
			v.Clients = append(v.Clients, e)
		}
	}
	for _, id := range n.Readers {
		if e, ok := g.endpoints[id]; ok && !e.Writer && e.Kind == KindTopic {
			v.Subscriptions = append(v.Subscriptions, e)
		}
	}
	byName := func(a, b Endpoint) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), slices.Compare(a.GUID[:], b.GUID[:]))
	}
	for _, list := range [][]Endpoint{v.Publishers, v.Subscriptions, v.Services, v.Clients} {
		slices.SortFunc(list, byName)
	}
	slices.Sort(v.ActionServers)
}

// names lists all nodes without their endpoints.
func (g *Graph) names(visit func(fleet.Node)) {
	for _, p := range g.participants {
		for _, n := range p.nodes {
			visit(fleet.Node{Name: n.Name, Namespace: n.Namespace, Enclave: p.enclave, Host: p.host, Since: p.since})
		}
	}
}

// Publishers lists the writers of a topic, by GUID.
func (g *Graph) Publishers(topic string) []Endpoint {
	list := make([]Endpoint, 0, len(g.topics[topic]))
	for id := range g.topics[topic] {
		list = append(list, g.endpoints[id])
	}
	slices.SortFunc(list, func(a, b Endpoint) int { return slices.Compare(a.GUID[:], b.GUID[:]) })
	return list
}

// Topics lists the names of the topics that have a publisher, in order.
func (g *Graph) Topics() []string {
	names := make([]string, 0, len(g.topics))
	for name := range g.topics {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// nameless counts the participants that have ROS topics and no node list: their
// list is late, or lost.
func (g *Graph) nameless() (n int) {
	for id := range g.perPart {
		if p := g.participants[id]; p != nil && p.nodes == nil {
			n++
		}
	}
	return n
}

// ParticipantView is a participant as discovery told of it.
type ParticipantView struct {
	GUID      GUID
	Vendor    string // "Cyclone DDS", "Fast DDS", else the vendor id in hexadecimal
	Enclave   string
	Host      string
	Nodes     []string // full names; empty while it has told none
	Endpoints int
}

// Participants lists the participants by GUID.
func (g *Graph) Participants() []ParticipantView {
	all := make([]ParticipantView, 0, len(g.participants))
	for id, p := range g.participants {
		v := ParticipantView{GUID: id, Vendor: vendor(id), Enclave: p.enclave, Host: p.host, Endpoints: g.perPart[id]}
		for _, n := range p.nodes {
			v.Nodes = append(v.Nodes, fleet.Node{Name: n.Name, Namespace: n.Namespace}.FullName())
		}
		slices.Sort(v.Nodes)
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b ParticipantView) int { return slices.Compare(a.GUID[:], b.GUID[:]) })
	return all
}

// vendor is who made the DDS of a participant: its GUID begins with the vendor's
// id (RTPS 2.3 § 8.3.3.1.3).
func vendor(id GUID) string {
	switch [2]byte(id[:2]) {
	case [2]byte{0x01, 0x10}:
		return "Cyclone DDS"
	case [2]byte{0x01, 0x0f}:
		return "Fast DDS"
	case [2]byte{0x01, 0x01}:
		return "RTI Connext"
	}
	return "vendor " + id.String()[:4]
}
