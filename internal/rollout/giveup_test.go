package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

// A robot that burns down in the middle of a step holds nothing up for ever: a
// person gives it up.
func TestARobotThatIsLostIsGivenUp(t *testing.T) {
	for _, step := range []Step{StepReplacing, StepVerifying, StepRollingBack} {
		t.Run(string(step), func(t *testing.T) {
			w := newWorld(2, Spec{Waves: []Wave{"2"}, MaxFailures: Robots(1)})
			r := w.robots["r1"]
			r.silentNew = step == StepRollingBack
			if step == StepReplacing {
				w.atVerb(t, "r1", VerbReplace)
				r.busy = nil
			} else {
				if step == StepRollingBack {
					r.fail[VerbRollback] = []Result{{Err: "i/o timeout"}}
				}
				w.until(t, "r1", step)
			}
			assert.NotContains(t, robotActions(&w.plan, &w.status, 0), ActionSkip)
			r.engine, r.busy = fleet.EngineDown, nil
			w.advance(5 * time.Minute)
			require.Equal(t, step, w.status.Robot("r1").Step)
			require.Contains(t, robotActions(&w.plan, &w.status, 0), ActionSkip)
			w.wish(ActionAbort, "", "bob", "a fire")
			w.wish(ActionSkip, "r1", "bob", "it is ash")
			w.advance(time.Minute)
			assert.Contains(t, w.status.Robot("r1").Reason, "given up while it was "+string(step)+": skipped by bob: it is ash")
			assert.Equal(t, StepNeedsOperator, w.status.Robot("r1").Step)
			assert.Equal(t, StateAborted, w.status.State)
			assert.False(t, r.held)
		})
	}
}

// A rollback that failed is tried again when a person wants it, in the rollout
// and after it.
func TestARobotLeftForAnOperatorIsRolledBack(t *testing.T) {
	start := func() *world {
		w := newWorld(2, Spec{Waves: []Wave{"2"}, MaxFailures: Robots(1), Offline: OfflineWait})
		w.robots["r1"].silentNew, w.robots["r2"].offline = true, true
		w.robots["r1"].fail[VerbRollback] = []Result{{Err: "device or resource busy", Fatal: true}}
		w.until(t, "r1", StepNeedsOperator)
		return w
	}
	w := start()
	w.wish(ActionRollback, "r1", "bob", "the disk is well again")
	w.advance(time.Minute)
	assert.Equal(t, StepRolledBack, w.status.Robot("r1").Step)
	assert.True(t, w.robots["r1"].oldRuns)

	w = start()
	w.wish(ActionAbort, "", "bob", "")
	w.advance(time.Minute)
	require.Equal(t, StateAborted, w.status.State)
	assert.Equal(t, []Action{ActionRollback}, actions(&w.plan, &w.status))
	in := UndoInput{ID: "undo", Plan: w.plan, Status: w.status, By: "bob", Generation: 8, Now: w.now}
	undo, err := NewUndo(in)
	require.NoError(t, err)
	require.Len(t, undo.Robots, 1)
	assert.Equal(t, oldDigest, undo.Robots[0].To.Digest)
	w.robots["r1"].newMade, w.robots["r1"].newRuns, w.robots["r1"].oldRuns = false, false, true
	in.Fleet = fleet.Snapshot{Robots: []fleet.Robot{w.fleetRobot("r1")}}
	_, err = NewUndo(in)
	assert.ErrorContains(t, err, "already runs")
}

// A robot that is down and tried again takes the place of one that is down: those
// that wait in hand for that place must not keep it out.
func TestARobotThatIsTriedAgainWhileItIsDownGoesFirst(t *testing.T) {
	w := newWorld(3, Spec{Waves: []Wave{"3"}, MaxFailures: Robots(3), PullAhead: new(1)})
	w.robots["r2"].moving, w.robots["r3"].moving = true, true // they wait at their gates
	r := w.robots["r1"]
	r.silentNew, r.crashNew = true, true
	r.fail[VerbRollback] = []Result{{Err: "device or resource busy", Fatal: true}}
	w.until(t, "r1", StepNeedsOperator)
	for _, waiting := range []string{"r2", "r3"} {
		w.until(t, waiting, StepWaiting)
	}
	require.False(t, r.oldRuns || r.newRuns)
	r.silentNew, r.crashNew = false, false
	w.robots["r2"].moving, w.robots["r3"].moving = false, false
	w.advance(time.Minute)
	require.Equal(t, StatePaused, w.status.State)
	w.wish(ActionRetry, "r1", "bob", "the plug is in again")
	w.wish(ActionResume, "", "bob", "")
	for end := w.now.Add(10 * time.Minute); w.status.Robot("r1").Step != StepDone; w.advance(500 * time.Millisecond) {
		require.Equal(t, StepWaiting, w.status.Robot("r2").Step, "one may be down")
		require.Less(t, w.now, end)
	}
	w.advance(10 * time.Minute)
	assert.Equal(t, StateCompleted, w.status.State, w.status.Reason)
}
