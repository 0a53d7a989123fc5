package ros

import (
	"cmp"
	"slices"
	"strings"

	"github.com/muster-fleet/muster/internal/fleet"
)

// places is the layout of a domain: which namespaces there are, which are
// robots', and what lies in each. It is a pure view of a Graph.
type places struct {
	robots map[string]bool         // namespaces that are robots', and whether a topic shows it
	nodes  map[string][]fleet.Node // by namespace, ordered by name
	topics map[string][]string     // published topics, by namespace, ordered
	roles  map[roleKey]string      // the topic that plays a role
}

type roleKey struct {
	namespace string
	role      Role
}

// layout assigns every node and topic to the innermost robot around it, or to
// its outermost namespace where there is none.
func layout(g *Graph, robots []string, byHand map[roleKey]string) places {
	p := places{
		robots: make(map[string]bool), nodes: make(map[string][]fleet.Node),
		topics: make(map[string][]string), roles: make(map[roleKey]string),
	}
	for _, ns := range robots {
		p.robots[ns] = false
	}
	names := g.Topics()
	p.findRoles(g, names, byHand)
	for _, name := range names {
		ns := p.around(name[:max(strings.LastIndexByte(name, '/'), 0)])
		p.topics[ns] = append(p.topics[ns], name)
	}
	g.names(func(n fleet.Node) {
		ns := p.around(n.Namespace)
		p.nodes[ns] = append(p.nodes[ns], n)
	})
	for _, nodes := range p.nodes {
		slices.SortFunc(nodes, func(a, b fleet.Node) int {
			return cmp.Or(cmp.Compare(a.FullName(), b.FullName()), cmp.Compare(a.Enclave, b.Enclave), cmp.Compare(a.Host, b.Host))
		})
	}
	return p
}

// findRoles chooses for each namespace and role the best-named topic; what is
// set by hand goes before, even while nobody publishes it.
func (p *places) findRoles(g *Graph, names []string, byHand map[roleKey]string) {
	ranks := make(map[roleKey]int)
	for _, name := range names {
		for id := range g.topics[name] {
			ns, spec, rank, ok := robotTopic(name, g.endpoints[id].Type)
			if !ok || spec.role == RoleClock && ns != "/" { // a domain has one time
				continue
			}
			key := roleKey{ns, spec.role}
			if best, taken := ranks[key]; !taken || rank < best {
				ranks[key] = rank
				p.roles[key] = name
			}
			if spec.role.makesRobot() {
				p.robots[ns] = true
			}
		}
	}
	for key, topic := range byHand {
		p.roles[key] = topic
	}
}

// around is the innermost robot's namespace that holds ns, else the outermost
// part of ns.
func (p *places) around(ns string) string {
	for at := ns; at != "" && at != "/"; at = at[:strings.LastIndexByte(at, '/')] {
		if _, ok := p.robots[at]; ok {
			return at
		}
	}
	if _, ok := p.robots["/"]; ok || ns == "" || ns == "/" {
		return "/"
	}
	if i := strings.IndexByte(ns[1:], '/'); i >= 0 {
		return ns[:i+1]
	}
	return ns
}
