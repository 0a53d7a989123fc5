package app

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
)

// A dry run tells what a robot is measured by, also where that is nothing.
func TestADryRunIsToldInWords(t *testing.T) {
	r := rollout.Report{
		Image: rollout.PinnedImage{Ref: "reg/amr:2", Repository: "reg/amr", Digest: "sha256:ab"}, Waves: 2,
		Robots: []rollout.RobotReport{
			{Robot: "r1", Topics: []rollout.TopicExpect{{Name: "/r1/odom", Hz: 20}, {Name: "/r1/battery_state", Hz: 1}}}, {Robot: "r2", Wave: 1},
		},
		Spec: rollout.Spec{
			MaxUnavailable: rollout.Robots(1), OnFailure: rollout.RollBackRobot,
			After: rollout.After{Window: new(rollout.Duration(5 * time.Second)), MinRate: new(0.8)},
		},
	}
	told := func() string {
		var out strings.Builder
		require.NoError(t, printPlan(&out, r))
		return out.String()
	}
	assert.Contains(t, told(), "\ncanary  r1")
	assert.Contains(t, told(), "it is done when, for 5s: the container runs and is healthy, its nodes are back, its topics have 80 % of their rate,")

	assert.Contains(t, told(), "\nat most 1 down at one time\n")
	assert.Contains(t, told(), "\n  topics of r1: /r1/odom 20.0 Hz, /r1/battery_state 1.0 Hz\non a failure")
	r.FleetLimit, r.Spec.MaxPer = 3, []rollout.GroupLimit{{Label: "station", Max: 1}}
	assert.Contains(t, told(), "\nat most 1 down at one time, and 1 of one station, and 3 of the whole fleet\n")

	r.Waves, r.Spec.After.Window, r.Spec.After.MinRate = 1, new(rollout.Duration(0)), new(0.0)
	assert.Contains(t, told(), "\n0     r1")
	assert.Contains(t, told(), "it is done when: the container runs and is healthy, its nodes are back, its topics are published,")
}
