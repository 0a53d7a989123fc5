package rollout

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/muster-fleet/muster/internal/fleet"
)

// Something bad never happens: whatever the order of events, faults, crashes
// and wishes.
func TestNextIsSafeUnderAnySchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := Spec{
			MaxUnavailable: rapid.IntRange(1, 3).Draw(t, "max_unavailable"),
			PullAhead:      rapid.IntRange(0, 2).Draw(t, "pull_ahead"),
			MaxFailures:    rapid.IntRange(0, 2).Draw(t, "max_failures"),
			Before:         Before{Stationary: rapid.Bool().Draw(t, "stationary")},
		}
		w := newWorld(rapid.IntRange(1, 6).Draw(t, "robots"), spec)
		for range rapid.IntRange(1, 120).Draw(t, "events") {
			before := w.status.clone()
			w.randomEvent(t)
			w.mustBeSafe(t, before)
		}
		w.healAndFinish(t)
	})
}

// randomEvent lets one thing happen, then lets Next decide.
func (w *world) randomEvent(t *rapid.T) {
	id := w.plan.Robots[rapid.IntRange(0, len(w.plan.Robots)-1).Draw(t, "robot")].Robot
	s := w.robots[id]
	switch rapid.IntRange(0, 11).Draw(t, "event") {
	case 0, 1, 2, 3: // a verb ends
		if s.busy != nil {
			w.finish(id, w.effect(id))
		}
	case 4: // it took effect and the reply was lost
		if s.busy != nil {
			verb := s.busy.Verb
			w.effect(id)
			w.finish(id, Result{Verb: verb, Err: "connection reset"})
		}
	case 5: // it fails
		if s.busy != nil {
			w.finish(id, Result{Verb: s.busy.Verb, Err: "no space left on device", Fatal: rapid.Bool().Draw(t, "fatal")})
		}
	case 6:
		w.now = w.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second)
	case 7:
		w.crash()
	case 8:
		s.engine = rapid.SampledFrom([]fleet.EngineState{fleet.EngineUp, fleet.EngineDown, fleet.EngineHung}).Draw(t, "engine")
	case 9:
		s.moving, s.silentNew = rapid.Bool().Draw(t, "moving"), rapid.Bool().Draw(t, "silent")
	case 10:
		s.held = s.held && rapid.Bool().Draw(t, "lease")
		w.domainDown = rapid.Bool().Draw(t, "domain")
	case 11:
		a := rapid.SampledFrom([]Action{ActionPause, ActionResume, ActionResume, ActionAbort}).Draw(t, "wish")
		w.wish = Wish{Seq: w.wish.Seq + 1, Action: a, By: "ada"}
	}
	facts := w.facts()
	again := Next(w.plan, w.status, w.wish, facts, w.now)
	if twice := Next(w.plan, w.status, w.wish, facts, w.now); !reflect.DeepEqual(again, twice) {
		t.Fatalf("the same input gave\n%+v\nand\n%+v", again, twice)
	}
	w.decide()
}

func (w *world) mustBeSafe(t *rapid.T, before Status) {
	if before.State.Terminal() && !reflect.DeepEqual(before, w.status) {
		t.Fatalf("a terminal rollout changed: %+v → %+v", before, w.status)
	}
	down := 0
	for _, rp := range w.plan.Robots {
		was, is := before.Robot(rp.Robot), w.status.Robot(rp.Robot)
		if was.Step.Terminal() && was.Step != is.Step {
			t.Fatalf("%s left the terminal step %s for %s", rp.Robot, was.Step, is.Step)
		}
		if is.Step.Down() {
			down++
		}
		s := w.robots[rp.Robot]
		if is.Step == StepQueued || is.Step == StepPulling || is.Step == StepWaiting || is.Step == StepSkipped || is.Step == StepFailed {
			if s.newMade || !s.oldRuns {
				t.Fatalf("%s is %s and was touched", rp.Robot, is.Step)
			}
		}
	}
	if down > w.plan.Spec.MaxUnavailable {
		t.Fatalf("%d robots are down, %d are allowed", down, w.plan.Spec.MaxUnavailable)
	}
	for _, c := range w.last.Commands {
		rp := w.plan.Robots[c.Robot]
		if c.Verb != VerbLock && !w.robots[rp.Robot].held {
			t.Fatalf("%s on %s without the lease", c.Verb, rp.Robot)
		}
	}
}

// healAndFinish ends all faults; then every robot ends on the old or the new
// image, never on both or neither, and the rollout ends.
func (w *world) healAndFinish(t *rapid.T) {
	w.domainDown = false
	for _, s := range w.robots {
		s.engine, s.moving = fleet.EngineUp, false
	}
	for range 40 {
		if w.status.State.Terminal() {
			break
		}
		if w.status.State == StatePaused {
			w.wish = Wish{Seq: w.wish.Seq + 1, Action: ActionResume, By: "ada"}
		}
		w.advance(30 * time.Second)
	}
	if !w.status.State.Terminal() {
		t.Fatalf("did not end: %s: %s\n%v", w.status.State, w.status.Reason, w.last.Why)
	}
	for id, s := range w.robots {
		if s.held || s.busy != nil {
			t.Fatalf("%s: the rollout ended with its lease held", id)
		}
		step := w.status.Robot(id).Step
		switch {
		case s.oldRuns && s.newRuns:
			t.Fatalf("%s runs both containers", id)
		case step == StepNeedsOperator:
		case step == StepDone && (!s.newRuns || s.oldRuns):
			t.Fatalf("%s is done and does not run the new container", id)
		case step != StepDone && !s.oldRuns:
			t.Fatalf("%s is %s and does not run the old container", id, step)
		}
	}
}

func TestEveryScheduleWithoutFaultsEndsDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.IntRange(1, 12).Draw(t, "robots"), Spec{
			Canary: rapid.IntRange(1, 3).Draw(t, "canary"), MaxUnavailable: rapid.IntRange(1, 4).Draw(t, "max"),
		})
		for range 60 {
			w.advance(10 * time.Second)
			if w.status.State.Terminal() {
				break
			}
		}
		if w.status.State != StateCompleted {
			t.Fatalf("%s: %s", w.status.State, w.status.Reason)
		}
		for _, rp := range w.plan.Robots {
			if w.status.Robot(rp.Robot).Step != StepDone {
				t.Fatalf("%s is %s", rp.Robot, w.status.Robot(rp.Robot).Step)
			}
		}
	})
}

// A crash after every single effect changes nothing of how it ends.
func TestACrashAfterEveryEffect(t *testing.T) {
	whole := newWorld(3, Spec{})
	whole.advance(3 * time.Minute)
	require.Equal(t, StateCompleted, whole.status.State)
	for _, lost := range []bool{false, true} {
		for n := range whole.verbs {
			w := newWorld(3, Spec{})
			w.settleUntil(n, lost)
			w.advance(5 * time.Minute)
			require.Equal(t, StateCompleted, w.status.State, "crash after effect %d: %s", n, w.status.Reason)
			for id, s := range w.robots {
				assert.True(t, s.newRuns && !s.oldRuns, "crash after effect %d: %s", n, id)
			}
		}
	}
}

// settleUntil runs the world up to effect n and crashes there, before or after
// its result is taken in.
func (w *world) settleUntil(n int, beforeResult bool) {
	for range 10_000 {
		w.decide()
		for _, rp := range w.plan.Robots {
			if w.robots[rp.Robot].busy == nil {
				continue
			}
			r := w.effect(rp.Robot)
			if w.verbs == n+1 {
				if !beforeResult {
					w.finish(rp.Robot, r)
					w.decide()
				}
				w.crash()
				return
			}
			w.finish(rp.Robot, r)
		}
		w.now = w.now.Add(500 * time.Millisecond)
	}
}

func TestASilentCanaryIsRolledBackAndTheRestIsNotTouched(t *testing.T) {
	w := newWorld(3, Spec{})
	w.robots["r1"].silentNew = true
	w.advance(5 * time.Minute)
	assert.Equal(t, StateFailed, w.status.State)
	assert.Contains(t, w.status.Reason, "not in the graph: /r1/driver")
	assert.Equal(t, StepRolledBack, w.status.Robot("r1").Step)
	assert.True(t, w.robots["r1"].oldRuns)
	assert.False(t, w.robots["r1"].newMade)
	for _, id := range []string{"r2", "r3"} {
		assert.False(t, w.robots[id].newMade)
		assert.True(t, w.robots[id].oldRuns)
	}
}

func TestNoDataIsInconclusiveAndPauses(t *testing.T) {
	w := newWorld(1, Spec{})
	w.settle()
	w.advance(2 * time.Second)
	require.Equal(t, StepVerifying, w.status.Robot("r1").Step)
	w.domainDown = true
	w.advance(3 * time.Minute)
	assert.Equal(t, StatePaused, w.status.State)
	assert.Equal(t, StepVerifying, w.status.Robot("r1").Step)
	w.domainDown = false
	w.wish = Wish{Seq: 1, Action: ActionResume, By: "ada"}
	w.advance(time.Minute)
	assert.Equal(t, StateCompleted, w.status.State)
}

func TestAManagerThatWasAwayDoesNotRollBackForIt(t *testing.T) {
	w := newWorld(1, Spec{})
	w.settle()
	require.Equal(t, StepVerifying, w.status.Robot("r1").Step)
	w.crash()
	w.now = w.now.Add(time.Hour)
	w.since = w.now
	w.robots["r1"].silentNew = true // its nodes are not discovered yet
	w.advance(10 * time.Second)
	require.Equal(t, StepVerifying, w.status.Robot("r1").Step)
	w.robots["r1"].silentNew = false
	w.advance(time.Minute)
	assert.Equal(t, StateCompleted, w.status.State)
}

func TestGatesAreNeverForced(t *testing.T) {
	w := newWorld(2, Spec{Before: Before{Stationary: true}})
	w.robots["r1"].moving = true
	w.advance(31 * time.Minute)
	assert.Equal(t, StatePaused, w.status.State)
	assert.Contains(t, w.status.Reason, "drives at 1.00 m/s")
	assert.False(t, w.robots["r1"].newMade)
	assert.False(t, w.robots["r2"].newMade, "the canary has not ended")
}

func TestAForeignLeaseIsWaitedFor(t *testing.T) {
	w := newWorld(1, Spec{})
	w.robots["r1"].foreign = "muster-2"
	w.advance(10 * time.Second)
	assert.Equal(t, StepQueued, w.status.Robot("r1").Step)
	w.robots["r1"].foreign = ""
	w.advance(time.Minute)
	assert.Equal(t, StateCompleted, w.status.State)
}

func TestAStaleActorStopsInsteadOfRollingBack(t *testing.T) {
	w := newWorld(1, Spec{})
	w.robots["r1"].fail[VerbReplace] = []Result{{Err: ErrStale.Error(), Fatal: true, Stale: true}}
	w.advance(time.Minute)
	assert.Equal(t, StepFailed, w.status.Robot("r1").Step)
	assert.Equal(t, StateFailed, w.status.State)
}

func TestARollbackIsNeverRolledBack(t *testing.T) {
	w := newWorld(2, Spec{})
	w.robots["r1"].silentNew = true
	w.robots["r1"].fail[VerbRollback] = slices.Repeat([]Result{{Err: "no such container", Fatal: true}}, 1)
	w.advance(5 * time.Minute)
	assert.Equal(t, StepNeedsOperator, w.status.Robot("r1").Step)
	assert.Equal(t, StateFailed, w.status.State)
	assert.Contains(t, w.status.Reason, "robot r1 needs an operator: ")
	assert.False(t, w.robots["r2"].newMade)
}

func TestAbortFinishesTheRobotInHand(t *testing.T) {
	w := newWorld(3, Spec{})
	w.settle()
	require.Equal(t, StepVerifying, w.status.Robot("r1").Step)
	w.wish = Wish{Seq: 1, Action: ActionAbort, By: "ada", Reason: "lunch"}
	w.advance(time.Minute)
	assert.Equal(t, StateAborted, w.status.State)
	assert.Equal(t, "aborted by ada: lunch", w.status.Reason)
	assert.Equal(t, StepDone, w.status.Robot("r1").Step)
	assert.False(t, w.robots["r2"].newMade)
}
