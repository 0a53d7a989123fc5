package ros

import (
	"hash/maphash"

	"github.com/muster-fleet/muster/internal/fleet"
)

// source is a reader as the goroutine that takes knows it, which owns it, with what
// it would else look up for each sample.
type source struct {
	reader *topicReader
	part   *part // nil while only raw streams read it; the rest goes with it
	at     fleet.At
	track  *track
	frame  string // of its newest odometry

	last        repeated // what the battery or the diagnostics below were read from
	battery     fleet.Battery
	diagnostics []fleet.Diagnostic
}

// sourceOf finds a sample's reader, or folds a node list into the graph and gives nil.
func (f *Follower) sourceOf(s Sample) *source {
	src := f.sources[s.Reader]
	if src == nil {
		r := f.readerOf(s)
		if r == nil {
			return nil
		}
		f.forgetClosed()
		src = &source{reader: r}
		f.sources[s.Reader] = src
	}
	if p := src.reader.part.Load(); p != src.part {
		*src = source{reader: src.reader, part: p}
		if p != nil {
			src.at = f.at(p.namespace)
		}
	}
	return src
}

// forgetClosed drops the sources whose readers are closed, each time their number
// has doubled.
func (f *Follower) forgetClosed() {
	if len(f.sources) < f.sourcesMost {
		return
	}
	for id := range f.sources {
		if _, open := f.byID.Load(id); !open {
			delete(f.sources, id)
		}
	}
	f.sourcesMost = 2*len(f.sources) + 64
}

// trackOf is the track of the source's own robot.
func (f *Follower) trackOf(src *source) *track {
	if src.track == nil || src.track.epoch != f.epoch {
		src.track = f.track(src.at.Namespace)
	}
	return src.track
}

// repeated tells a payload that only says again what the last one said. Many drivers
// report once a second what has not changed for hours.
type repeated struct {
	sum  uint64
	head [stampFrom]byte // the byte order
	size int             // 0 before the first
}

// Where the stamp of a message that begins with a std_msgs/msg/Header lies: after
// the encapsulation header.
const stampFrom, stampTo = 4, 12

// same compares all but the stamp. Its sum is of a random seed: nobody can make two
// payloads on purpose that have one sum.
func (r *repeated) same(seed maphash.Seed, cdr []byte) bool {
	if len(cdr) < stampTo {
		return false
	}
	next := repeated{maphash.Bytes(seed, cdr[stampTo:]), [stampFrom]byte(cdr), len(cdr)}
	same := *r == next
	*r = next
	return same
}
