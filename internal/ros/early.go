package ros

import "container/list"

// nodeList is what a participant told of its nodes.
type nodeList struct {
	nodes []NodeEntities // nil while it has told none
	size  GIDSize        // 0 where the transport tells nodes by itself
	bytes int            // about what it takes
}

// earlyLists keeps the node lists of participants that are not there: those that
// the list has overtaken, for samples and discovery come by two ways, and those
// that have gone and may be back. It is a queue of bounded size, the oldest first.
type earlyLists struct {
	most, mostBytes int

	byID  map[GUID]*list.Element
	order *list.List // of *earlyList
	bytes int
	age   uint
}

type earlyList struct {
	of GUID
	nodeList
	departed bool
	born     uint
}

func newEarlyLists(most, mostBytes int) earlyLists {
	return earlyLists{most: most, mostBytes: mostBytes, byID: make(map[GUID]*list.Element), order: list.New()}
}

// put keeps a list, in the place of an older one of the participant. It returns
// how many of others had to go for it; those of the departed are missed by nobody
// and do not count.
func (e *earlyLists) put(of GUID, l nodeList, departed bool) (evicted uint64) {
	e.take(of)
	e.byID[of] = e.order.PushBack(&earlyList{of, l, departed, e.age})
	e.bytes += l.bytes
	for len(e.byID) > e.most || e.bytes > e.mostBytes {
		if oldest := e.oldest(); !oldest.departed {
			evicted++
		}
		e.take(e.oldest().of)
	}
	return evicted
}

// take gives the list of a participant away.
func (e *earlyLists) take(of GUID) nodeList {
	at := e.byID[of]
	if at == nil {
		return nodeList{}
	}
	delete(e.byID, of)
	l := e.order.Remove(at).(*earlyList).nodeList //nolint:forcetypeassert // order holds nothing else
	e.bytes -= l.bytes
	return l
}

func (e *earlyLists) oldest() *earlyList {
	return e.order.Front().Value.(*earlyList) //nolint:forcetypeassert // likewise
}

// expire ends the lists that have seen two calls of it.
func (e *earlyLists) expire() {
	for len(e.byID) > 0 && e.oldest().born < e.age {
		e.take(e.oldest().of)
	}
	e.age++
}
