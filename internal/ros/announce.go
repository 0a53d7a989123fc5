package ros

import (
	"errors"
	"time"
)

// announced is what peers were told last of our node.
type announced struct {
	size    GIDSize
	readers int // of ours, as a measure of change
	at      time.Time
}

// Our node list goes to every peer, so it names but some of our readers, and is
// not written more often than that.
const (
	announceMost  = 500
	announceEvery = 5 * time.Second
)

// publishOwn writes our node list when the size of gids that peers want changes,
// or our readers do.
func (f *Follower) publishOwn(now time.Time, w Writer, told announced) announced {
	next := announced{size: f.options.GIDSize, at: now}
	if next.size == 0 {
		next.size = f.majority(told.size)
	}
	f.mu.Lock()
	next.readers = len(f.readers)
	f.mu.Unlock()
	if next.size == told.size && (next.readers == told.readers || now.Sub(told.at) < announceEvery) {
		return told
	}
	own := NodesFact{
		Participant: f.transport.Participant(),
		Nodes:       []NodeEntities{{Namespace: "/", Name: f.options.Node, Readers: f.ownReaders(), Writers: []GUID{w.GUID()}}},
	}
	sample, err := EncodeInfo(own, next.size)
	if err == nil {
		err = w.Write(sample)
	}
	if err != nil {
		f.log.Warn("tell our node's name to the domain", "err", err)
		return told
	}
	return next
}

// ownReaders are the GUIDs of our readers, where the transport tells them.
func (f *Follower) ownReaders() (ids []GUID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.readers {
		if len(ids) == announceMost {
			break
		}
		if s, ok := f.transport.Reader(r.id); ok && !s.GUID.IsZero() {
			ids = append(ids, s.GUID)
		}
	}
	return ids
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
