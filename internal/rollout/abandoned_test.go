package rollout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

// An engine goes on stopping the old container when the time for the
// replacement is over and the robot is rolled back. It must run at the end.
func TestRollbackWhileTheOldOneIsBeingStopped(t *testing.T) {
	problem := simulate(t, func() string {
		s := newSimulation(1, 1)
		defer s.close()
		s.fleet.Set("r1", func(c *rollouttest.Condition) { c.StopTime = 30 * time.Second })
		id := s.begin(rollout.Spec{
			Image: "registry/amr:2", Robots: "all",
			Deadlines: rollout.Deadlines{Replace: rollout.Duration(15 * time.Second)},
		})
		for s.stored(id).Status.State == rollout.StateRunning {
			time.Sleep(time.Second)
		}
		all, problem := s.finish(id)
		if problem == "" && all[0].Status.Robot("r1").Step != rollout.StepRolledBack {
			problem = "the robot was not rolled back"
		}
		if problem != "" {
			problem += "\n" + strings.Join(s.trace, "\n")
		}
		return problem
	})
	if problem != "" {
		t.Fatal(problem)
	}
}
