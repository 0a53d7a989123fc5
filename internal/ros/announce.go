package ros

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// announced is what peers were told last of our node.
type announced struct {
	size             GIDSize
	changes          uint64 // of our endpoints by then
	readers, writers []GUID
	at               time.Time
}

// Our node list goes to every peer, so it names but some of our readers, and is
// not written more often than that.
const (
	announceMost  = 500
	announceEvery = 5 * time.Second
)

// publishOwn writes our node list when the size of gids that peers want changes,
// or our endpoints do.
func (f *Follower) publishOwn(now time.Time, w Writer, told announced) announced {
	next := announced{size: f.options.GIDSize, at: now}
	if next.size == 0 {
		next.size = f.majority(told.size)
	}
	f.mu.Lock()
	next.changes = f.changes
	f.mu.Unlock()
	if next.size == told.size && (next.changes == told.changes || now.Sub(told.at) < announceEvery) {
		return told
	}
	next.readers, next.writers = f.ownEnds(w)
	if next.size == told.size && slices.Equal(next.readers, told.readers) && slices.Equal(next.writers, told.writers) {
		told.changes = next.changes // a call that came and went
		return told
	}
	sample, err := EncodeInfo(NodesFact{
		Participant: f.transport.Participant(),
		Nodes:       []NodeEntities{{Namespace: "/", Name: f.options.Node, Readers: next.readers, Writers: next.writers}},
	}, next.size)
	if err == nil {
		err = w.Write(sample)
	}
	if err != nil {
		f.log.Warn("tell our node's name to the domain", "err", err)
		return told
	}
	return next
}

// ownEnds are the GUIDs of our readers and writers, where the transport tells
// them: those of services and published topics, then of as many topics as there
// is room for, in an order that stays.
func (f *Follower) ownEnds(info Writer) (readers, writers []GUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ids := slices.Sorted(maps.Keys(f.calls))
	for _, topic := range slices.Sorted(maps.Keys(f.readers)) {
		ids = append(ids, f.readers[topic].id)
	}
	for _, id := range ids[:min(len(ids), announceMost)] {
		if s, ok := f.transport.Reader(id); ok && !s.GUID.IsZero() {
			readers = append(readers, s.GUID)
		}
	}
	writers = []GUID{info.GUID()}
	for _, c := range f.calls {
		if c.w != nil {
			writers = append(writers, c.w.GUID())
		}
	}
	for _, p := range f.publishers {
		writers = append(writers, p.w.GUID())
	}
	slices.SortFunc(writers, func(a, b GUID) int { return slices.Compare(a[:], b[:]) })
	return readers, writers
}

// majority is the gid size that more peers speak; a tie keeps what there is.
func (f *Follower) majority(now GIDSize) GIDSize {
	f.mu.Lock()
	n := f.graph.GIDSizes()
	f.mu.Unlock()
	switch d := n[GIDHumble] - n[GIDIron]; {
	case d > 0:
		return GIDHumble
	case d < 0 || now == 0:
		return GIDIron
	}
	return now
}

// nodeList folds a sample of InfoTopic into the graph; mu is held.
func (f *Follower) nodeList(s Sample) {
	fact, _, err := f.infos.decode(s.CDR)
	switch {
	case errors.Is(err, errInfoSize):
		f.bad[InfoTopic]++
		f.graph.refused[refusedInfoSize]++
	case err != nil:
		f.bad[InfoTopic]++
		f.graph.refused[refusedUnreadableNodes]++
	case fact.Participant != f.transport.Participant():
		f.graph.Apply(fact)
		f.touch()
	}
}
