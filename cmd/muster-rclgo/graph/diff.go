package graph

import (
	"maps"
	"slices"

	"github.com/muster-fleet/muster/internal/ros"
)

// Diff is the facts that lead from one snapshot to the next: participants and
// endpoints that came or changed, the node lists that changed, then the endpoints
// and participants that went. Each fact that was told is ended once it is no
// longer so; a node list by the next one or with its participant. The order is
// the same for the same snapshots.
func Diff(old, next Snapshot) []ros.Fact {
	was, is := old.view(), next.view()
	var facts []ros.Fact
	for _, p := range sorted(is.nodes) {
		if _, known := was.nodes[p]; !known {
			facts = append(facts, ros.ParticipantFact{GUID: p})
		}
	}
	for _, g := range sorted(is.endpoints) {
		if was.endpoints[g] != is.endpoints[g] {
			facts = append(facts, is.endpoints[g])
		}
	}
	for _, p := range sorted(is.nodes) {
		if !slices.EqualFunc(was.nodes[p], is.nodes[p], sameNode) {
			facts = append(facts, ros.NodesFact{Participant: p, Nodes: is.nodes[p]})
		}
	}
	for _, g := range sorted(was.endpoints) {
		if _, still := is.endpoints[g]; !still {
			e := was.endpoints[g]
			facts = append(facts, ros.EndpointFact{GUID: g, Participant: e.Participant, Writer: e.Writer, Gone: true})
		}
	}
	for _, p := range sorted(was.nodes) {
		if _, still := is.nodes[p]; !still {
			facts = append(facts, ros.ParticipantFact{GUID: p, Gone: true})
		}
	}
	return facts
}

func sorted[V any](m map[ros.GUID]V) []ros.GUID {
	return slices.SortedFunc(maps.Keys(m), func(a, b ros.GUID) int { return slices.Compare(a[:], b[:]) })
}

func sameNode(a, b ros.NodeEntities) bool {
	return a.Namespace == b.Namespace && a.Name == b.Name &&
		slices.Equal(a.Readers, b.Readers) && slices.Equal(a.Writers, b.Writers)
}
