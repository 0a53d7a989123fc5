package ros

import "container/list"

// Limits bound what a Graph keeps, whatever a hostile peer announces.
type Limits struct {
	Participants        int
	Endpoints           int // in all
	EndpointsPerPart    int // of one participant
	NodesPerParticipant int
	GUIDsPerParticipant int // in its node list
	NodeBytes           int // of all node lists, about
	Early               int // node lists of participants not yet known
	EarlyBytes          int // of these, about
}

// DefaultLimits leave room for 5,000 robots of some ten nodes.
func DefaultLimits() Limits {
	return Limits{
		Participants: 20_000, Endpoints: 1_000_000, EndpointsPerPart: 20_000, NodesPerParticipant: 2_000,
		GUIDsPerParticipant: 20_000, NodeBytes: 256 << 20, Early: 2_000, EarlyBytes: 16 << 20,
	}
}

// Graph is the ROS graph as a fold over discovery facts. The facts about one
// entity come in order; those about different entities, and the node lists, in
// any. Each fact has an end: a participant's and an endpoint's is their own Gone,
// a node list's is the next list, or a while after its participant's end.
//
// A Graph is not safe for concurrent use.
type Graph struct {
	limits       Limits
	participants map[GUID]*participant
	endpoints    map[GUID]Endpoint
	perPart      map[GUID]int // endpoints of each participant
	topics       map[string]map[GUID]bool
	bare         *list.List // GUIDs of participants without endpoints and nodes, the oldest first
	nodeBytes    int        // of the participants' node lists
	early        earlyLists
	refused      refusedCounts
	version      uint64
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
		bare: list.New(), early: newEarlyLists(l.Early, l.EarlyBytes),
	}
}

// Version grows with every fact that changed the graph.
func (g *Graph) Version() uint64 { return g.version }

// Refused counts the facts that a limit kept out, by reason.
func (g *Graph) Refused() map[string]uint64 { return g.refused.byName() }

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
		g.refused[refusedNames]++
		return
	case !known && len(g.endpoints) >= g.limits.Endpoints:
		g.refused[refusedEndpoints]++
		return
	case !known && g.perPart[part] >= g.limits.EndpointsPerPart:
		g.refused[refusedPerParticipant]++
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
	g.vouch(f.GUID.Participant())
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
		if p := g.participants[part]; p != nil && p.implied {
			g.dismiss(part, p)
		} else if p != nil {
			g.rank(part, p)
		}
	}
	if writers := g.topics[e.Name]; e.Kind == KindTopic && e.Writer {
		delete(writers, id)
		if len(writers) == 0 {
			delete(g.topics, e.Name)
		}
	}
	g.version++
}
