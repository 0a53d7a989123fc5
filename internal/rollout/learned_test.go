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

// speaks lets robots publish their battery state at a rate, which may be another once
// the new container runs. They have been watched for long.
func (w *world) speaks(before, after float64) {
	w.since = w.now.Add(-time.Minute)
	w.look = func(id string, r *fleet.Robot) {
		hz := before
		if w.robots[id].newRuns {
			hz = after
		}
		t := fleet.Topic{Name: "/" + id + "/battery_state", Type: "sensor_msgs/msg/BatteryState", Role: "battery", Hz: hz, UsualHz: before}
		if hz > 0 {
			t.Last = w.now
		}
		r.Topics = append(r.Topics, t)
	}
}

// The rate of a topic that is followed is learned when the robot is touched, and asked
// for until the robot is done: in its soak it may have gone to work, and what spoke
// once a second at its charger speaks less.
func TestRatesAreLearnedWhenARobotIsTouched(t *testing.T) {
	for name, test := range map[string]struct {
		before, after float64
		spec          Spec
		want          Step
		why           string
	}{
		"as before":           {1, 1, Spec{}, StepDone, ""},
		"nearly":              {1, 0.8, Spec{}, StepDone, ""},
		"silent":              {1, 0, Spec{}, StepRolledBack, "after 1m0s: /r1/battery_state: no sample since the new container runs"},
		"slower":              {2, 1.5, Spec{}, StepRolledBack, "after 1m0s: /r1/battery_state: 1.5 Hz, wants 1.6 Hz"},
		"slower, as asked":    {2, 1.5, Spec{After: After{MinRate: new(0.5)}}, StepDone, ""},
		"at any rate":         {2, 0.1, Spec{After: After{MinRate: new(0.0)}}, StepDone, ""},
		"topics are skipped":  {1, 0, Spec{After: After{SkipTopics: true}}, StepDone, ""},
		"too slow to tell":    {0.5, 0, Spec{}, StepDone, ""},
		"told by a window":    {0.5, 0, Spec{After: After{Window: new(Duration(8 * time.Second))}}, StepRolledBack, "after 1m0s: /r1/battery_state: no sample since the new container runs"},
		"it was silent, too":  {0, 0, Spec{}, StepDone, ""},
		"faster does no harm": {1, 30, Spec{}, StepDone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.spec.MaxFailures = Robots(1)
			w := newWorld(1, test.spec)
			w.speaks(test.before, test.after)
			w.advance(5 * time.Minute)
			rs := w.status.Robot("r1")
			assert.Equal(t, test.want, rs.Step, rs.Reason)
			if test.why != "" {
				assert.Equal(t, test.why, rs.Reason)
			}
		})
	}
	w := newWorld(1, Spec{Soak: Duration(time.Hour)})
	w.speaks(1, 1)
	w.until(t, "r1", StepDone)
	assert.Equal(t, []TopicExpect{{Name: "/r1/battery_state", Hz: 1}}, w.status.Robot("r1").Was.Followed)
	w.speaks(1, 0)
	w.advance(2 * time.Hour)
	assert.Equal(t, StateCompleted, w.status.State, w.status.Reason)
}

// A topic that comes, and of which too few samples have come to tell its rate, lets the
// window begin and not end; at the deadline it has no rate.
func TestARateThatIsNotKnownYetHoldsTheEndOfTheWindow(t *testing.T) {
	for known, want := range map[bool]Step{true: StepDone, false: StepRolledBack} {
		w := newWorld(1, Spec{})
		w.speaks(1, 0)
		counted := false
		look := w.look
		w.look = func(id string, r *fleet.Robot) {
			look(id, r)
			if t := &r.Topics[len(r.Topics)-1]; w.robots[id].newRuns {
				t.Last = w.now
				if counted {
					t.Hz = 1
				}
			}
		}
		w.until(t, "r1", StepVerifying)
		w.advance(8 * time.Second)
		rs := w.status.Robot("r1")
		require.Equal(t, StepVerifying, rs.Step)
		require.Equal(t, "topic /r1/battery_state: it comes, and its rate is not known yet", w.last.Why["r1"].Text)
		if counted = known; known {
			w.advance(time.Second)
			require.Equal(t, "all gates passed for 5s", w.status.Robot("r1").Reason)
		}
		w.advance(time.Minute)
		assert.Equal(t, want, w.status.Robot("r1").Step)
	}
}

// A runner that has just begun does not know how fast topics come: it takes what was
// seen when the plan was made.
func TestARunnerThatHasJustBegunTakesTheRatesOfThePlan(t *testing.T) {
	for begun, want := range map[time.Duration]float64{9 * time.Second: 2, 11 * time.Second: 5} {
		w := newFleet(t0, 1)
		w.speaks(2, 2)
		require.NoError(t, w.begin(Spec{}))
		w.speaks(5, 5)
		w.since = w.now.Add(-begun)
		w.settle()
		assert.Equal(t, []TopicExpect{{Name: "/r1/battery_state", Hz: want}}, w.status.Robot("r1").Was.Followed)
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
