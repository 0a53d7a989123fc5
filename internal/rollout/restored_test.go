package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A container that was found stopped is put back stopped: that is the state it
// had.
func TestARobotThatWasStoppedIsRolledBackToThat(t *testing.T) {
	w := newWorld(1, Spec{Before: Before{}})
	w.robots["r1"].stopped, w.robots["r1"].oldRuns = true, false
	w.robots["r1"].silentNew = true
	w.advance(10 * time.Minute)
	assert.Equal(t, StepRolledBack, w.status.Robot("r1").Step, w.status.Robot("r1").Reason)
}

// "starting" is not healthy yet; one that had no health before is not asked for
// more.
func TestARollbackWaitsUntilTheOldContainerIsHealthy(t *testing.T) {
	w := newWorld(1, Spec{})
	w.robots["r1"].silentNew, w.robots["r1"].health = true, "healthy"
	w.until(t, "r1", StepVerifying)
	w.robots["r1"].health = "starting"
	w.until(t, "r1", StepRollingBack)
	w.advance(20 * time.Second)
	assert.Equal(t, StepRollingBack, w.status.Robot("r1").Step)
	w.robots["r1"].health = "healthy"
	w.advance(5 * time.Second)
	assert.Equal(t, StepRolledBack, w.status.Robot("r1").Step)

	w = newWorld(1, Spec{})
	w.robots["r1"].silentNew, w.robots["r1"].health = true, "unhealthy"
	w.advance(10 * time.Minute)
	assert.Equal(t, StepRolledBack, w.status.Robot("r1").Step, "it was not healthy before either")
}
