package stream

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
)

// maxDocuments bounds the documents; the one that changed longest ago goes.
const maxDocuments = 256

// documents are named messages of which only the newest matters. Safe for
// concurrent use.
type documents struct {
	mu   sync.Mutex
	seq  uint64
	list []document // guarded by mu; ordered by seq; replaced, never changed in place
}

type document struct {
	key         string
	seq         uint64
	prev        uint64 // seq of the form before, that the delta builds on
	full, delta *Frame
}

func (d *documents) put(key string, full, delta []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := document{key: key, full: &Frame{Lane: LaneDocuments, Text: true, Data: full}}
	i := d.find(key)
	if i >= 0 {
		if bytes.Equal(d.list[i].full.Data, full) {
			return
		}
		next.prev = d.list[i].seq
		if delta != nil {
			next.delta = &Frame{Lane: LaneDocuments, Text: true, Data: delta}
		}
	}
	d.seq++
	next.seq = d.seq
	d.list = append(d.without(i), next)
	if len(d.list) > maxDocuments {
		d.list = d.list[1:]
	}
}

func (d *documents) drop(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = d.without(d.find(key))
}

func (d *documents) find(key string) int {
	return slices.IndexFunc(d.list, func(have document) bool { return have.key == key })
}

// without is a new list without entry i; -1 leaves none out.
func (d *documents) without(i int) []document {
	list := make([]document, 0, len(d.list)+1)
	for k, have := range d.list {
		if k != i {
			list = append(list, have)
		}
	}
	return list
}

// all returns the documents as they are now, ordered by seq.
func (d *documents) all() []document {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.list
}

// after returns the part of list that changed after seq.
func after(list []document, seq uint64) []document {
	i, _ := slices.BinarySearchFunc(list, seq+1, func(d document, s uint64) int { return cmp.Compare(d.seq, s) })
	return list[i:]
}

// frameFor is the delta for a session that has seen every form up to whole, the
// one before this among them; else the full form.
func (d *document) frameFor(whole uint64) *Frame {
	if d.delta != nil && d.prev <= whole {
		return d.delta
	}
	return d.full
}
