package rollout

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

// A zero that means something is taken at its word; only what is not said takes its
// default.
func TestAZeroThatIsSaidIsNoDefault(t *testing.T) {
	const said = `{"image":"registry/amr:2","robots":"all","canary":0,"pull_ahead":0,"after":{"window":"0s","min_rate":0}}`
	s, err := ParseSpec([]byte(said))
	require.NoError(t, err)
	s = s.withDefaults()
	require.NoError(t, s.validate())
	b, err := json.Marshal(s)
	require.NoError(t, err)
	stored, err := ParseSpec(b)
	require.NoError(t, err)
	for _, s := range []Spec{s, stored, stored.withDefaults()} {
		assert.Equal(t, new(0), s.Canary)
		assert.Equal(t, new(0), s.PullAhead)
		assert.Equal(t, new(Duration(0)), s.After.Window)
		assert.Equal(t, new(0.0), s.After.MinRate)
	}
}

// Nobody pulls ahead of the robots that may be down.
func TestNoRobotPullsAhead(t *testing.T) {
	for ahead, most := range map[int]int{0: 1, 1: 2, 2: 3} {
		w := newWorld(4, Spec{Canary: new(4), PullAhead: &ahead})
		seen := 0
		for !w.status.State.Terminal() && w.now.Before(t0.Add(time.Hour)) {
			w.advance(500 * time.Millisecond)
			n := 0
			for _, rs := range w.status.Robots {
				if !rs.Step.Terminal() && rs.Step != StepQueued {
					n++
				}
			}
			seen = max(seen, n)
		}
		assert.Equal(t, StateCompleted, w.status.State)
		assert.Equal(t, most, seen, "pull_ahead: %d", ahead)
	}
}

// With a window of none a robot is done as soon as all gates pass, but not before.
func TestAWindowOfNone(t *testing.T) {
	w := newWorld(1, Spec{After: After{Window: new(Duration(0))}})
	w.robots["r1"].silentNew = true
	w.advance(10 * time.Second)
	require.Equal(t, StepVerifying, w.status.Robot("r1").Step)
	w.robots["r1"].silentNew = false
	w.advance(500 * time.Millisecond)
	assert.Equal(t, StepDone, w.status.Robot("r1").Step)
	assert.Equal(t, "all gates passed", w.status.Robot("r1").Reason)
}

// A topic that may have any rate must still be there.
func TestARateOfNone(t *testing.T) {
	var rate float64
	p, rs := &Plan{Spec: Spec{After: After{MinRate: &rate}}}, RobotStatus{Step: StepVerifying, Since: t0}
	for last, want := range map[time.Duration]Outcome{9 * time.Second: Pass, -time.Second: Fail, time.Second: Fail} {
		f := RobotFacts{Robot: fleet.Robot{Topics: []fleet.Topic{{Name: "/r1/odom", Hz: 0.1, Last: t0.Add(last)}}}}
		g := p.topicGate(TopicExpect{Name: "/r1/odom", Hz: 10}, rs, f, Facts{DomainOK: true}, t0.Add(10*time.Second))
		assert.Equal(t, want, g.Outcome, "%v: %s", last, g.Reason)
	}
}

// What older managers stored means what it meant: they left a zero out. Only a canary
// was ever zero, in a plan with waves and in the rollback of an ended rollout.
func TestAnOlderManagersPlanMeansWhatItMeant(t *testing.T) {
	const older = `{"version":1,"id":"undo","waves":1,"robots":[{"robot":"r1"},{"robot":"r2"}],"spec":{
		"image":"registry/amr:2","robots":"all","max_unavailable":1,"pull_ahead":1,"on_failure":"roll-back-robot","offline":"skip",
		"conflict":"refuse","before":{"stationary":true},"after":{"window":"5s","min_rate":0.8},"keep_images":true,
		"deadlines":{"pull":"15m0s","wait":"30m0s","replace":"1m0s","verify":"1m0s","rollback":"2m0s"}}}`
	var p Plan
	require.NoError(t, json.Unmarshal([]byte(older), &p))
	assert.Zero(t, OrZero(p.Spec.Canary))
	assert.Equal(t, 1, OrZero(p.Spec.PullAhead))
	assert.Equal(t, Duration(5*time.Second), OrZero(p.Spec.After.Window))
	assert.InDelta(t, 0.8, OrZero(p.Spec.After.MinRate), 0)
	require.NoError(t, p.cutWaves(nil))
	assert.Equal(t, 1, p.Waves)
}
