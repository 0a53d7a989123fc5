package ros

// Held is what a Graph keeps, by the length of all that could grow.
type Held struct {
	Participants, Bare, NodeBytes, Endpoints, PerPart, Topics, Early, EarlyOrder, EarlyBytes int
}

// Held tells tests of a Graph's leaks.
func (g *Graph) Held() Held {
	return Held{
		len(g.participants), g.bare.Len(), g.nodeBytes, len(g.endpoints), len(g.perPart), len(g.topics),
		len(g.early.byID), g.early.order.Len(), g.early.bytes,
	}
}

// RefusedTotal is the sum of Refused.
func (g *Graph) RefusedTotal() uint64 { return g.refused.total() }
