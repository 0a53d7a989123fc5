package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A limit per label holds over all rollouts: the robots of one charging station
// do not ask which rollout they are in.
func TestALimitPerLabelCountsOtherRollouts(t *testing.T) {
	for _, helpless := range []bool{false, true} {
		w := newWorld(2, Spec{MaxPer: []GroupLimit{{Label: "station", Max: 1}}, Waves: []Wave{"2"}})
		w.elsewhere = []Elsewhere{{Robot: "x9", Rollout: "other", Labels: map[string]string{"station": "0"}, Helpless: helpless}}
		w.advance(time.Minute) // r1 is of station 0, r2 of station 1
		assert.Equal(t, StepWaiting, w.status.Robot("r1").Step)
		assert.Contains(t, w.last.Why["r1"].Text, "robot x9 in rollout other")
		assert.True(t, w.robots["r1"].oldRuns)
		assert.Equal(t, StepDone, w.status.Robot("r2").Step)
		w.elsewhere = nil
		w.advance(time.Minute)
		assert.Equal(t, StateCompleted, w.status.State)
	}
}

// A robot of the plan that another rollout has down is one that is unavailable.
func TestMaxUnavailableCountsRobotsThatAnotherRolloutHasDown(t *testing.T) {
	w := newWorld(2, Spec{Waves: []Wave{"2"}})
	w.elsewhere = []Elsewhere{{Robot: "r2", Rollout: "other"}, {Robot: "x9", Rollout: "other"}}
	w.advance(time.Minute)
	assert.Equal(t, StepWaiting, w.status.Robot("r1").Step)
	w.elsewhere = w.elsewhere[1:]
	w.advance(time.Minute)
	assert.Equal(t, StepDone, w.status.Robot("r1").Step, "a robot of no concern to the plan")
}

// A rollback does not wait for a person who is asked elsewhere.
func TestARollbackDoesNotWaitForAHelplessRobotElsewhere(t *testing.T) {
	w := newWorld(1, Spec{MaxPer: []GroupLimit{{Label: "station", Max: 1}}, Soak: Duration(time.Hour)})
	w.until(t, "r1", StepDone)
	w.elsewhere = []Elsewhere{{Robot: "x9", Rollout: "other", Labels: map[string]string{"station": "0"}}}
	w.wish(ActionRollback, "r1", "bob", "")
	w.advance(time.Minute)
	assert.Equal(t, StepDone, w.status.Robot("r1").Step)
	w.elsewhere[0].Helpless = true
	w.advance(time.Minute)
	assert.Equal(t, StepRolledBack, w.status.Robot("r1").Step)
}
