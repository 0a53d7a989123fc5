package rollout

import (
	"context"
	"errors"
	"fmt"
)

// Engine carries out the effects on a robot's Docker Engine. Every verb is
// idempotent: called again after a crash, a lost reply or a success, it ends in
// the same state. An error that will not go away by itself is marked Fatal.
type Engine interface {
	// Pull makes the image present by digest. Running containers are not touched.
	Pull(ctx context.Context, t Target) error
	// Replace finds the successor by label or creates it, stops the old
	// container, and starts the successor in its place. The old one is kept. It
	// refuses (ErrStale) when a higher generation has been there.
	Replace(ctx context.Context, t Target) error
	// Rollback stops the successor and starts the old container again. The
	// stopped successor is kept.
	Rollback(ctx context.Context, t Target) error
	// Commit removes the old container after a success.
	Commit(ctx context.Context, t Target) error
	// Discard removes the successor after a rollback, or one that was created and
	// never took over.
	Discard(ctx context.Context, t Target) error
}

// Resolver pins an image reference to a digest.
type Resolver interface {
	Resolve(ctx context.Context, ref string) (PinnedImage, error)
}

// Fence proves to the store that a writer still holds its term: the election
// key and the revision at which it was created.
type Fence struct {
	Key      string
	Revision int64
}

// Stored is a rollout as the store has it.
type Stored struct {
	Plan   Plan
	Status Status
	Wish   Wish
}

// Store keeps rollouts.
type Store interface {
	// Create writes plan and first status if no rollout of that id exists and no
	// other rollout was created since seen (the value that List gave); otherwise
	// ErrConflict.
	Create(ctx context.Context, p Plan, s Status, seen int64) error
	// List returns all rollouts, newest first, and the value for Create's seen.
	List(ctx context.Context) (all []Stored, seen int64, err error)
	// Load returns one rollout, or ErrNotFound.
	Load(ctx context.Context, id string) (Stored, error)
	// Save replaces prev by next in one transaction, on condition that the fence
	// holds (else ErrFenced) and that prev is what is stored (else ErrConflict).
	// It writes only what differs and returns next with its new revision.
	Save(ctx context.Context, f Fence, prev, next Status) (Status, error)
	// PutWish stores an operator's wish under the next sequence number.
	PutWish(ctx context.Context, id string, w Wish) (Wish, error)
	// NextGeneration returns a number greater than all it returned before.
	NextGeneration(ctx context.Context) (uint64, error)
	// Watch signals after each change of any rollout, conflated, until ctx ends;
	// also after a gap that it cannot account for.
	Watch(ctx context.Context) <-chan struct{}
}

// Elector makes one of several managers the runner.
type Elector interface {
	// Campaign blocks until this manager is elected. The returned context ends
	// when the term does, before the lease can expire in etcd.
	Campaign(ctx context.Context) (context.Context, Term, error)
}

// Term is the time during which this manager is the runner.
type Term interface {
	Fence() Fence
	// Lock takes a robot's lease. The returned context ends when the lease is
	// lost. A robot that another holds gives a LockedError.
	Lock(ctx context.Context, robot string) (context.Context, Lock, error)
	// Resign gives the term back at once.
	Resign(ctx context.Context) error
}

// Lock is a robot's lease.
type Lock interface {
	Unlock(ctx context.Context) error
}

// Errors of the seams.
var (
	ErrNotFound = errors.New("rollout not found")
	ErrConflict = errors.New("changed meanwhile")
	ErrFenced   = errors.New("no longer the runner")
	ErrStale    = errors.New("a newer generation has replaced this container")
)

// LockedError says who holds a robot's lease.
type LockedError struct{ Robot, Owner string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("robot %s is locked by %s", e.Robot, e.Owner)
}

// Fatal marks an error that a retry cannot mend (image unknown, configuration
// refused).
func Fatal(err error) error { return &fatalError{err} }

// IsFatal reports whether err is marked Fatal.
func IsFatal(err error) bool {
	var f *fatalError
	return errors.As(err, &f) || errors.Is(err, ErrStale)
}

type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }
