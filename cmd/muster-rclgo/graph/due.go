package graph

import "slices"

// Budget bounds a round: each topic costs two calls of some 0.14 ms.
type Budget struct {
	Urgent  int // topics that are new, or whose node went
	Routine int // of the others, in turn
}

// DefaultBudget asks for every topic in each round of a fleet of some dozens of
// robots, and costs at most a few per cent of a core when nothing changes.
func DefaultBudget() Budget { return Budget{Urgent: 500, Routine: 100} }

// Due says which of the topics that exist to ask for: new ones first, then those
// with an endpoint of a node that has gone, then the others in turn, beginning
// after cursor. It returns the cursor for the next round. topics is sorted.
func (s Snapshot) Due(topics []string, nodes []Node, cursor string, b Budget) (due []string, next string) {
	there := make(map[Node]bool, len(nodes))
	for _, n := range nodes {
		there[n] = true
	}
	var orphaned, rest []string
	for _, t := range topics {
		list, known := s.topics[t]
		switch {
		case !known:
			due = append(due, t)
		case slices.ContainsFunc(list, func(e Endpoint) bool { return s.nodes[e.Node] && !there[e.Node] }):
			orphaned = append(orphaned, t)
		default:
			rest = append(rest, t)
		}
	}
	due = append(due, orphaned...)
	due = due[:min(len(due), b.Urgent)]
	after, found := slices.BinarySearch(rest, cursor)
	if found {
		after++
	}
	for i := range min(b.Routine, len(rest)) {
		cursor = rest[(after+i)%len(rest)]
		due = append(due, cursor)
	}
	return due, cursor
}
