package fleet

import (
	"sync"
	"time"
)

// JournalSize is how many events a Journal keeps for readers that come back.
const JournalSize = 10_000

// Severity ranks an event in the spirit of ISA-18.2.
type Severity string

// The severities of an event.
const (
	SeverityInfo    Severity = "info"
	SeverityWarning Severity = "warning"
	SeverityAlarm   Severity = "alarm"
)

// Event is something that happened and that a person may want to know. Events
// are numbered without gaps and never conflated.
type Event struct {
	Seq      uint64    `json:"seq"`
	Time     time.Time `json:"time"`
	Severity Severity  `json:"severity"`
	Kind     string    `json:"kind"` // e.g. "robot.offline", "engine.down", "rollout.step"
	Robot    string    `json:"robot,omitempty"`
	Engine   string    `json:"engine,omitempty"`
	Rollout  string    `json:"rollout,omitempty"`
	Text     string    `json:"text"` // one sentence for a person
}

// Journal is a ring of the newest events. Safe for concurrent use; the zero
// value is ready.
type Journal struct {
	mu   sync.Mutex
	ring []Event // guarded by mu; Seq s is at (s-1) % JournalSize
	last uint64  // guarded by mu
	subs Wakers
}

// Record numbers an event, keeps it and wakes the subscribers.
func (j *Journal) Record(e Event) Event {
	j.mu.Lock()
	j.last++
	e.Seq = j.last
	if len(j.ring) < JournalSize {
		j.ring = append(j.ring, e)
	} else {
		j.ring[(e.Seq-1)%JournalSize] = e
	}
	j.mu.Unlock()
	j.subs.Wake()
	return e
}

// Since returns up to limit events after seq, oldest first, and whether older
// ones than those had to be left out (the reader has a gap).
func (j *Journal) Since(seq uint64, limit int) (events []Event, gap bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	oldest := j.last - uint64(len(j.ring)) // last sequence that is no longer kept
	if seq < oldest {
		seq, gap = oldest, true
	}
	for s := seq + 1; s <= j.last && len(events) < limit; s++ {
		events = append(events, j.ring[(s-1)%JournalSize])
	}
	return events, gap
}

// Last is the number of the newest event, 0 when there is none.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Subscribe returns a subscription that is woken at every event.
func (j *Journal) Subscribe() *Subscription { return j.subs.Subscribe() }
