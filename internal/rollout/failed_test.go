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
