package stream

import (
	"fmt"
	"math"
	"time"
)

// credits is how many pose frames a session may have unacknowledged.
const credits = 4

// The patience with a session that does not acknowledge, and the windows over
// which its pace is judged.
const (
	slowAfter   = 10 * time.Second
	closeAfter  = 30 * time.Second
	paceWindow  = 2 * time.Second
	calmWindows = 5 // without a miss, before the rate is raised
)

// The rates in Hz that the server slows a session down to.
var rates = []float64{10, 5, 2, 1}

// flow decides how often a session gets poses: what the client asked for, what
// it acknowledges, and what its socket takes. It belongs to its session.
type flow struct {
	tickHz float64 // the hub's
	maxHz  float64 // asked for by the client
	hidden bool
	limit  float64 // set by the server; 0 is none

	inflight [credits]struct {
		version uint64
		at      time.Time
	}
	n int // of inflight

	windowEnd    time.Time
	hits, misses int
	calm         int
}

// hz is the rate that the session gets now.
func (f *flow) hz() float64 {
	hz := min(f.tickHz, f.maxHz)
	if f.limit > 0 {
		hz = min(hz, f.limit)
	}
	if f.hidden {
		hz = min(hz, 1)
	}
	return hz
}

// due reports whether a tick is one of the session's. Sessions of one rate
// share their ticks, so that they share their frames, too.
func (f *flow) due(tick uint64) bool {
	return tick%uint64(max(1, math.Round(f.tickHz/f.hz()))) == 0
}

// sent takes a credit.
func (f *flow) sent(version uint64, now time.Time) {
	f.inflight[f.n].version, f.inflight[f.n].at = version, now
	f.n++
}

// spent reports whether no credit is left.
func (f *flow) spent() bool { return f.n == credits }

// ack returns the credits of all frames up to a version.
func (f *flow) ack(version uint64) {
	k := 0
	for k < f.n && f.inflight[k].version <= version {
		k++
	}
	copy(f.inflight[:], f.inflight[k:f.n])
	f.n -= k
}

// waiting is for how long the oldest frame has not been acknowledged.
func (f *flow) waiting(now time.Time) time.Duration {
	if f.n == 0 {
		return 0
	}
	return now.Sub(f.inflight[0].at)
}

// judge notes whether a frame that was due could be sent, and adapts the rate.
// It returns why the rate changed; empty when it did not.
func (f *flow) judge(now time.Time, missed bool) (reason string) {
	if f.waiting(now) > slowAfter && f.limit != 1 {
		f.limit, f.calm = 1, 0
		return fmt.Sprintf("no acknowledgement for %v", slowAfter)
	}
	if missed {
		f.misses++
	} else {
		f.hits++
	}
	if f.windowEnd.IsZero() {
		f.windowEnd = now.Add(paceWindow)
	}
	if now.Before(f.windowEnd) {
		return ""
	}
	hits, misses := f.hits, f.misses
	f.hits, f.misses, f.windowEnd = 0, 0, now.Add(paceWindow)
	switch {
	case misses > hits:
		f.calm = 0
		return f.lower()
	case misses > 0:
		f.calm = 0
	default:
		f.calm++
	}
	if f.calm >= calmWindows && f.limit > 0 {
		f.calm = 0
		return f.raise()
	}
	return ""
}

func (f *flow) lower() string {
	now := f.hz()
	for _, r := range rates {
		if r < now {
			f.limit = r
			return fmt.Sprintf("the connection does not take %g Hz", now)
		}
	}
	return ""
}

func (f *flow) raise() string {
	next := 0.0
	for _, r := range rates {
		if r > f.limit {
			next = r
		}
	}
	if next >= min(f.tickHz, f.maxHz) {
		next = 0
	}
	f.limit = next
	return "the connection keeps up again"
}
