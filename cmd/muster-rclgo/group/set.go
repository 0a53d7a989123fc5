// Package group spreads readers over wait sets. A wait set is static, pins an OS
// thread while it runs, and breaks when one of its readers is closed; so each
// group is one goroutine that alone runs its wait set and closes its readers:
// a change ends the wait, the readers that leave are closed, and the wait begins
// anew with those that stay. What comes meanwhile waits in the readers' own
// histories.
//
// The adapter calls it. A Set owns one goroutine for each group and waits for
// them in Close. It needs no ROS 2.
package group

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// ErrClosed is what calls on a closed Set give.
var ErrClosed = errors.New("the readers are closed")

// Reader is what a wait set waits for.
type Reader interface {
	comparable
	Close() error
}

// Wait runs a wait set of the readers until ctx ends. The readers do not change
// meanwhile, and none is closed.
type Wait[R Reader] func(ctx context.Context, readers []R) error

// Set is all groups.
type Set[R Reader] struct {
	size int // readers of a group
	wait Wait[R]
	log  *slog.Logger

	running sync.WaitGroup

	mu     sync.Mutex
	closed bool            // guarded by mu
	groups []*group[R]     // guarded by mu
	of     map[R]*group[R] // guarded by mu
}

// group is one wait set. Its fields are guarded by the Set's mu.
type group[R Reader] struct {
	readers []R
	leaving []leave[R]
	changed context.CancelFunc // ends the wait that runs
}

// leave is a reader that is to be closed.
type leave[R Reader] struct {
	reader R
	done   chan<- error // of size 1
}

// New makes a set whose groups have at most size readers. Close must be called.
func New[R Reader](size int, wait Wait[R], log *slog.Logger) *Set[R] {
	return &Set[R]{size: max(size, 1), wait: wait, log: log, of: make(map[R]*group[R])}
}

// Add gives the reader to a group with room; from now on the Set closes it.
func (s *Set[R]) Add(r R) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	i := slices.IndexFunc(s.groups, func(g *group[R]) bool { return len(g.readers) < s.size })
	if i < 0 {
		i = len(s.groups)
		g := &group[R]{changed: func() {}}
		s.groups = append(s.groups, g)
		s.running.Go(func() { s.run(g) })
	}
	g := s.groups[i]
	g.readers = append(g.readers, r)
	s.of[r] = g
	g.changed()
	return nil
}

// Remove closes the reader, and returns when that is done, with its error.
func (s *Set[R]) Remove(r R) error {
	s.mu.Lock()
	g := s.of[r]
	switch {
	case s.closed:
		s.mu.Unlock()
		return ErrClosed
	case g == nil:
		s.mu.Unlock()
		return errors.New("remove a reader: it is in no group")
	}
	delete(s.of, r)
	g.readers = slices.DeleteFunc(g.readers, func(x R) bool { return x == r })
	done := make(chan error, 1)
	g.leaving = append(g.leaving, leave[R]{r, done})
	g.changed()
	s.mu.Unlock()
	return <-done
}

// Groups counts the wait sets, each of which holds an OS thread.
func (s *Set[R]) Groups() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.groups)
}

// Close ends the wait sets and closes all readers.
func (s *Set[R]) Close() error {
	s.mu.Lock()
	s.closed = true
	rest := make([]R, 0, len(s.of))
	for r := range s.of {
		rest = append(rest, r)
	}
	clear(s.of)
	for _, g := range s.groups {
		g.changed()
	}
	s.mu.Unlock()
	s.running.Wait()
	var errs []error
	for _, r := range rest {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// run is the goroutine of a group. It ends with the Set, or with its last reader.
func (s *Set[R]) run(g *group[R]) {
	var faults faults
	for {
		ctx, cancel, readers := s.settle(g)
		if len(readers) == 0 {
			cancel()
			return
		}
		err := s.wait(ctx, readers)
		if ctx.Err() == nil { // it ended by itself
			faults.report(s.log, err, len(readers))
			pause(ctx, retry)
		} else {
			faults = faultsOver(faults, err)
		}
		cancel()
	}
}

// settle closes those that leave and gives those that stay, with the context of
// their wait. No readers: the group has ended and is no longer one of the Set.
func (s *Set[R]) settle(g *group[R]) (context.Context, context.CancelFunc, []R) {
	for {
		s.mu.Lock()
		leaving := g.leaving
		g.leaving = nil
		if len(leaving) == 0 {
			break
		}
		s.mu.Unlock()
		for _, l := range leaving {
			l.done <- l.reader.Close()
		}
	}
	defer s.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	g.changed = cancel
	if s.closed || len(g.readers) == 0 {
		s.groups = slices.DeleteFunc(s.groups, func(x *group[R]) bool { return x == g })
		return ctx, cancel, nil
	}
	return ctx, cancel, slices.Clone(g.readers)
}

// retry is the pause after a wait set that ended by itself.
const retry = time.Second

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// faults keeps a repeated error from filling the log.
type faults struct {
	text  string
	count int
}

func (f *faults) report(log *slog.Logger, err error, readers int) {
	text := fmt.Sprint(err)
	f.count++
	if text == f.text && f.count%100 != 0 {
		return
	}
	f.text = text
	log.Warn("the wait set of a group of readers ended; it is made anew", "readers", readers, "count", f.count, "err", err)
}

// faultsOver forgets what was reported once a wait has run to its end.
func faultsOver(f faults, err error) faults {
	if err == nil || errors.Is(err, context.Canceled) {
		return faults{}
	}
	return f
}
