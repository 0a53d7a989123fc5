package ros

import (
	"sync"
	"time"
)

// latched keeps the newest sample of each writer of a transient-local topic while
// raw streams read it, so that another stream gets them without the network.
type latched struct {
	mu      sync.Mutex
	samples []RawSample // guarded by mu; the oldest first, one of a writer
	bytes   int         // guarded by mu
	lost    bool        // guarded by mu; a bound was met, or a writer is not known by its GUID
}

const (
	latchedMost  = 64
	latchedBytes = 16 << 20
	latchLinger  = time.Minute      // what is latched stays for that when nobody reads it
	relatch      = 10 * time.Second // a reader is made anew no more often for what is not kept
)

func newLatched() *latched { return &latched{} }

// keep takes a sample in the place of its writer's last one. give runs with the
// lock held, so that no stream gets a sample twice, or misses it: it must not
// block.
func (l *latched) keep(s RawSample, give func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(func(old RawSample) bool { return old.Writer == s.Writer })
	l.samples = append(l.samples, s)
	l.bytes += len(s.CDR)
	for len(l.samples) > latchedMost || l.bytes > latchedBytes {
		oldest := l.samples[0].Writer
		l.forget(func(old RawSample) bool { return old.Writer == oldest })
		l.lost = true
	}
	give()
}

// replay gives a stream what the writers that are there have latched, then add
// makes it get the samples that follow. It reports whether that is all.
func (l *latched) replay(s *RawStream, writers map[GUID]bool, add func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(func(old RawSample) bool { return !old.Writer.IsZero() && !writers[old.Writer] })
	for _, sample := range l.samples {
		s.offer(sample)
		if sample.Writer.IsZero() && len(writers) > 1 {
			l.lost = true // it stands for them all
		}
	}
	add()
	return !l.lost
}

// forget drops samples. mu is held.
func (l *latched) forget(drop func(RawSample) bool) {
	kept := l.samples[:0]
	for _, s := range l.samples {
		if drop(s) {
			l.bytes -= len(s.CDR)
		} else {
			kept = append(kept, s)
		}
	}
	clear(l.samples[len(kept):])
	l.samples = kept
}

// unlatch lets go of what is latched when no stream has read it for a while. The
// Follower's mu is held.
func (f *Follower) unlatch(now time.Time, r *topicReader, viewed bool) {
	if viewed {
		r.unviewed = time.Time{}
		return
	}
	if r.unviewed.IsZero() {
		r.unviewed = now
	}
	if now.Sub(r.unviewed) >= latchLinger {
		r.latched.Store(nil)
	}
}
