// Package queue holds samples between the wait sets' goroutines, which push, and
// the one caller of Take. It owns no goroutine.
//
// It drops nothing by itself: whoever is about to take a sample from rcl asks for
// room first. While there is none the samples stay in their readers' histories,
// where the QoS of each reader says which of them goes. So a burst of telemetry
// cannot push out a map that comes once.
package queue

import (
	"context"
	"errors"
	"sync"

	"github.com/muster-fleet/muster/internal/ros"
)

// ErrClosed is what calls on a closed Queue give.
var ErrClosed = errors.New("the transport is closed")

// Queue is bounded in samples and bytes. A sample of any size finds room in an
// empty one. Each goroutine that pushes may exceed the bounds by one sample.
type Queue struct {
	maxSamples, maxBytes int
	filled               chan struct{} // of size 1: there is a sample, or the end

	mu      sync.Mutex
	pending []ros.Sample  // guarded by mu
	bytes   int           // guarded by mu
	room    chan struct{} // guarded by mu; closed when there is room again, nil while there is
	closed  bool          // guarded by mu
	stats   Stats         // guarded by mu
}

// Stats are counts since the start.
type Stats struct {
	Samples uint64 // pushed
	Stalls  uint64 // times that a goroutine had to wait for room
}

// New makes a queue with the given bounds, both at least 1.
func New(maxSamples, maxBytes int) *Queue {
	return &Queue{maxSamples: max(maxSamples, 1), maxBytes: max(maxBytes, 1), filled: make(chan struct{}, 1)}
}

// Room waits until there is room. It gives ctx's error when that ends first, and
// ErrClosed on a closed queue.
func (q *Queue) Room(ctx context.Context) error {
	stalled := false
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return ErrClosed
		}
		if len(q.pending) < q.maxSamples && q.bytes < q.maxBytes {
			q.mu.Unlock()
			return ctx.Err()
		}
		if q.room == nil {
			q.room = make(chan struct{})
		}
		if !stalled {
			stalled = true
			q.stats.Stalls++
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Push adds a sample, whose memory is the queue's from now on. It never blocks:
// the caller has asked for Room.
func (q *Queue) Push(s ros.Sample) {
	q.mu.Lock()
	if !q.closed {
		q.pending = append(q.pending, s)
		q.bytes += len(s.CDR)
		q.stats.Samples++
	}
	q.mu.Unlock()
	q.wake()
}

func (q *Queue) wake() {
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

// Take waits for at least one sample and moves all there are into the batch. It
// has a single caller.
func (q *Queue) Take(ctx context.Context, b *ros.Batch) error {
	clear(b.Samples)
	b.Samples = b.Samples[:0]
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if n, err := q.swap(b); n > 0 || err != nil {
			return err
		}
		select {
		case <-q.filled:
		case <-ctx.Done():
		}
	}
}

// swap gives the batch what is pending, and the queue the batch's old memory.
func (q *Queue) swap(b *ros.Batch) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, ErrClosed
	}
	b.Samples, q.pending = q.pending, b.Samples
	q.bytes = 0
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	return len(b.Samples), nil
}

// Stats returns the counts.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

// Close ends every call; what is pending is lost.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed, q.pending, q.bytes = true, nil, 0
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	q.mu.Unlock()
	q.wake()
}
