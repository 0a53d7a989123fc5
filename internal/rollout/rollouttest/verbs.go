package rollouttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
)

// Errors that engines give.
var (
	errDown     = errors.New("connection refused")
	errFull     = errors.New("no space left on device")
	errRegistry = errors.New("the registry does not answer")
)

// Pull takes the image in.
func (f *Fleet) Pull(ctx context.Context, t rollout.Target, report func(rollout.Progress)) error {
	defer f.act(ctx, t.Robot)()
	if f.Turn > 0 {
		report(rollout.Progress{Waits: "waits for its turn at site north"})
		select {
		case <-time.After(f.Turn):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	report(rollout.Progress{Done: 1, Total: 2})
	return f.effect(ctx, t.Robot, "pull", f.EffectTime, func(r *robot) error {
		switch {
		case r.images[t.Image.Digest]:
		case r.NoRegistry:
			return errRegistry
		case r.Full:
			return errFull
		}
		r.images[t.Image.Digest] = true
		return nil
	})
}

// Replace works as the adapter does: the successor is created, the old one
// renamed and stopped, the successor renamed and started.
func (f *Fleet) Replace(ctx context.Context, t rollout.Target, ready func() error) error {
	defer f.act(ctx, t.Robot)()
	mine, old, err := f.look(t)
	if err != nil {
		return err
	}
	if mine {
		err = f.surplus(ctx, t)
	} else {
		if old == nil {
			return rollout.Fatal(fmt.Errorf("container %s is not there", t.Container))
		}
		err = f.prepare(ctx, t, old, ready)
	}
	if err != nil {
		return err
	}
	if mine, old, err = f.look(t); err != nil {
		return err
	}
	if old != nil {
		if err := f.stop(ctx, t.Robot, old); err != nil {
			return err
		}
		if mine, _, err = f.look(t); err != nil { // it took its time
			return err
		}
	}
	do := func(what string, change func(r *robot) error) {
		if err == nil {
			err = f.effect(ctx, t.Robot, what, f.EffectTime, change)
		}
	}
	if !mine {
		do("rename the successor", func(r *robot) error {
			if next := r.named(nextName(t.Container, t.Generation)); next != nil {
				return r.rename(next, t.Container)
			}
			return errors.New("the successor is gone")
		})
	}
	do("start the successor", func(r *robot) error { return r.start(t.Container) })
	do("restart policy of the successor", func(r *robot) error {
		if c := r.named(t.Container); c != nil && c.generation == t.Generation {
			c.restart = true
		}
		return nil
	})
	return err
}

// prepare creates the successor and takes the old container out of its place.
func (f *Fleet) prepare(ctx context.Context, t rollout.Target, old *container, ready func() error) (err error) {
	do := func(what string, change func(r *robot) error) {
		if err == nil {
			err = f.effect(ctx, t.Robot, what, f.EffectTime, change)
		}
	}
	do("create the successor", func(r *robot) error {
		name := nextName(t.Container, t.Generation)
		if r.named(name) != nil {
			return nil
		}
		if !r.images[t.Image.Digest] {
			return errors.New("no such image")
		}
		return r.create(&container{name: name, digest: t.Image.Digest, rollout: t.Rollout, generation: t.Generation})
	})
	if err == nil {
		var mine bool
		if mine, _, err = f.look(t); mine { // another was faster
			return f.surplus(ctx, t)
		}
	}
	if err == nil && f.nameOf(old) != previousName(t.Container, t.Generation) {
		err = ready()
	}
	do("rename the old container", func(r *robot) error { return r.rename(old, previousName(t.Container, t.Generation)) })
	do("restart policy of the old container", func(*robot) error { old.restart = false; return nil })
	return err
}

func (f *Fleet) nameOf(c *container) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return c.name
}

// surplus removes the second successor that a slower actor created after the
// first one had taken its place.
func (f *Fleet) surplus(ctx context.Context, t rollout.Target) error {
	f.mu.Lock()
	next := f.robots[t.Robot].named(nextName(t.Container, t.Generation))
	f.mu.Unlock()
	if next == nil {
		return nil
	}
	return f.effect(ctx, t.Robot, "remove the surplus successor", f.EffectTime, func(r *robot) error { return r.remove(next) })
}

// look finds the old container, and whether the successor has its place. It
// refuses when a higher generation was here, and to bring back what was undone.
func (f *Fleet) look(t rollout.Target) (mine bool, old *container, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.robots[t.Robot]
	for _, c := range r.containers {
		if c.generation > t.Generation {
			return false, nil, rollout.ErrStale
		}
	}
	if r.named(undoneName(t.Container, t.Generation)) != nil {
		return false, nil, rollout.Fatal(fmt.Errorf("generation %d was rolled back here", t.Generation))
	}
	place := r.named(t.Container)
	if place != nil && place.generation == t.Generation {
		return true, r.named(previousName(t.Container, t.Generation)), nil
	}
	if place == nil {
		place = r.named(previousName(t.Container, t.Generation))
	}
	return false, place, nil
}

// Rollback takes the successor out and puts the old container back.
func (f *Fleet) Rollback(ctx context.Context, t rollout.Target) (err error) {
	defer f.act(ctx, t.Robot)()
	var place, old, next *container
	f.mu.Lock()
	r := f.robots[t.Robot]
	place, old, next = r.named(t.Container), r.named(previousName(t.Container, t.Generation)), r.named(undoneName(t.Container, t.Generation))
	if next == nil {
		next = r.named(nextName(t.Container, t.Generation))
	}
	f.mu.Unlock()
	if place != nil && place.generation == t.Generation {
		next = place
	} else if place != nil {
		old = place
	}
	switch {
	case old == nil:
		return rollout.Fatal(errors.New("there is no old container to go back to"))
	case next == nil && old == place:
		return nil
	}
	do := func(what string, change func(r *robot) error) {
		if err == nil {
			err = f.effect(ctx, t.Robot, what, f.EffectTime, change)
		}
	}
	if next != nil {
		do("restart policy of the successor", func(*robot) error { next.restart = false; return nil })
		do("rename the successor", func(r *robot) error { return r.rename(next, undoneName(t.Container, t.Generation)) })
		if err == nil {
			err = f.stop(ctx, t.Robot, next)
		}
	}
	if err == nil && old != place { // a stop of it may be under way
		err = f.stop(ctx, t.Robot, old)
	}
	do("restart policy of the old container", func(*robot) error { old.restart = true; return nil })
	do("rename the old container", func(r *robot) error { return r.rename(old, t.Container) })
	do("start the old container", func(r *robot) error { return r.start(t.Container) })
	return err
}

// Commit removes the old container, once the successor has its place.
func (f *Fleet) Commit(ctx context.Context, t rollout.Target) error {
	defer f.act(ctx, t.Robot)()
	mine, old, err := f.look(t)
	switch {
	case err != nil || old == nil:
		return err
	case !mine:
		return rollout.Fatal(errors.New("the successor is not in its place"))
	}
	return f.effect(ctx, t.Robot, "remove the old container", f.EffectTime, func(r *robot) error { return r.remove(old) })
}

// Discard removes the successor, wherever it is but in its place.
func (f *Fleet) Discard(ctx context.Context, t rollout.Target) error {
	defer f.act(ctx, t.Robot)()
	for _, name := range []string{undoneName(t.Container, t.Generation), nextName(t.Container, t.Generation)} {
		f.mu.Lock()
		c := f.robots[t.Robot].named(name)
		f.mu.Unlock()
		if c == nil {
			continue
		}
		if err := f.effect(ctx, t.Robot, "remove the successor", f.EffectTime, func(r *robot) error { return r.remove(c) }); err != nil {
			return err
		}
	}
	return nil
}

// act notes that a verb works on a robot, once the request is there, until the
// function that it returns is called.
func (f *Fleet) act(ctx context.Context, robot string) (end func()) {
	time.Sleep(f.Latency(ctx, robot))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.acting[robot]++; f.acting[robot] > 1 {
		f.overlaps++
	}
	return func() {
		f.mu.Lock()
		f.acting[robot]--
		f.mu.Unlock()
		f.observe(robot)
	}
}

// stop stops a container that runs.
func (f *Fleet) stop(ctx context.Context, id string, c *container) error {
	f.mu.Lock()
	took, running, starts := f.StopTime, c.running, c.starts
	if own := f.robots[id].StopTime; own > 0 {
		took = own
	}
	f.mu.Unlock()
	if !running {
		return nil
	}
	return f.effect(ctx, id, "stop", took, func(*robot) error {
		if c.starts == starts { // else another stop ended it sooner, and it was started again
			c.running = false
		}
		return nil
	})
}

// hungPoll is how often one looks whether a hung engine answers again.
const hungPoll = 100 * time.Millisecond

// effect changes one thing on an engine. Once it is under way nobody can take it
// back: a context that ends only ends the wait for it.
func (f *Fleet) effect(ctx context.Context, id, what string, took time.Duration, change func(*robot) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.Before != nil {
		if err := f.Before(ctx, id, what); err != nil {
			return err
		}
	}
	took += f.Latency(ctx, id)
	began := time.Now()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		f.goOn(id, took-time.Since(began), change)
		time.Sleep(f.Latency(ctx, id)) // one context may end the verbs of all robots
		return ctx.Err()
	}
	f.mu.Lock()
	r := f.robots[id]
	for r.Engine == fleet.EngineHung && !r.Off {
		if ctx.Err() != nil {
			r.late = append(r.late, change)
			f.mu.Unlock()
			return ctx.Err()
		}
		f.mu.Unlock()
		time.Sleep(hungPoll)
		f.mu.Lock()
	}
	if r.Off || r.Engine != fleet.EngineUp {
		f.mu.Unlock()
		return errDown
	}
	err := f.change(r, change)
	f.mu.Unlock()
	if err == nil && f.After != nil {
		err = f.After(ctx, id, what)
	}
	return err
}

// goOn ends an effect that nobody waits for any more, as engines do until their
// machine is switched off.
func (f *Fleet) goOn(id string, left time.Duration, change func(*robot) error) {
	f.mu.Lock()
	boots := f.robots[id].boots
	f.mu.Unlock()
	time.AfterFunc(left, func() {
		f.mu.Lock()
		switch r := f.robots[id]; {
		case r.Off || r.boots != boots || r.Engine == fleet.EngineDown:
		case r.Engine == fleet.EngineHung:
			r.late = append(r.late, change)
		default:
			_ = f.change(r, change)
		}
		f.mu.Unlock()
		f.observe(id)
	})
}

// change does an effect, and counts. It wants the lock.
func (f *Fleet) change(r *robot, change func(*robot) error) error {
	err := change(r)
	f.effects++
	live := 0
	for _, r := range f.robots {
		if r.publishes() {
			live++
		}
	}
	f.minLive = min(f.minLive, live)
	return err
}
