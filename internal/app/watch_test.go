package app

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/muster-fleet/muster/internal/rollout"
)

func robotLine(id string, s rollout.Step, reason, why string) rollout.RobotReport {
	return rollout.RobotReport{Robot: id, Step: s, Reason: reason, Why: why}
}

// A log tells why a robot waits, once for each reason; what only counts up or down
// is told now and then.
func TestALogOfARolloutTellsWhyRobotsWait(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1000, 0)
	v := &lineView{out: &out, now: func() time.Time { return now }}
	shown := func(r rollout.Report) []string {
		out.Reset()
		r.ID, r.Total = "x", len(r.Robots)
		v.show(r)
		now = now.Add(watchEvery)
		return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	}
	of := func(robots ...rollout.RobotReport) rollout.Report {
		return rollout.Report{State: rollout.StateRunning, Reason: "started by ada", Robots: robots}
	}
	wave := func(id string) rollout.RobotReport {
		return robotLine(id, rollout.StepQueued, "", "an earlier wave has not ended")
	}
	assert.Equal(t, []string{
		"rollout x  running  0/5  started by ada",
		"r1  queued         now: takes the robot's lease",
		"r2, r3, r4 and 1 more  queued         now: an earlier wave has not ended",
	}, shown(of(robotLine("r1", rollout.StepQueued, "", "takes the robot's lease"), wave("r2"), wave("r3"), wave("r4"), wave("r5"))))
	waiting := func(why string) rollout.Report { return of(robotLine("r1", rollout.StepWaiting, "pulled", why)) }
	assert.Equal(t, []string{
		"r1  waiting        pulled",
		"r1  waiting        now: waits for its gates: drives at 0.31 m/s",
	}, shown(waiting("waits for its gates: drives at 0.31 m/s")))
	assert.Equal(t, []string{""}, shown(waiting("waits for its gates: drives at 0.32 m/s")), "only a figure differs")
	assert.Equal(t, []string{"r1  waiting        now: locked by bob: wheel 2"}, shown(waiting("locked by bob: wheel 2")))
	assert.Equal(t, []string{""}, shown(waiting("locked by bob: wheel 3")))
	now = now.Add(figuresEvery)
	assert.Equal(t, []string{"r1  waiting        now: locked by bob: wheel 3"}, shown(waiting("locked by bob: wheel 3")), "told in the end")
	now = now.Add(figuresEvery)
	assert.Equal(t, []string{""}, shown(waiting("locked by bob: wheel 3")), "and once")
	assert.Equal(t, []string{""}, shown(waiting("")))
	assert.Equal(t, []string{"r1  waiting        now: locked by bob: wheel 3"}, shown(waiting("locked by bob: wheel 3")), "it waits again")

	r := waiting("locked by bob: wheel 3")
	r.Held = "the store can not be reached"
	assert.Equal(t, []string{"rollout x  held: the store can not be reached"}, shown(r))
	r.Held, r.Reason = "", "resumed by ada"
	assert.Equal(t, []string{"rollout x  goes on", "rollout x  running  0/1  resumed by ada"}, shown(r))
}
