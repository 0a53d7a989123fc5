package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The wave of the robot that failed last is rolled back, not that of one that
// was tolerated before.
func TestTheWaveOfTheNewestFailureIsRolledBack(t *testing.T) {
	w := newWorld(6, Spec{
		Waves: []Wave{"1", "3", "6"}, MaxFailures: Robots(1), OnFailure: RollBackWave,
	})
	w.robots["r3"].silentNew = true
	w.robots["r6"].silentNew = true
	w.advanceBy(20*time.Minute, time.Second)
	require.Equal(t, StateFailed, w.status.State)
	assert.Contains(t, w.status.Reason, "robot r6")
	for robot, step := range map[string]Step{
		"r1": StepDone, "r2": StepDone, "r3": StepRolledBack, "r4": StepRolledBack, "r5": StepRolledBack, "r6": StepRolledBack,
	} {
		assert.Equal(t, step, w.status.Robot(robot).Step, robot)
	}
}

func TestRollBackAllTakesEveryRobotBack(t *testing.T) {
	w := newWorld(4, Spec{OnFailure: RollBackAll, Waves: []Wave{"1", "2"}})
	w.robots["r4"].silentNew = true
	w.advanceBy(20*time.Minute, time.Second)
	require.Equal(t, StateFailed, w.status.State)
	for id, r := range w.robots {
		assert.Equal(t, StepRolledBack, w.status.Robot(id).Step, id)
		assert.True(t, r.oldRuns && !r.newMade, id)
	}
}

func pullFails() []Result { return []Result{{Err: "manifest unknown", Fatal: true}} }

func TestOnFailurePauseRollsNothingBackByItself(t *testing.T) {
	w := newWorld(3, Spec{Waves: []Wave{"3"}, MaxUnavailable: Robots(2), OnFailure: PauseOnly, Offline: OfflineWait})
	w.robots["r1"].silentNew = true
	for _, id := range []string{"r2", "r3"} { // they come when r1 is verified
		w.robots[id].offline = true
		w.robots[id].fail[VerbPull] = pullFails()
	}
	w.until(t, "r1", StepVerifying)
	w.robots["r2"].offline, w.robots["r3"].offline = false, false
	w.advance(10 * time.Minute)
	assert.Equal(t, StatePaused, w.status.State, w.status.Reason)
	assert.Equal(t, StepVerifying, w.status.Robot("r1").Step)
	assert.False(t, w.robots["r1"].oldRuns)
	w.wish(ActionRollback, "r1", "bob", "looked at it")
	w.advance(time.Minute)
	assert.Equal(t, StepRolledBack, w.status.Robot("r1").Step)
	assert.False(t, w.status.State.Terminal(), w.status.Reason)
	w.wish(ActionResume, "", "bob", "")
	w.advance(5 * time.Minute)
	assert.True(t, w.status.State.Terminal(), "a person has seen the failures and goes on: %s", w.status.Reason)
}

// A canary under "pause" that fails pauses, and a person may go on.
func TestOnFailurePauseOfACanary(t *testing.T) {
	w := newWorld(3, Spec{OnFailure: PauseOnly})
	w.robots["r1"].fail[VerbPull] = pullFails()
	w.advance(5 * time.Minute)
	require.Equal(t, StatePaused, w.status.State)
	assert.Contains(t, w.status.Reason, "robot r1 failed")
	w.wish(ActionResume, "", "bob", "known")
	w.advance(5 * time.Minute)
	assert.Equal(t, StateCompleted, w.status.State)
	assert.Equal(t, StepDone, w.status.Robot("r3").Step)
}

func TestAFailedPullRollsNoGoodRobotBack(t *testing.T) {
	for _, on := range []OnFailure{RollBackAll, RollBackWave} {
		w := newWorld(3, Spec{Waves: []Wave{"3"}, OnFailure: on})
		w.robots["r3"].fail[VerbPull] = pullFails()
		w.robots["r3"].offline = true
		w.until(t, "r1", StepDone)
		w.robots["r3"].offline = false
		w.advance(10 * time.Minute)
		require.Equal(t, StateFailed, w.status.State)
		assert.Equal(t, StepFailed, w.status.Robot("r3").Step)
		assert.Equal(t, StepDone, w.status.Robot("r1").Step, on)
	}
}

func TestTheReasonTellsTheSkipped(t *testing.T) {
	w := newWorld(3, Spec{Offline: OfflineWait, Deadlines: Deadlines{Wait: Duration(time.Minute)}})
	w.robots["r2"].offline = true
	w.advance(10 * time.Minute)
	assert.Equal(t, StateCompleted, w.status.State)
	assert.Equal(t, "2 robots run "+shortDigest(newDigest)+", 1 skipped", w.status.Reason)

	w = newWorld(2, Spec{Offline: OfflineWait, Deadlines: Deadlines{Wait: Duration(time.Minute)}})
	w.robots["r1"].offline, w.robots["r2"].offline = true, true
	w.advance(10 * time.Minute)
	assert.Equal(t, StateCompleted, w.status.State)
	assert.Equal(t, "no robot was changed: 2 skipped (r1: was offline for more than 1m0s)", w.status.Reason)
}
