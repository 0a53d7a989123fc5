package ros

import (
	"maps"
	"time"
)

// Limits bound what a Graph keeps, whatever a hostile peer announces.
type Limits struct {
	Participants        int
	Endpoints           int // in all
	EndpointsPerPart    int // of one participant
	NodesPerParticipant int
	Early               int // node lists of participants not yet known
}

// DefaultLimits leave room for 5,000 robots of some ten nodes.
func DefaultLimits() Limits {
	return Limits{Participants: 20_000, Endpoints: 1_000_000, EndpointsPerPart: 20_000, NodesPerParticipant: 2_000, Early: 2_000}
}

// Graph is the ROS graph as a fold over discovery facts. The facts about one
// entity come in order; those about different entities, and the node lists, in
// any. Each fact has an end: a participant's and an endpoint's is their own Gone,
// a node list's is the next list or the end of its participant.
//
// A Graph is not safe for concurrent use.
type Graph struct {
	limits       Limits
	participants map[GUID]*participant
	endpoints    map[GUID]Endpoint
	perPart      map[GUID]int // endpoints of each participant
	topics       map[string]map[GUID]bool
	early        map[GUID][]NodeEntities
	refused      map[string]uint64
	version      uint64
}

type participant struct {
	enclave, host string
	nodes         []NodeEntities
	since         time.Time
}

// Endpoint is a reader or writer as discovery told of it.
type Endpoint struct {
	GUID     GUID
	Writer   bool
	Name     string // of the topic or service
	Kind     Kind
	Type     string // ROS type
	TypeHash string // RIHS01_…; empty for peers before Iron
	QoS      QoS
}

// NewGraph makes an empty graph.
func NewGraph(l Limits) *Graph {
	return &Graph{
		limits: l, participants: make(map[GUID]*participant), endpoints: make(map[GUID]Endpoint),
		perPart: make(map[GUID]int), topics: make(map[string]map[GUID]bool),
		early: make(map[GUID][]NodeEntities), refused: make(map[string]uint64),
	}
}

// Version grows with every fact that changed the graph.
func (g *Graph) Version() uint64 { return g.version }

// Refused counts the facts that a limit kept out, by reason.
func (g *Graph) Refused() map[string]uint64 { return maps.Clone(g.refused) }

// Counts are the participants and endpoints that are known.
func (g *Graph) Counts() (participants, endpoints int) {
	return len(g.participants), len(g.endpoints)
}

// Apply folds one fact in.
func (g *Graph) Apply(f Fact) {
	switch f := f.(type) {
	case ParticipantFact:
		g.applyParticipant(f)
	case EndpointFact:
		g.applyEndpoint(f)
	case NodesFact:
		g.applyNodes(f)
	case IncompatibleFact: // says something of a reader of ours, not of the graph
	}
}

func (g *Graph) applyParticipant(f ParticipantFact) {
	p := g.participants[f.GUID]
	if f.Gone {
		delete(g.early, f.GUID)
		if p != nil {
			delete(g.participants, f.GUID)
			g.version++
		}
		return
	}
	if p == nil {
		if len(g.participants) >= g.limits.Participants {
			g.refused["participants"]++
			return
		}
		p = &participant{nodes: g.early[f.GUID], since: f.Since}
		delete(g.early, f.GUID)
		g.participants[f.GUID] = p
	}
	p.enclave, p.host = bounded(userData(f.UserData, "enclave")), bounded(f.Host)
	g.version++
}

// bounded cuts text from the wire to the length of a name.
func bounded(s string) string { return s[:min(len(s), MaxName)] }

func (g *Graph) applyEndpoint(f EndpointFact) {
	old, known := g.endpoints[f.GUID]
	if f.Gone {
		if known {
			g.removeEndpoint(f.GUID, old)
		}
		return
	}
	switch part := f.GUID.Participant(); {
	case len(f.Topic) > MaxName || len(f.Type) > MaxName:
		g.refused["names"]++
		return
	case !known && len(g.endpoints) >= g.limits.Endpoints:
		g.refused["endpoints"]++
		return
	case !known && g.perPart[part] >= g.limits.EndpointsPerPart:
		g.refused["endpoints_per_participant"]++
		return
	}
	e := Endpoint{GUID: f.GUID, Writer: f.Writer, Type: ROSType(f.Type), TypeHash: bounded(userData(f.UserData, "typehash")), QoS: f.QoS}
	e.Name, e.Kind = ROSTopic(f.Topic)
	if known && old == e {
		return
	}
	if known {
		g.removeEndpoint(f.GUID, old)
	}
	g.endpoints[f.GUID] = e
	g.perPart[f.GUID.Participant()]++
	if e.Kind == KindTopic && e.Writer {
		if g.topics[e.Name] == nil {
			g.topics[e.Name] = make(map[GUID]bool)
		}
		g.topics[e.Name][f.GUID] = true
	}
	g.version++
}

func (g *Graph) removeEndpoint(id GUID, e Endpoint) {
	delete(g.endpoints, id)
	part := id.Participant()
	if g.perPart[part]--; g.perPart[part] <= 0 {
		delete(g.perPart, part)
	}
	if writers := g.topics[e.Name]; e.Kind == KindTopic && e.Writer {
		delete(writers, id)
		if len(writers) == 0 {
			delete(g.topics, e.Name)
		}
	}
	g.version++
}

func (g *Graph) applyNodes(f NodesFact) {
	nodes := make([]NodeEntities, 0, len(f.Nodes))
	for _, n := range f.Nodes {
		switch {
		case len(nodes) >= g.limits.NodesPerParticipant:
			g.refused["nodes_per_participant"]++
		case n.Name == "" || len(n.Name) > MaxName || len(n.Namespace) > MaxName:
			g.refused["names"]++
		default:
			if n.Namespace == "" {
				n.Namespace = "/"
			}
			nodes = append(nodes, n)
		}
	}
	if p := g.participants[f.Participant]; p != nil {
		p.nodes = nodes
		g.version++
		return
	}
	if _, known := g.early[f.Participant]; !known && len(g.early) >= g.limits.Early {
		g.refused["early_nodes"]++
		return
	}
	g.early[f.Participant] = nodes
}
