package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// until lets time pass until a robot has come to a step.
func (w *world) until(t *testing.T, robot string, s Step) {
	t.Helper()
	for range 10_000 {
		if w.status.Robot(robot).Step == s {
			return
		}
		w.advance(500 * time.Millisecond)
	}
	t.Fatalf("%s never comes to %s: %v", robot, s, w.trace)
}

// A short failure before the manager was replaced is no reason to roll back as
// soon as the new one does not see the graph yet.
func TestSoakCountsFailuresThatThisManagerSawOnly(t *testing.T) {
	w := newWorld(1, Spec{Soak: Duration(time.Hour), OnFailure: RollBackAll})
	w.until(t, "r1", StepDone)
	w.robots["r1"].silentNew = true
	w.advance(3 * time.Second)
	require.False(t, w.status.Robot("r1").FailAt.IsZero())
	w.crash()
	w.now = w.now.Add(61 * time.Second)
	w.since = w.now
	w.advance(5 * time.Second)
	w.robots["r1"].silentNew = false // discovered
	w.advanceBy(2*time.Hour, 10*time.Second)
	assert.Equal(t, StateCompleted, w.status.State, w.status.Reason)
}

func TestSoakRollsBackWhatFailsForLong(t *testing.T) {
	w := newWorld(1, Spec{Soak: Duration(time.Hour)})
	w.until(t, "r1", StepDone)
	w.robots["r1"].silentNew = true
	w.advance(50 * time.Second)
	require.Equal(t, StepDone, w.status.Robot("r1").Step)
	w.advance(20 * time.Second)
	assert.Equal(t, StepRolledBack, w.status.Robot("r1").Step)
	assert.Contains(t, w.status.Robot("r1").Reason, "while it soaked: not in the graph")
	assert.True(t, w.robots["r1"].oldRuns)
}
