package rollouttest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Elector lets one of several campaigners lead at a time, over one Store. A
// test takes a term away with Depose.
type Elector struct {
	store *Store
	turn  chan struct{} // holds a token while nobody leads

	mu    sync.Mutex
	term  *heldTerm // the present one
	locks map[string]*lock
}

var _ rollout.Elector = (*Elector)(nil)

// NewElector makes an elector whose terms fence the store.
func NewElector(s *Store) *Elector {
	e := &Elector{store: s, turn: make(chan struct{}, 1), locks: make(map[string]*lock)}
	e.turn <- struct{}{}
	return e
}

// Campaign waits for the turn.
func (e *Elector) Campaign(ctx context.Context) (context.Context, rollout.Term, error) {
	select {
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-e.turn:
	}
	term, cancel := context.WithCancel(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	t := &heldTerm{e: e, ctx: term, end: cancel, revision: e.store.newTerm()}
	e.term = t
	return term, t, nil
}

// Depose takes the present term and all robots' leases away, as an expired
// lease does: the next campaigner leads at once. The one that was deposed learns
// of it after a while, in which it acts although it must not.
func (e *Elector) Depose(after time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.term != nil {
		e.term.depose(after)
	}
}

// Expire ends a term whose holder has died, if it is still the present one.
func (e *Elector) Expire(t rollout.Term) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if held, ok := t.(*heldTerm); ok {
		held.depose(0)
	}
}

// Locked lists the robots whose leases are held.
func (e *Elector) Locked() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Keys(e.locks))
}

// depose wants the elector's lock.
func (t *heldTerm) depose(after time.Duration) {
	if t != t.e.term {
		return
	}
	clear(t.e.locks)
	t.e.term = nil
	t.e.store.endTerm()
	if after == 0 {
		t.end()
	} else {
		time.AfterFunc(after, t.end)
	}
	t.once.Do(func() { t.e.turn <- struct{}{} })
}

type heldTerm struct {
	e        *Elector
	ctx      context.Context
	end      context.CancelFunc
	revision int64
	once     sync.Once
}

func (t *heldTerm) Fence() rollout.Fence {
	return rollout.Fence{Key: "election/runner", Revision: t.revision}
}

func (t *heldTerm) Lock(_ context.Context, robot string) (context.Context, rollout.Lock, error) {
	t.e.mu.Lock()
	defer t.e.mu.Unlock()
	if t.ctx.Err() != nil || t != t.e.term {
		return nil, nil, errors.New("the term has ended")
	}
	// Under our own term it is ours: an earlier reply was lost.
	if other := t.e.locks[robot]; other != nil && other.term != t {
		return nil, nil, &rollout.LockedError{Robot: robot, Owner: "another"}
	}
	leased, cancel := context.WithCancel(t.ctx)
	l := &lock{e: t.e, term: t, robot: robot, end: cancel}
	t.e.locks[robot] = l
	return leased, l, nil
}

func (t *heldTerm) Resign(context.Context) error {
	t.end()
	t.e.mu.Lock()
	defer t.e.mu.Unlock()
	t.depose(0)
	return nil
}

type lock struct {
	e     *Elector
	term  *heldTerm
	robot string
	end   context.CancelFunc
}

func (l *lock) Unlock(context.Context) error {
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	l.end()
	if other := l.e.locks[l.robot]; other != nil && other.term == l.term {
		delete(l.e.locks, l.robot)
	}
	return nil
}
