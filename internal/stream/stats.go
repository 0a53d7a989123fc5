package stream

import "sync/atomic"

// Drop says why something was not sent to a session when it could have been.
type Drop int

// The reasons. A pose that was dropped is not lost: the session gets the newest
// one with its next frame.
const (
	DropBusy     Drop = iota // a pose frame: the socket still writes the last batch
	DropCredits              // a pose frame: the client has not acknowledged the last ones
	DropEvents               // an event: older than the journal reaches back
	DropOverflow             // a session: it asked more than it read
	DropTooSlow              // a session: no acknowledgement for too long
	dropCount
)

func (d Drop) String() string {
	return [...]string{"busy", "credits", "events", "overflow", "too-slow"}[d]
}

// Stats are the hub's counters since it was made.
type Stats struct {
	Sessions int               // open now
	Frames   map[string]uint64 // sent, by lane
	Bytes    map[string]uint64 // sent, by lane
	Dropped  map[string]uint64 // by reason, see Drop
	Encoded  uint64            // pose frames encoded; the frames sent of that lane shared them
	Robots   int               // in the view, at the last tick
}

type counters struct {
	frames, bytes [laneCount]atomic.Uint64
	dropped       [dropCount]atomic.Uint64
	encoded       atomic.Uint64
	robots        atomic.Int64
}

func (c *counters) sent(frames []*Frame) {
	for _, f := range frames {
		c.frames[f.Lane].Add(1)
		c.bytes[f.Lane].Add(uint64(len(f.Data)))
	}
}

func (c *counters) drop(why Drop, n uint64) { c.dropped[why].Add(n) }

// Stats returns the counters.
func (h *Hub) Stats() Stats {
	s := Stats{
		Sessions: h.Sessions(), Frames: make(map[string]uint64), Bytes: make(map[string]uint64),
		Dropped: make(map[string]uint64), Encoded: h.count.encoded.Load(), Robots: int(h.count.robots.Load()),
	}
	for l := range laneCount {
		s.Frames[l.String()], s.Bytes[l.String()] = h.count.frames[l].Load(), h.count.bytes[l].Load()
	}
	for d := range dropCount {
		s.Dropped[d.String()] = h.count.dropped[d].Load()
	}
	return s
}
