package stream

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// frames builds the frames of one tick, each once for all sessions that go on
// from the same version.
type frames struct {
	table   *table
	journal *fleet.Journal
	now     time.Time
	last    uint64 // number of the newest event
	count   *counters

	poses, texts, gones map[uint64]*Frame
	dicts, states       map[uint64]part
	events              map[uint64]eventPart
}

// part is a frame and the version that it leads to.
type part struct {
	frame *Frame
	to    uint64
}

type eventPart struct {
	frame *Frame
	to    uint64 // the last event in it
	lost  uint64 // events before it that nobody has any more
}

func newFrames(t *table, journal *fleet.Journal, count *counters) *frames {
	return &frames{
		table: t, journal: journal, count: count,
		poses: make(map[uint64]*Frame), texts: make(map[uint64]*Frame), gones: make(map[uint64]*Frame),
		dicts: make(map[uint64]part), states: make(map[uint64]part), events: make(map[uint64]eventPart),
	}
}

// begin forgets the last tick's frames.
func (f *frames) begin(now time.Time) {
	f.now, f.last = now, f.journal.Last()
	clear(f.poses)
	clear(f.texts)
	clear(f.gones)
	clear(f.dicts)
	clear(f.states)
	clear(f.events)
}

// cached returns the frame from version from, which build makes if it is the
// first to ask.
func cached[T any](m map[uint64]T, from uint64, build func() T) T {
	v, ok := m[from]
	if !ok {
		v = build()
		m[from] = v
	}
	return v
}

// pose is the frame of the poses after from; nil when there are none.
func (f *frames) pose(from uint64, text bool) *Frame {
	m, encode := f.poses, poseFrame
	if text {
		m, encode = f.texts, poseText
	}
	return cached(m, from, func() *Frame {
		f.count.encoded.Add(1)
		return encode(f.table.rows, from, f.table.version, f.now)
	})
}

// goneSince is the frame of the handles deregistered after from; nil when there
// are none.
func (f *frames) goneSince(from uint64) *Frame {
	return cached(f.gones, from, func() *Frame {
		i, _ := slices.BinarySearchFunc(f.table.gone, from+1, func(g goneRow, v uint64) int { return cmp.Compare(g.version, v) })
		if i == len(f.table.gone) {
			return nil
		}
		b := f.open("gone")
		b = append(b, `,"version":"`...)
		b = strconv.AppendUint(b, f.table.version, 10)
		b = append(b, `","h":[`...)
		for k, g := range f.table.gone[i:] {
			if k > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendUint(b, uint64(g.handle), 10)
		}
		return &Frame{Lane: LaneState, Text: true, Data: append(b, `]}`...)}
	})
}

// dict is a frame of entries that changed after from, oldest first; its frame
// is nil when none did.
func (f *frames) dict(from uint64) part {
	return cached(f.dicts, from, func() part {
		picked, to := f.pick(from, (*row).dictPart)
		if len(picked) == 0 {
			return part{nil, to}
		}
		return part{joined(append(f.open("dict"), `,"robots":[`...), picked), to}
	})
}

// state is a frame of states that changed after from, oldest first; its frame
// is nil when none did.
func (f *frames) state(from uint64) part {
	return cached(f.states, from, func() part {
		picked, to := f.pick(from, (*row).statePart)
		if len(picked) == 0 && from != 0 {
			return part{nil, to}
		}
		return part{joined(append(appendRange(f.open("state"), from, to), `,"robots":[`...), picked), to}
	})
}

func (f *frames) open(op string) []byte {
	b := append([]byte(`{"op":"`), op...)
	b = append(b, `","view":`...)
	return strconv.AppendUint(b, uint64(ViewFleet), 10)
}

// piece is an encoded part of a row with the version at which it changed.
type piece struct {
	json    []byte
	version uint64
}

func (r *row) dictPart() piece  { return piece{r.dict, r.dictVersion} }
func (r *row) statePart() piece { return piece{r.state, r.stateVersion} }

// pick returns the pieces that changed after from, oldest first, as many as fit
// into a chunk, and the version up to which nothing is missing then.
func (f *frames) pick(from uint64, of func(*row) piece) (picked []piece, to uint64) {
	for i := range f.table.rows {
		if p := of(&f.table.rows[i]); p.version > from {
			picked = append(picked, p)
		}
	}
	slices.SortFunc(picked, func(a, b piece) int { return cmp.Compare(a.version, b.version) })
	n := 0
	for i, p := range picked {
		if n += len(p.json); n > chunkBytes && i > 0 {
			return picked[:i], picked[i-1].version
		}
	}
	return picked, f.table.version
}

func joined(b []byte, pieces []piece) *Frame {
	for i, p := range pieces {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p.json...)
	}
	return &Frame{Lane: LaneState, Text: true, Data: append(b, `]}`...)}
}

// event is a frame of the events after seq; its frame is nil when there are
// none. gap tells the client that it lost some before.
func (f *frames) event(seq uint64, gap bool) eventPart {
	if !gap && seq >= f.last {
		return eventPart{to: seq}
	}
	build := func() eventPart {
		events, lost := f.journal.Since(seq, eventsChunk)
		p := eventPart{to: seq}
		if events == nil {
			events = []fleet.Event{}
		}
		if n := len(events); n > 0 {
			p.to = events[n-1].Seq
			if lost {
				p.lost = events[0].Seq - seq - 1
			}
		}
		if len(events) > 0 || gap {
			p.frame = textFrame(LaneEvents, eventMessage{Op: "event", Events: events, Gap: gap || lost})
		}
		return p
	}
	if gap {
		return build() // rare: once after a resume that cannot be
	}
	return cached(f.events, seq, build)
}
