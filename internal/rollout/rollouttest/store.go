// Package rollouttest has the seams of package rollout in memory, for tests
// and for scale: a store with fencing, an elector with leases that a test can
// take away, and a fleet of engines. They are small real implementations and
// own no goroutine but those whose caller waits for them.
package rollouttest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
)

// ErrDown is what a store gives while it is cut off.
var ErrDown = errors.New("store is cut off")

// Store is a rollout.Store in memory, with the fence of an Elector.
type Store struct {
	mu         sync.Mutex
	rollouts   map[string]rollout.Stored
	order      []string
	holds      map[string]rollout.Hold
	index      int64
	revision   int64
	generation uint64
	term       int64 // revision of the present term; 0 when none
	down       bool
	saves      int
	wakers     fleet.Wakers
}

var _ rollout.Store = (*Store)(nil)

// NewStore makes an empty store.
func NewStore() *Store {
	return &Store{rollouts: make(map[string]rollout.Stored), holds: make(map[string]rollout.Hold)}
}

// SetDown cuts the store off, or heals it.
func (s *Store) SetDown(down bool) {
	s.mu.Lock()
	s.down = down
	s.mu.Unlock()
	s.wakers.Wake()
}

// Saves is how many times a status was saved.
func (s *Store) Saves() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saves
}

// newTerm begins a term and returns its revision; endTerm ends it.
func (s *Store) newTerm() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revision++
	s.term = s.revision
	return s.term
}

func (s *Store) endTerm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.term = 0
}

// do runs one transaction.
func (s *Store) do(f func() error) error {
	s.mu.Lock()
	defer s.wakers.Wake()
	defer s.mu.Unlock()
	if s.down {
		return ErrDown
	}
	return f()
}

// Create stores a new rollout.
func (s *Store) Create(_ context.Context, p rollout.Plan, st rollout.Status, seen int64) error {
	return s.do(func() error {
		if _, there := s.rollouts[p.ID]; there || seen != s.index {
			return rollout.ErrConflict
		}
		s.index++
		s.revision++
		st.Revision = s.revision
		s.rollouts[p.ID] = rollout.Stored{Plan: p, Status: copyStatus(st), Created: s.revision}
		s.order = append([]string{p.ID}, s.order...)
		return nil
	})
}

// List returns all rollouts.
func (s *Store) List(context.Context) ([]rollout.Stored, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, 0, ErrDown
	}
	all := make([]rollout.Stored, 0, len(s.order))
	for _, id := range s.order {
		all = append(all, read(s.rollouts[id]))
	}
	return all, s.index, nil
}

// Load returns one rollout.
func (s *Store) Load(_ context.Context, id string) (rollout.Stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return rollout.Stored{}, ErrDown
	}
	st, ok := s.rollouts[id]
	if !ok {
		return st, rollout.ErrNotFound
	}
	return read(st), nil
}

// Save replaces a status under the fence.
func (s *Store) Save(_ context.Context, f rollout.Fence, prev, next rollout.Status) (rollout.Status, error) {
	err := s.do(func() error {
		st, ok := s.rollouts[prev.Rollout]
		switch {
		case f.Revision != s.term:
			return rollout.ErrFenced
		case !ok || st.Status.Revision != prev.Revision:
			return rollout.ErrConflict
		}
		s.revision++
		s.saves++
		next.Revision = s.revision
		st.Status = copyStatus(next)
		st.Wishes = slices.DeleteFunc(slices.Clone(st.Wishes), func(w rollout.Wish) bool { return w.Seq <= next.Wish })
		s.rollouts[prev.Rollout] = st
		return nil
	})
	return next, err
}

// PutWish stores a wish under the next number.
func (s *Store) PutWish(_ context.Context, id string, w rollout.Wish) (rollout.Wish, error) {
	err := s.do(func() error {
		st, ok := s.rollouts[id]
		if !ok {
			return rollout.ErrNotFound
		}
		if len(st.Wishes) >= rollout.MaxWishes {
			return rollout.ErrConflict
		}
		w.Seq = st.Status.Wish + uint64(len(st.Wishes)) + 1
		st.Wishes = append(st.Wishes[:len(st.Wishes):len(st.Wishes)], w)
		s.rollouts[id] = st
		return nil
	})
	return w, err
}

// Holds are the locks on robots.
func (s *Store) Holds(context.Context) (holds []rollout.Hold, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, ErrDown
	}
	for _, robot := range slices.Sorted(maps.Keys(s.holds)) {
		holds = append(holds, s.holds[robot])
	}
	return holds, nil
}

// PutHold locks a robot.
func (s *Store) PutHold(_ context.Context, h rollout.Hold) error {
	return s.do(func() error { s.holds[h.Robot] = h; return nil })
}

// RemoveHold unlocks a robot.
func (s *Store) RemoveHold(_ context.Context, robot string) error {
	return s.do(func() error { delete(s.holds, robot); return nil })
}

// NextGeneration counts.
func (s *Store) NextGeneration(context.Context) (drawn uint64, err error) {
	err = s.do(func() error { s.generation++; drawn = s.generation; return nil })
	return drawn, err
}

// Watch signals each change until ctx ends.
func (s *Store) Watch(ctx context.Context) <-chan struct{} {
	sub := s.wakers.Subscribe()
	context.AfterFunc(ctx, sub.Close)
	return sub.C
}

// read is a rollout as a reader gets it, with robots of its own.
func read(st rollout.Stored) rollout.Stored {
	st.Status.Robots = maps.Clone(st.Status.Robots)
	return st
}

// copyStatus goes through JSON, as a real store does.
func copyStatus(s rollout.Status) rollout.Status {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	var c rollout.Status
	if err := json.Unmarshal(b, &c); err != nil {
		panic(err)
	}
	return c
}
