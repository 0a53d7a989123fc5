package rollouttest

import (
	"context"
	"errors"
	"sync"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Elector lets one of several campaigners lead at a time, over one Store. A
// test takes a term away with Depose.
type Elector struct {
	store *Store
	turn  chan struct{} // holds a token while nobody leads

	mu    sync.Mutex
	end   context.CancelFunc // of the present term
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
	e.store.mu.Lock()
	e.store.revision++
	e.store.term = e.store.revision
	revision := e.store.term
	e.store.mu.Unlock()
	e.mu.Lock()
	e.end = cancel
	e.mu.Unlock()
	return term, &heldTerm{e: e, ctx: term, end: cancel, revision: revision}, nil
}

// Depose takes the present term and all robots' leases away, as an expired
// lease does: the next campaigner leads at once.
func (e *Elector) Depose() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end != nil {
		e.end()
	}
	clear(e.locks)
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
	if t.ctx.Err() != nil {
		return nil, nil, errors.New("the term has ended")
	}
	if t.e.locks[robot] != nil {
		return nil, nil, &rollout.LockedError{Robot: robot, Owner: "another"}
	}
	leased, cancel := context.WithCancel(t.ctx)
	l := &lock{e: t.e, robot: robot, end: cancel}
	t.e.locks[robot] = l
	return leased, l, nil
}

func (t *heldTerm) Resign(context.Context) error {
	t.end()
	t.once.Do(func() { t.e.turn <- struct{}{} })
	return nil
}

type lock struct {
	e     *Elector
	robot string
	end   context.CancelFunc
}

func (l *lock) Unlock(context.Context) error {
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	l.end()
	if l.e.locks[l.robot] == l {
		delete(l.e.locks, l.robot)
	}
	return nil
}
