package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

// A robot that was off when the plan was made is measured by how it was just
// before it was touched.
func TestGatesAreLearnedWhenARobotIsTouched(t *testing.T) {
	w := newWorld(1, Spec{Offline: OfflineWait})
	w.plan.Robots[0].Expect = Expect{} // it was off
	w.robots["r1"].silentNew = true
	w.advance(10 * time.Minute)
	assert.Equal(t, StepRolledBack, w.status.Robot("r1").Step)
	assert.Contains(t, w.status.Robot("r1").Reason, "not in the graph: /r1/driver")
}

// Of a robot whose nodes nobody ever saw, a container that runs proves nothing,
// unless the spec says that it is enough.
func TestNothingLearnedIsInconclusive(t *testing.T) {
	for _, tc := range []struct {
		after After
		want  Step
	}{
		{After{}, StepVerifying},
		{After{SkipNodes: true}, StepVerifying},
		{After{SkipNodes: true, SkipTopics: true}, StepDone},
	} {
		w := newWorld(1, Spec{After: tc.after})
		w.plan.Robots[0].Expect = Expect{}
		w.robots["r1"].mute = true
		w.advance(10 * time.Minute)
		require.Equal(t, tc.want, w.status.Robot("r1").Step, "%+v", tc.after)
		if tc.want == StepVerifying {
			assert.Equal(t, StatePaused, w.status.State)
			assert.Contains(t, w.status.Reason, "nothing is known of its nodes and topics before")
		}
	}
}

// What a robot goes back to is what it ran when it was touched: another rollout
// may have changed it since the plan.
func TestARollbackGoesToWhatTheRobotRanWhenItWasTouched(t *testing.T) {
	w := newWorld(1, Spec{})
	planned := fleet.Image{Ref: "registry/amr:0", Digest: "sha256:00"}
	w.plan.Robots[0].From = planned
	w.advance(2 * time.Minute)
	require.Equal(t, StateCompleted, w.status.State)
	assert.Equal(t, oldDigest, w.plan.Target(0, w.status.Robot("r1")).Previous)
	assert.Equal(t, planned.Digest, w.plan.Target(0, RobotStatus{}).Previous)
	undo, err := NewUndo(UndoInput{ID: "undo", Plan: w.plan, Status: w.status, By: "bob", Generation: 8, Now: w.now})
	require.NoError(t, err)
	assert.Equal(t, oldDigest, undo.Robots[0].To.Digest)
	assert.Equal(t, "registry/amr@"+oldDigest, undo.Robots[0].To.ByDigest())
}
