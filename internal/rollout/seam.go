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
	// It tells report how far it came, now and then; report never blocks.
	Pull(ctx context.Context, t Target, report func(Progress)) error
	// Replace finds the successor by label or creates it, stops the old
	// container, and starts the successor in its place. The old one is kept. It
	// refuses (ErrStale) when a higher generation has been there. It asks ready
	// just before it takes the old container out of its place, to stop it; when
	// that gives an error, it leaves the old one as it is and returns that error.
	// Once the old one is out of its place it is not asked again.
	Replace(ctx context.Context, t Target, ready func() error) error
	// Rollback stops the successor and starts the old container again. The
	// stopped successor is kept.
	Rollback(ctx context.Context, t Target) error
	// Commit removes the old container after a success and, when the target says
	// Prune, the images of its repository that no container uses, but never the
	// target's nor the one that was replaced.
	Commit(ctx context.Context, t Target) error
	// Discard removes the successor after a rollback, or one that was created and
	// never took over.
	Discard(ctx context.Context, t Target) error
	// Probe asks a check of the successor once. No answer is GateError with the
	// reason in words; a check that answers "no" is Fail.
	Probe(ctx context.Context, t Target, c Check) Gate
	// Preview says what a Replace would keep and change, and touches nothing.
	Preview(ctx context.Context, t Target) (Preview, error)
}

// Progress is how far a pull came, in bytes; a Total of 0 is not known.
type Progress struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
	// Waits says for what the pull waits, which has not begun: "waits for its
	// turn at site north". Its deadline counts from when it does not.
	Waits string `json:"waits,omitempty"`
}

// Preview is what a replacement would do to one robot's container.
type Preview struct {
	Kept    []string `json:"kept,omitempty"`    // what the user set: "device /dev/ttyUSB0", "network hall 10.0.0.7"
	Changed []string `json:"changed,omitempty"` // what follows the image: "image amr:1 → amr:2", "environment PATH"
	// Refused names what can not be kept, empty when all can: such a robot
	// stops the plan.
	Refused string `json:"refused,omitempty"`
	// NotAsked says why the engine told nothing: it did not answer in time. What
	// it would say is asked again before anything is touched.
	NotAsked string `json:"not_asked,omitempty"`
	Present  bool   `json:"present"`    // the image is on the engine
	Need     int64  `json:"need_bytes"` // of the image's layers, compressed; 0 when not known or present
	Free     int64  `json:"free_bytes"` // on the engine's data root; -1 when not known
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
	Wishes []Wish // not taken in yet, in their order
	// Created orders rollouts as they were created, by the store's own count: the
	// managers' clocks differ.
	Created int64
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
	// It writes only what differs and returns next with its new revision. The
	// wishes up to next.Wish are removed with it.
	Save(ctx context.Context, f Fence, prev, next Status) (Status, error)
	// PutWish stores an operator's wish under the next sequence number, or gives
	// ErrConflict when MaxWishes wait to be taken in.
	PutWish(ctx context.Context, id string, w Wish) (Wish, error)
	// NextGeneration returns a number greater than all it returned before.
	NextGeneration(ctx context.Context) (uint64, error)
	// Holds are the operators' locks on robots. PutHold replaces an older one.
	Holds(ctx context.Context) ([]Hold, error)
	PutHold(ctx context.Context, h Hold) error
	RemoveHold(ctx context.Context, robot string) error
	// Watch signals after each change of any rollout or hold, conflated, until ctx ends;
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
	// ErrForbidden: another person must do it, or one with a higher role.
	ErrForbidden = errors.New("not allowed to you")
	ErrStale     = errors.New("a newer generation has replaced this container")
	// ErrNotNow: a robot may not be touched any more, and was not.
	ErrNotNow = errors.New("not now")
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

// conflictError says why something does not fit where a rollout or robot
// stands; it is an ErrConflict.
type conflictError struct{ text string }

func (e *conflictError) Error() string        { return e.text }
func (e *conflictError) Is(target error) bool { return target == ErrConflict }

func conflictf(format string, args ...any) error {
	return &conflictError{fmt.Sprintf(format, args...)}
}
