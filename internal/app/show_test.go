package app

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
)

func TestARolloutIsToldInWords(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	wave := 1
	r := rollout.Report{
		ID: "20260504-1", State: rollout.StatePaused, Reason: "paused by bob: lunch", Held: "the store can not be reached",
		Image: rollout.PinnedImage{Ref: "reg/amr:2", Repository: "reg/amr", Digest: "sha256:ab"}, Note: "the planner of May",
		CreatedBy: "ada", CreatedAt: now.Add(-90 * time.Second), Waves: 2, FleetLimit: 5, Total: 3, Ended: 1, Undoes: "20260503-9",
		Spec:     rollout.Spec{Robots: "all", MaxUnavailable: rollout.Robots(1), Approval: rollout.Approval{Role: "operator"}},
		Approval: &wave, Approved: []rollout.Approved{{Wave: 0, By: "eve", At: now.Add(-time.Minute)}},
		Actions: []rollout.Action{rollout.ActionResume, rollout.ActionAbort},
		Counts:  map[rollout.Step]int{rollout.StepDone: 1, rollout.StepWaiting: 1, rollout.StepQueued: 1},
		Robots: []rollout.RobotReport{
			{Robot: "r1", Step: rollout.StepDone, Since: now.Add(-2 * time.Second), Reason: "all gates passed", Actions: []rollout.Action{rollout.ActionRollback}},
			{
				Robot: "r2", Wave: 1, Step: rollout.StepWaiting, Since: now.Add(-time.Minute), Deadline: now.Add(time.Hour), Attempt: 2, Reason: "the image is there",
				Why: "waits for its gates: locked by bob: wheel", Actions: []rollout.Action{rollout.ActionSkip, rollout.ActionOverride},
				Topics: []rollout.TopicExpect{{Name: "/r2/odom", Hz: 10}, {Name: "/r2/battery_state", Hz: 1}},
				Gates: []rollout.Gate{
					{Name: "engine", Outcome: rollout.Pass, Reason: "engine e2 answers"},
					{Name: "lock", Outcome: rollout.Fail, Reason: "locked by bob: wheel"},
				},
			},
			{Robot: "robot3", Wave: 1, Step: rollout.StepQueued, Why: "an earlier wave has not ended"},
		},
	}
	var out strings.Builder
	require.NoError(t, printReport(&out, r, now))
	assert.Equal(t, `rollout 20260504-1  paused: paused by bob: lunch
held      the store can not be reached
image     reg/amr:2 = reg/amr@sha256:ab
robots    all: 1/3 ended (1 done, 1 queued, 1 waiting), in 2 waves, at most 1 down at one time, and 5 of the whole fleet
started   1m30s ago by ada: the planner of May
undoes    20260503-9
approved  wave 0 by eve, 1m0s ago
approval  wave 1 waits for one of the role operator or higher
now       muster rollout resume|abort 20260504-1

WAVE    ROBOT   STEP     FOR   WHY
canary  r1      done     2s    all gates passed
                               now: muster rollout rollback 20260504-1 --robot r1
1       r2      waiting  1m0s  waits for its gates: locked by bob: wheel
                               pass  engine: engine e2 answers
                               fail  lock: locked by bob: wheel
                               topics: /r2/odom 10.0 Hz, /r2/battery_state 1.0 Hz
                               2 failed tries; until 1h0m0s from now
                               now: muster rollout skip|override 20260504-1 r2
1       robot3  queued         an earlier wave has not ended
`, out.String())

	r.State, r.EndedAt, r.Held, r.Approval, r.Actions = rollout.StateCompleted, now.Add(-time.Second), "", nil, nil
	r.Robots = nil
	out.Reset()
	require.NoError(t, printReport(&out, r, now))
	assert.Contains(t, out.String(), "ended     1s ago")
	assert.NotContains(t, out.String(), "now  ")
}
