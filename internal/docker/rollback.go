package docker

import (
	"context"
	"errors"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Rollback takes the successor out of its place and puts the old container
// back as it was found, running or stopped, with the restart policy it had. The
// stopped successor is kept until Discard, under a name at which Replace of the
// same generation refuses. It is Fatal when no old container is left. With
// nothing to undo it does nothing.
func (c *Client) Rollback(ctx context.Context, t rollout.Target) error {
	w, err := c.begin(ctx, t)
	if err != nil {
		return err
	}
	f, err := w.family(ctx)
	if err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	if err := w.restore(ctx, f); err != nil {
		return fmt.Errorf("roll back %s: %w", t.Container, err)
	}
	return nil
}

// restore is Rollback on the family as it is.
func (w *work) restore(ctx context.Context, f *family) error {
	next, old, err := w.sides(f)
	if err != nil {
		return err
	}
	if next == nil && old == f.place {
		return nil // never replaced, or all done and discarded
	}
	if err := w.evict(ctx, f); err != nil {
		return err
	}
	if next != nil {
		if f.mine(w.t) != nil || f.undone != nil {
			if err := w.surplus(ctx, f); err != nil {
				return err
			}
		}
		if err := w.takeOut(ctx, next, w.t.Generation); err != nil {
			return err
		}
	}
	if err := w.putBack(ctx, next, old); err != nil {
		return err
	}
	w.log.Info("container rolled back", "image_refused", w.t.Image.ByDigest())
	return nil
}

// putBack puts the old container in its place, as it was found. It may be
// called until it succeeds: a device may be busy for a while, and a port not
// yet free.
func (w *work) putBack(ctx context.Context, next, old *member) error {
	memory, from := remembered(old.name), old.name
	if next != nil {
		memory, from = next.labels, next.name
	}
	wanted, err := parseRestart(memory[labelRestart])
	if memory != nil && err != nil {
		return rollout.Fatal(fmt.Errorf("label %s of %s: %w", labelRestart, from, err))
	}
	if old.slot == slotPrevious {
		// A Replace that was given up may be stopping it, and the engine goes on
		// with that: to start what still runs would do nothing, and it would end
		// afterwards.
		if err := w.halt(ctx, old); err != nil {
			return err
		}
	}
	if memory != nil { // while its name remembers it
		if err := w.setRestart(ctx, old.name, wanted); err != nil {
			return err
		}
	}
	if err := w.rename(ctx, old, w.t.Container); err != nil {
		return err
	}
	if memory[labelFound] == foundStopped {
		return nil
	}
	if err := w.start(ctx); err != nil {
		return err
	}
	if memory == nil {
		return rollout.Fatal(fmt.Errorf("%s was started again, but its restart policy is not known any more: somebody removed the successor, whose label had it", old.name))
	}
	return w.runsInPlace(ctx)
}

// sides finds the successor, if there is one, and the container to go back to.
func (w *work) sides(f *family) (next, old *member, err error) {
	next = f.mine(w.t)
	old = f.place
	if next != nil {
		old = nil
	}
	if f.undone != nil {
		next = f.undone
	} else if next == nil {
		next = f.next
	}
	switch {
	case f.prev == nil && old == nil:
		return nil, nil, rollout.Fatal(errors.New("there is no old container to go back to; somebody removed it, as a prune of stopped containers does. Once the rollout has ended, its rollback brings the old image back"))
	case f.prev != nil && old != nil:
		return nil, nil, rollout.Fatal(fmt.Errorf("the place was taken meanwhile by %s", old.owner()))
	case f.prev != nil:
		old = f.prev
	}
	return next, old, nil
}

// takeOut makes sure that the successor is out of its place, stopped, and stays
// so. It is renamed before it is stopped: from then on nobody can start it by
// the name of the place.
func (w *work) takeOut(ctx context.Context, next *member, generation uint64) error {
	if err := w.setRestart(ctx, next.id, noRestart); err != nil {
		return err
	}
	if err := w.rename(ctx, next, nameOf(w.t.Container, slotUndone, generation)); err != nil {
		return err
	}
	return w.halt(ctx, next)
}

// evict takes a late successor out of the place. Its generation has been
// overtaken, so it is what nobody wants any more; Commit removes it.
func (w *work) evict(ctx context.Context, f *family) error {
	if f.late == nil {
		return nil
	}
	w.log.Warn("container of an overtaken rollout taken out of the place", "by", f.late.owner())
	return w.takeOut(ctx, f.late, generationOf(f.late.labels))
}

// Commit removes the old container, and what earlier rollouts of lower
// generations left behind. Volumes stay: the successor has them. When the target
// says so, images that nothing needs any more go, too.
func (c *Client) Commit(ctx context.Context, t rollout.Target) error {
	w, err := c.begin(ctx, t)
	if err != nil {
		return err
	}
	f, err := w.family(ctx)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if f.mine(t) == nil {
		return rollout.Fatal(fmt.Errorf("commit %s: the successor of generation %d is not in place", t.Container, t.Generation))
	}
	gone := f.lower
	if f.prev != nil {
		gone = append(gone, *f.prev)
	}
	if f.next != nil {
		gone = append(gone, *f.next)
	}
	for i := range gone {
		if err := w.remove(ctx, &gone[i], false); err != nil {
			return fmt.Errorf("commit %s: %w", t.Container, err)
		}
	}
	if t.Prune {
		w.prune(ctx)
	}
	return nil
}

// Discard removes the successor after a rollback, or one that never took over,
// with the volumes that it alone has. Where Replace had begun, the old container
// is put right first. It is Fatal while the successor is in place.
func (c *Client) Discard(ctx context.Context, t rollout.Target) error {
	w, err := c.begin(ctx, t)
	if err != nil {
		return err
	}
	f, err := w.family(ctx)
	if err != nil {
		return fmt.Errorf("discard: %w", err)
	}
	if f.mine(t) != nil {
		return rollout.Fatal(fmt.Errorf("discard %s: the successor of generation %d is in place; roll back first", t.Container, t.Generation))
	}
	if f.next == nil && f.undone == nil {
		return nil
	}
	if err := w.putRight(ctx, f); err != nil {
		return fmt.Errorf("discard %s: %w", t.Container, err)
	}
	for _, m := range []*member{f.next, f.undone} {
		if m == nil {
			continue
		}
		if err := w.remove(ctx, m, true); err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("discard %s: %w", t.Container, err)
		}
	}
	return nil
}

// putRight ends a replacement that was left unfinished. After a rollback it has
// nothing to do, and what became of the old container since is not its affair.
func (w *work) putRight(ctx context.Context, f *family) error {
	if f.undone != nil && f.prev == nil {
		return nil
	}
	return w.restore(ctx, f)
}
