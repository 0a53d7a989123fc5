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
			v := NodeView{Node: fleet.Node{Name: n.Name, Namespace: n.Namespace, Enclave: p.enclave, Host: p.host}, Participant: id}
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
			visit(fleet.Node{Name: n.Name, Namespace: n.Namespace, Enclave: p.enclave, Host: p.host})
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
