package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

// A clock that was set back makes what was received before it look new. What
// comes from the future says nothing.
func TestGatesTakeNothingFromTheFuture(t *testing.T) {
	for ahead, want := range map[time.Duration]Outcome{
		0: Pass, time.Second: Pass, settle + time.Second: Inconclusive, time.Hour: Inconclusive,
	} {
		at := t0.Add(ahead)
		charge := 0.9
		assert.Equal(t, want, stationaryGate(&fleet.Pose{Receive: at}, t0).Outcome, ahead)
		battery := &fleet.Battery{Receive: at, Charging: true, Status: "charging", Charge: &charge}
		assert.Equal(t, want, worst(Before{Charging: true, MinBattery: 0.5}.batteryGates(battery, t0)), ahead)
		robot := &fleet.Robot{Pose: &fleet.Pose{Receive: t0}, StillSince: t0.Add(-time.Hour).Add(ahead)}
		assert.Equal(t, Pass, idleGate(robot, 0, t0, t0.Add(-2*time.Hour)).Outcome)
	}
}

// How long a robot has stood still counts from when this manager watches: before,
// its clock may have been set.
func TestIdleCountsFromWhenThisManagerWatches(t *testing.T) {
	robot := &fleet.Robot{Pose: &fleet.Pose{Receive: t0}, StillSince: t0.Add(-time.Hour)}
	assert.Equal(t, Fail, idleGate(robot, 10*time.Minute, t0, t0.Add(-time.Minute)).Outcome)
	assert.Equal(t, Pass, idleGate(robot, 10*time.Minute, t0, t0.Add(-11*time.Minute)).Outcome)
}

// A robot is not stopped while it drives unless the spec says so.
func TestADefaultRolloutWaitsForTheRobotToStandStill(t *testing.T) {
	w := newWorld(1, Spec{})
	w.robots["r1"].moving = true
	w.advance(time.Minute)
	require.Equal(t, StepWaiting, w.status.Robot("r1").Step)
	assert.Contains(t, w.last.Why["r1"].Text, "drives")
	w.robots["r1"].moving = false
	w.advance(time.Minute)
	assert.Equal(t, StateCompleted, w.status.State)

	w = newWorld(1, Spec{Before: Before{Moving: true}})
	w.robots["r1"].moving = true
	w.advance(time.Minute)
	assert.Equal(t, StateCompleted, w.status.State)
}

// A robot whose container does not run publishes no pose, and nothing of it would
// be stopped.
func TestARobotThatDoesNotRunStandsStill(t *testing.T) {
	w := newWorld(1, Spec{})
	w.robots["r1"].stopped, w.robots["r1"].oldRuns, w.robots["r1"].noPose = true, false, true
	w.advance(time.Minute)
	assert.Equal(t, StateCompleted, w.status.State)

	w = newWorld(1, Spec{})
	w.robots["r1"].noPose = true
	w.advance(time.Minute)
	assert.Equal(t, StepWaiting, w.status.Robot("r1").Step)
	assert.Contains(t, w.last.Why["r1"].Text, "no pose yet")
}

func TestMovingAndStandingStillAreNotBothAskedFor(t *testing.T) {
	for _, b := range []Before{{Moving: true, Stationary: true}, {Moving: true, Idle: 1}} {
		s := Spec{Image: "registry/amr:2", Robots: "all", Before: b}.withDefaults()
		assert.ErrorContains(t, s.validate(), "before.moving")
	}
}
