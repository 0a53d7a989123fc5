package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func storedAs(id string, created int64, at time.Time, robots map[string]RobotStatus) *Stored {
	p := Plan{ID: id, CreatedAt: at, Waves: 1, Robots: []RobotPlan{{Robot: "r1"}, {Robot: "r2"}}}
	return &Stored{Plan: p, Created: created, Status: Status{Rollout: id, State: StateRunning, Robots: robots}}
}

// Who has a robot does not depend on the managers' clocks, and nobody takes one
// that is in hand.
func TestARobotIsItsFirstRollouts(t *testing.T) {
	replacing := map[string]RobotStatus{"r1": {Step: StepReplacing}}
	for name, tc := range map[string]struct {
		a, b map[string]RobotStatus // a was created first, by a clock that is ahead
		want map[string]string
	}{
		"both queued":    {nil, nil, map[string]string{"r1": "a", "r2": "a"}},
		"the first acts": {replacing, nil, map[string]string{"r1": "a", "r2": "a"}},
		"the first is through with it": {
			map[string]RobotStatus{"r1": {Step: StepFailed, Tidy: true}}, nil, map[string]string{"r1": "b", "r2": "a"},
		},
		"tried again while the second has it": {
			map[string]RobotStatus{"r1": {Step: StepQueued}}, replacing, map[string]string{"r1": "b", "r2": "a"},
		},
		"done and not tidy": {
			map[string]RobotStatus{"r1": {Step: StepDone}}, nil, map[string]string{"r1": "a", "r2": "a"},
		},
	} {
		a, b := storedAs("a", 5, t0.Add(3*time.Second), tc.a), storedAs("b", 9, t0, tc.b)
		assert.Equal(t, tc.want, claims([]*Stored{a, b}), name)
		assert.Equal(t, tc.want, claims([]*Stored{b, a}), name)
	}
}
