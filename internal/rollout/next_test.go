package rollout

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/muster-fleet/muster/internal/fleet"
)

func TestEveryScheduleWithoutFaultsEndsDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.IntRange(1, 12).Draw(t, "robots"), Spec{
			Canary: new(rapid.IntRange(0, 3).Draw(t, "canary")), MaxUnavailable: Robots(rapid.IntRange(1, 4).Draw(t, "max")),
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
	w.wish(ActionResume, "", "ada", "")
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

// replacingUnreachable is a world whose robot was to be replaced when its engine
// stopped to answer, and before anything was done.
func replacingUnreachable(t *testing.T, spec Spec) *world {
	w := newWorld(1, spec)
	for w.status.Robot("r1").Step != StepReplacing {
		w.decide()
		if b := w.robots["r1"].busy; b != nil && b.Verb != VerbReplace {
			w.finish("r1", w.effect("r1"))
		}
	}
	w.robots["r1"].busy = nil // the call never reached the engine
	w.robots["r1"].engine = fleet.EngineDown
	return w
}

// The engine of a robot that was about to be replaced answers again when the
// robot drives.
func TestARobotThatDroveOffMeanwhileIsNotReplaced(t *testing.T) {
	for _, restart := range []bool{false, true} {
		w := replacingUnreachable(t, Spec{Before: Before{Stationary: true}})
		w.advance(30 * time.Second)
		w.robots["r1"].moving = true
		if restart {
			w.crash()
		}
		w.advance(time.Minute)
		w.wish(ActionResume, "", "bob", "")
		w.robots["r1"].engine = fleet.EngineUp
		w.advance(time.Minute)
		assert.Equal(t, StepWaiting, w.status.Robot("r1").Step)
		assert.True(t, w.robots["r1"].oldRuns, "it was stopped while it drove")
		w.robots["r1"].moving = false
		w.advance(time.Minute)
		assert.Equal(t, StateCompleted, w.status.State)
	}
}

func TestAClosedWindowHoldsARobotThatWasNotTouched(t *testing.T) {
	w := replacingUnreachable(t, Spec{Before: Before{Windows: []string{"11:00-12:05"}}})
	w.crash()
	w.now = w.now.Add(10 * time.Minute)
	w.since = w.now
	w.robots["r1"].engine = fleet.EngineUp
	w.advance(time.Minute)
	assert.Equal(t, StepWaiting, w.status.Robot("r1").Step)
	assert.Contains(t, w.last.Why["r1"].Text, "maintenance window")
	assert.True(t, w.robots["r1"].oldRuns)
}

// It drives off between the command and the stop: the engine asks once more.
func TestTheVerbAsksBeforeItStopsTheOldContainer(t *testing.T) {
	w := newWorld(1, Spec{Before: Before{Stationary: true}})
	for b := w.robots["r1"].busy; b == nil || b.Verb != VerbReplace; b = w.robots["r1"].busy {
		if b != nil {
			w.finish("r1", w.effect("r1"))
		}
		w.decide()
	}
	w.robots["r1"].moving = true
	w.finish("r1", w.effect("r1"))
	w.decide()
	assert.Equal(t, StepWaiting, w.status.Robot("r1").Step)
	assert.Zero(t, w.status.Robot("r1").Attempt)
	assert.Contains(t, w.status.Robot("r1").Reason, "drives")
	assert.True(t, w.robots["r1"].oldRuns)
	w.robots["r1"].moving = false
	w.advance(time.Minute)
	assert.Equal(t, StateCompleted, w.status.State)
}

// Once the old container is stopped there is no way back but on.
func TestAReplacementThatHasBegunGoesOn(t *testing.T) {
	w := newWorld(1, Spec{Before: Before{Stationary: true}})
	for b := w.robots["r1"].busy; b == nil || b.Verb != VerbReplace; b = w.robots["r1"].busy {
		if b != nil {
			w.finish("r1", w.effect("r1"))
		}
		w.decide()
	}
	w.effect("r1") // its reply is lost with the manager
	w.crash()
	w.robots["r1"].moving = true
	w.advance(time.Minute)
	assert.Equal(t, StateCompleted, w.status.State, w.status.Reason)
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
	w.wish(ActionAbort, "", "ada", "lunch")
	w.advance(time.Minute)
	assert.Equal(t, StateAborted, w.status.State)
	assert.Equal(t, "aborted by ada: lunch", w.status.Reason)
	assert.Equal(t, StepDone, w.status.Robot("r1").Step)
	assert.False(t, w.robots["r2"].newMade)
}
