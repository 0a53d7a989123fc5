package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// start carries out one verb in its own goroutine, which the term waits for.
func (w *termWork) start(ctx context.Context, st *Stored, c Command) {
	p := &st.Plan
	t := p.Target(c.Robot, st.Status.Robot(p.Robots[c.Robot].Robot))
	w.mu.Lock()
	defer w.mu.Unlock()
	fl := w.robots[t.Robot]
	if fl == nil {
		fl = &inFlight{}
		w.robots[t.Robot] = fl
	}
	if fl.busy != "" {
		return
	}
	if fl.rollout != t.Rollout { // what was known belongs to another rollout
		*fl = inFlight{rollout: t.Rollout, lock: fl.lock, leased: fl.leased}
	}
	parent := ctx
	if c.Verb != VerbLock && c.Verb != VerbUnlock {
		parent = fl.leased // acts only while the robot's lease lives
		if parent == nil {
			return
		}
	}
	limit := c.Deadline.Sub(w.Now())
	verbCtx, cancel := context.WithTimeout(parent, limit)
	if c.Verb == VerbPull {
		verbCtx, cancel = context.WithCancel(parent)
		fl.late = time.AfterFunc(limit, cancel)
	}
	fl.busy, fl.cancel, fl.progress = c.Verb, cancel, Progress{}
	lock, since := fl.lock, w.since
	w.verbs.Go(func() {
		defer cancel()
		switch c.Verb {
		case VerbLock:
			w.takeLease(ctx, verbCtx, t)
		case VerbUnlock:
			w.giveLease(verbCtx, t, lock)
		case VerbProbe:
			w.probe(verbCtx, t, p.Spec.After.Checks)
		default:
			w.act(verbCtx, p, t, c, since)
		}
	})
}

// act calls the engine and keeps the result for the next decision.
func (w *termWork) act(ctx context.Context, p *Plan, t Target, c Command, since time.Time) {
	began, v := time.Now(), c.Verb
	err := w.engineVerb(ctx, p, t, v, func() error { return w.ready(ctx, p, c.Robot, since) })
	res := &Result{Verb: v}
	if err != nil {
		res.Err, res.Fatal, res.Stale, res.NotNow = err.Error(), IsFatal(err), errors.Is(err, ErrStale), errors.Is(err, ErrNotNow)
		w.Log.WarnContext(ctx, "robot verb failed", "verb", v, "robot", t.Robot, "rollout", t.Rollout,
			"container", t.Container, "fatal", res.Fatal, "err", err)
	} else {
		w.Log.InfoContext(ctx, "robot verb done", "verb", v, "robot", t.Robot, "rollout", t.Rollout,
			"container", t.Container, "took", time.Since(began).Round(time.Millisecond).String())
	}
	w.ended(t.Robot, func(fl *inFlight) { fl.result = res })
}

// probe asks the spec's checks one after another and keeps the answers.
func (w *termWork) probe(ctx context.Context, t Target, checks []Check) {
	asked := w.Now()
	answers := make([]Gate, len(checks))
	for i, c := range checks {
		answers[i] = w.Engine.Probe(ctx, t, c)
	}
	w.ended(t.Robot, func(fl *inFlight) { fl.probes, fl.probedAt = answers, asked })
}

// progress notes how far a pull came. The time that it may take begins when it
// has its turn.
func (w *termWork) progress(robot string, limit time.Duration, p Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fl := w.robots[robot]
	if fl == nil || fl.busy != VerbPull {
		return
	}
	was := fl.progress.Waits
	fl.progress = p
	switch {
	case was == p.Waits:
		return
	case p.Waits != "":
		fl.late.Stop()
	default:
		fl.late.Reset(limit)
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *termWork) engineVerb(ctx context.Context, p *Plan, t Target, v Verb, ready func() error) error {
	switch v {
	case VerbPull:
		limit := time.Duration(p.Spec.Deadlines.Pull)
		return w.Engine.Pull(ctx, t, func(how Progress) { w.progress(t.Robot, limit, how) })
	case VerbReplace:
		return w.Engine.Replace(ctx, t, ready)
	case VerbRollback:
		return w.Engine.Rollback(ctx, t)
	case VerbCommit:
		return w.Engine.Commit(ctx, t)
	case VerbDiscard:
		return w.Engine.Discard(ctx, t)
	default:
		return Fatal(fmt.Errorf("verb %q is none of an engine's", v))
	}
}

// takeLease asks for the robot's lease. The lease outlives the call: it ends
// with the term.
func (w *termWork) takeLease(term, ctx context.Context, t Target) {
	leased, lock, err := w.askLease(ctx, t.Robot, lockAgain)
	var held *LockedError
	w.ended(t.Robot, func(fl *inFlight) {
		if err == nil {
			fl.lock, fl.leased, fl.owner = lock, leased, ""
			return
		}
		if errors.As(err, &held) {
			fl.owner = held.Owner
		} else if term.Err() == nil {
			w.Log.WarnContext(term, "take a robot's lease", "robot", t.Robot, "err", err)
		}
		fl.retryAt = w.Now().Add(time.Second)
	})
}

// askLease asks until it has an answer. One that was lost may have been a yes: only
// to ask again tells, and a lease that nobody knows of would not be given back.
func (w *termWork) askLease(ctx context.Context, robot string, wait time.Duration) (context.Context, Lock, error) {
	leased, lock, err := w.term.Lock(ctx, robot)
	var held *LockedError
	if err == nil || errors.As(err, &held) || errors.Is(err, ErrFenced) || ctx.Err() != nil {
		return leased, lock, err
	}
	pause(ctx, wait)
	return w.askLease(ctx, robot, 2*wait)
}

const lockAgain = 100 * time.Millisecond

func (w *termWork) giveLease(ctx context.Context, t Target, lock Lock) {
	if lock != nil {
		if err := lock.Unlock(ctx); err != nil {
			w.Log.WarnContext(ctx, "give a robot's lease back", "robot", t.Robot, "err", err)
		}
	}
	w.ended(t.Robot, func(fl *inFlight) { fl.lock, fl.leased = nil, nil })
}

// ended notes how a verb ended and asks for a decision.
func (w *termWork) ended(robot string, note func(*inFlight)) {
	w.mu.Lock()
	fl := w.robots[robot]
	fl.busy, fl.cancel = "", nil
	if fl.late != nil {
		fl.late.Stop()
		fl.late = nil
	}
	note(fl)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *termWork) cancelVerb(robot string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if fl := w.robots[robot]; fl != nil && fl.cancel != nil {
		fl.cancel()
	}
}

// drain waits for the verbs, which end with their leases, and gives those
// leases back that are still held.
func (w *termWork) drain(ctx context.Context) {
	w.mu.Lock()
	for _, fl := range w.robots {
		if fl.cancel != nil {
			fl.cancel()
		}
	}
	w.mu.Unlock()
	w.verbs.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	for _, robot := range slices.SortedFunc(maps.Keys(w.robots), naturalCompare) {
		fl := w.robots[robot]
		if fl.lock == nil {
			continue
		}
		if err := fl.lock.Unlock(ctx); err != nil {
			w.Log.DebugContext(ctx, "give a robot's lease back", "robot", robot, "err", err)
		}
	}
}
