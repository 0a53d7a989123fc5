package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// atVerb lets the world go until a robot's verb is in flight.
func (w *world) atVerb(t *testing.T, robot string, v Verb) {
	t.Helper()
	for range 10_000 {
		for id, r := range w.robots {
			switch {
			case id == robot && r.busy != nil && r.busy.Verb == v:
				return
			case r.busy != nil:
				w.finish(id, w.effect(id))
			}
		}
		w.now = w.now.Add(100 * time.Millisecond)
		w.decide()
	}
	t.Fatalf("%s of %s is never asked for: %v", v, robot, w.trace)
}

// lands lets the effect of a verb happen although it was cancelled, and tells
// so.
func (w *world) lands(robot string) {
	verb := w.robots[robot].busy.Verb
	w.robots[robot].deaf = true
	w.decide() // cancels it
	r := w.effect(robot)
	r.Verb = verb
	w.robots[robot].deaf = false
	w.finish(robot, r)
	w.decide()
}

func TestASkipDuringThePullHolds(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"success comes with it":     func(w *world) { w.finish("r1", w.effect("r1")); w.decide() },
		"success after the cancel":  func(w *world) { w.lands("r1") },
		"the cancel ends the pull":  func(w *world) { w.decide() },
		"success, decided together": func(w *world) { w.finish("r1", w.effect("r1")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(1, Spec{})
			w.atVerb(t, "r1", VerbPull)
			w.wish(ActionSkip, "r1", "bob", "is in use")
			end(w)
			w.advance(2 * time.Minute)
			assert.Equal(t, StepSkipped, w.status.Robot("r1").Step)
			assert.Equal(t, "skipped by bob: is in use", w.status.Robot("r1").Reason)
			assert.True(t, w.robots["r1"].oldRuns)
		})
	}
}

func TestARollbackDuringTheReplacementHolds(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"success comes with it":    func(w *world) { w.finish("r1", w.effect("r1")); w.decide() },
		"success after the cancel": func(w *world) { w.lands("r1") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(1, Spec{})
			w.atVerb(t, "r1", VerbReplace)
			w.wish(ActionRollback, "r1", "bob", "wrong robot")
			end(w)
			w.advance(2 * time.Minute)
			assert.Equal(t, StepRolledBack, w.status.Robot("r1").Step)
			assert.Equal(t, "rolled back by bob: wrong robot", w.status.Robot("r1").Reason)
			assert.True(t, w.robots["r1"].oldRuns)
			assert.False(t, w.robots["r1"].newMade)
		})
	}
}

// A robot that needs an operator and runs the new container is verified when it
// is tried again, as any other.
func TestARetriedRobotThatRunsIsVerified(t *testing.T) {
	w := newWorld(2, Spec{Waves: []Wave{"2"}, MaxFailures: Robots(2), Offline: OfflineWait})
	w.robots["r1"].silentNew, w.robots["r2"].offline = true, true
	w.robots["r1"].fail[VerbRollback] = []Result{{Err: "no such container", Fatal: true}}
	w.until(t, "r1", StepNeedsOperator)
	w.robots["r1"].silentNew = false
	w.wish(ActionRetry, "r1", "bob", "a person has put it right")
	w.until(t, "r1", StepVerifying)
	w.until(t, "r1", StepDone)
	w.robots["r2"].offline = false
	w.wish(ActionResume, "", "bob", "")
	w.advance(5 * time.Minute)
	assert.Equal(t, StateCompleted, w.status.State, w.status.Reason)
	assert.True(t, w.robots["r1"].oldGone, "its old container is removed in the end")
}
