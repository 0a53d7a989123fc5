package ros

import (
	"container/list"
	"slices"
	"time"
)

// participant is what is known of one.
type participant struct {
	enclave, host string
	since         time.Time // when it was discovered; zero while it is implied
	nodeList
	implied bool          // known by an endpoint of its alone
	bare    *list.Element // its place among those without endpoints and nodes
}

func (g *Graph) applyParticipant(f ParticipantFact) {
	p := g.participants[f.GUID]
	if f.Gone {
		if p != nil {
			g.dismiss(f.GUID, p)
		}
		return
	}
	if p == nil {
		if p = g.admit(f.GUID); p == nil {
			return
		}
	}
	p.implied = false
	if p.since.IsZero() {
		p.since = f.Since
	}
	p.enclave, p.host = bounded(userData(f.UserData, "enclave")), bounded(f.Host)
	g.version++
}

// vouch makes a participant known by an endpoint: discovery has told of it before
// where a flood of phantoms pushed it out.
func (g *Graph) vouch(id GUID) {
	p := g.participants[id]
	if p == nil {
		if p = g.admit(id); p == nil {
			return
		}
		p.implied = true
	}
	g.rank(id, p)
}

// admit makes a participant, in the place of a bare one when there are too many:
// a host that announces phantoms keeps no robot out. It returns nil where all have
// endpoints or nodes.
func (g *Graph) admit(id GUID) *participant {
	if len(g.participants) >= g.limits.Participants {
		oldest := g.bare.Front()
		if oldest == nil {
			g.refused[refusedParticipants]++
			return nil
		}
		g.refused[evictedParticipants]++
		gone := oldest.Value.(GUID) //nolint:forcetypeassert // bare holds nothing else
		g.dismiss(gone, g.participants[gone])
	}
	p := &participant{}
	g.participants[id] = p
	g.setNodes(p, g.early.take(id))
	g.rank(id, p)
	return p
}

// dismiss ends a participant. A node list that came by a sample stays for a while
// among the early ones: a participant that comes back is the same process, and its
// first list then may have overtaken its end. Those that the transport tells come
// in order with its participants.
func (g *Graph) dismiss(id GUID, p *participant) {
	g.nodeBytes -= p.bytes
	if p.bare != nil {
		g.bare.Remove(p.bare)
	}
	delete(g.participants, id)
	if p.nodes != nil && p.size != 0 {
		g.refused[refusedEarly] += g.early.put(id, p.nodeList, true)
	}
	g.version++
}

// rank keeps a participant among the bare ones while it is.
func (g *Graph) rank(id GUID, p *participant) {
	switch bare := len(p.nodes) == 0 && g.perPart[id] == 0; {
	case bare && p.bare == nil:
		p.bare = g.bare.PushBack(id)
	case !bare && p.bare != nil:
		g.bare.Remove(p.bare)
		p.bare = nil
	}
}

func (g *Graph) applyNodes(f NodesFact) {
	l := g.within(f)
	p := g.participants[f.Participant]
	if p == nil {
		g.refused[refusedEarly] += g.early.put(f.Participant, l, false)
		return
	}
	g.setNodes(p, l)
	g.rank(f.Participant, p)
	g.version++
}

func (g *Graph) setNodes(p *participant, l nodeList) {
	if g.nodeBytes-p.bytes+l.bytes > g.limits.NodeBytes {
		g.refused[refusedNodeBytes]++
		l.nodes, l.bytes = []NodeEntities{}, 0
	}
	g.nodeBytes += l.bytes - p.bytes
	p.nodeList = l
}

// nodeCost is about what a node takes beside its names and endpoints.
const nodeCost = 100

// within is what the limits leave of a node list.
func (g *Graph) within(f NodesFact) nodeList {
	l := nodeList{nodes: make([]NodeEntities, 0, min(len(f.Nodes), g.limits.NodesPerParticipant)), size: f.GIDSize}
	room := g.limits.GUIDsPerParticipant
	fit := func(ids []GUID) []GUID {
		n := min(len(ids), room)
		room -= n
		g.refused[refusedGUIDs] += uint64(len(ids) - n)
		switch n {
		case len(ids):
			return ids
		case 0:
			return nil
		}
		return slices.Clone(ids[:n]) // the rest is not to be kept alive
	}
	for _, n := range f.Nodes {
		switch {
		case len(l.nodes) >= g.limits.NodesPerParticipant:
			g.refused[refusedNodes]++
		case n.Name == "" || len(n.Name) > MaxName || len(n.Namespace) > MaxName:
			g.refused[refusedNames]++
		default:
			if n.Namespace == "" {
				n.Namespace = "/"
			}
			n.Readers, n.Writers = fit(n.Readers), fit(n.Writers)
			l.nodes = append(l.nodes, n)
			l.bytes += nodeCost + len(n.Name) + len(n.Namespace) + len(GUID{})*(len(n.Readers)+len(n.Writers))
		}
	}
	return l
}

// GIDSizes counts the participants by the size of the gids in their node lists.
func (g *Graph) GIDSizes() map[GIDSize]int {
	n := make(map[GIDSize]int)
	for _, p := range g.participants {
		if p.size != 0 {
			n[p.size]++
		}
	}
	return n
}

// Age ends the node lists whose participants have been away for two calls of it.
func (g *Graph) Age() { g.early.expire() }
