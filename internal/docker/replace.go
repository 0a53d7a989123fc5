package docker

import (
	"context"
	"errors"
	"fmt"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Replace puts a container of the target's image in the old one's place; see
// the package's doc. It refuses with a Fatal error, before anything is touched,
// what could not be undone or kept. It asks ready just before it takes the old
// container out of its place to stop it; a no leaves that one as it was. Out of
// its place it may be in its grace time already: from then on there is no way
// back but by Rollback.
func (c *Client) Replace(ctx context.Context, t rollout.Target, ready func() error) error {
	w, err := c.begin(ctx, t)
	if err != nil {
		return err
	}
	f, err := w.family(ctx)
	if err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	if err := w.notUndone(f); err != nil {
		return fmt.Errorf("replace %s: %w", t.Container, err)
	}
	next, old := f.mine(t), f.prev
	if next != nil {
		err = w.surplus(ctx, f)
	} else {
		next, old, err = w.prepare(ctx, f, ready)
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", t.Container, err)
	}
	if err := w.takeOver(ctx, next, old); err != nil {
		return fmt.Errorf("replace %s: %w", t.Container, err)
	}
	return nil
}

// prepare gets the successor ready and takes the old container out of its
// place. The old one goes on running.
func (w *work) prepare(ctx context.Context, f *family, ready func() error) (next, old *member, err error) {
	switch {
	case f.place != nil && f.prev != nil:
		return nil, nil, rollout.Fatal(fmt.Errorf("the place was taken meanwhile by %s", f.place.owner()))
	case f.place != nil:
		old = f.place
	case f.prev != nil:
		old = f.prev
	default:
		if old, err = w.leftBehind(f); err != nil {
			return nil, nil, err
		}
	}
	// The image is here since the pull; when it was removed meanwhile it is better
	// to fetch it now than to learn it with the robot down.
	if err := w.pull(ctx, func(rollout.Progress) {}); err != nil {
		return nil, nil, err
	}
	s, err := w.plan(ctx, f, old)
	if err != nil {
		return nil, nil, err
	}
	if f.next == nil {
		if err := w.create(ctx, s, nameOf(w.t.Container, slotNext, w.t.Generation)); err != nil {
			return nil, nil, err
		}
	}
	// Look again: another actor may have been faster by any number of steps.
	if f, err = w.family(ctx); err != nil {
		return nil, nil, err
	}
	if err := w.notUndone(f); err != nil {
		return nil, nil, err
	}
	if next = f.mine(w.t); next != nil {
		return next, f.prev, w.surplus(ctx, f)
	}
	if next = f.next; next == nil {
		return nil, nil, errors.New("the successor was created and is gone")
	}
	if err := w.join(ctx, next, s.networks); err != nil {
		return nil, nil, err
	}
	return next, old, w.takeAway(ctx, next, old, ready)
}

// takeAway takes the old container out of its place, if it may.
func (w *work) takeAway(ctx context.Context, next, old *member, ready func() error) error {
	if old.slot == slotPlace {
		if notNow := ready(); notNow != nil {
			w.log.Info("container not replaced", "reason", notNow)
			return notNow
		}
	}
	if err := w.rename(ctx, old, previousName(w.t.Container, w.t.Generation, next.labels)); err != nil {
		return err
	}
	return w.setRestart(ctx, old.name, noRestart)
}

// notUndone refuses to bring back what was rolled back.
func (w *work) notUndone(f *family) error {
	if f.undone == nil {
		return nil
	}
	return rollout.Fatal(fmt.Errorf("generation %d was rolled back here", w.t.Generation))
}

// surplus removes the second successor that a slower actor created after the
// first one had taken its place. It was never started.
func (w *work) surplus(ctx context.Context, f *family) error {
	if f.next == nil {
		return nil
	}
	return w.remove(ctx, f.next, true)
}

// leftBehind is the old container of an earlier rollout that was left with an
// empty place: its replacement and its rollback had failed. Its successor is still
// there and tells how the old one was; while that one runs, nothing is done.
func (w *work) leftBehind(f *family) (*member, error) {
	var old, next *member
	for i := range f.lower {
		m := &f.lower[i]
		switch {
		case m.runs():
			return nil, rollout.Fatal(fmt.Errorf("container %s is not there, but %s runs: an earlier rollout was left unfinished; stop that one first", w.t.Container, m.name))
		case m.slot == slotPrevious && (old == nil || m.generation > old.generation):
			old = m
		}
	}
	if old == nil {
		return nil, rollout.Fatal(fmt.Errorf("container %s is not on engine %s", w.t.Container, w.endpoint.Name))
	}
	for i := range f.lower {
		if m := &f.lower[i]; m.slot != slotPrevious && m.generation == old.generation {
			next = m
		}
	}
	if next == nil && remembered(old.name) == nil {
		return nil, rollout.Fatal(fmt.Errorf("container %s is not there, but %s is, and nothing tells its restart policy: rename and start it first", w.t.Container, old.name))
	}
	return old, nil
}

// takeOver stops the old container and starts the successor in its place. old
// is nil once Commit has removed it.
func (w *work) takeOver(ctx context.Context, next, old *member) error {
	wanted, err := parseRestart(next.labels[labelRestart])
	if err != nil {
		return rollout.Fatal(fmt.Errorf("label %s of %s: %w", labelRestart, next.name, err))
	}
	if old != nil {
		if err := w.halt(ctx, old); err != nil {
			return err
		}
		// Stopping can take long: another may have taken over or rolled back.
		f, err := w.family(ctx)
		if err != nil {
			return err
		}
		if err := w.notUndone(f); err != nil {
			return err
		}
		if err := w.evict(ctx, f); err != nil {
			return err
		}
	}
	if err := w.rename(ctx, next, w.t.Container); err != nil {
		return err
	}
	if err := w.start(ctx); err != nil {
		return w.hopeless(ctx, err)
	}
	if err := w.setRestart(ctx, w.t.Container, wanted); err != nil {
		return err
	}
	w.log.Info("container replaced", "image", w.t.Image.ByDigest())
	return nil
}
