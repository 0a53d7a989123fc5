package rollout_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

// wrong says what is not as it must be at the end.
func (s *simulation) wrong(all []rollout.Stored) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad != "" {
		return s.bad
	}
	for _, robot := range s.robots {
		want, told, problem := s.should(robot, all)
		switch runs, names := s.fleet.Running(robot), s.fleet.Containers(robot); {
		case problem != "":
			return problem
		case want == "":
		case !slices.Equal(runs, []string{want}):
			return fmt.Sprintf("%s is %s and runs %v", robot, told, runs)
		case !slices.Equal(names, []string{"amr"}):
			return fmt.Sprintf("%s is %s and has the containers %v", robot, told, names)
		}
	}
	if held := s.elector.Locked(); len(held) > 0 {
		return fmt.Sprintf("the leases of %v are held", held)
	}
	return ""
}

// should is the digest that a robot runs after rollouts that ended so; "" when
// that can not be told.
func (s *simulation) should(robot string, all []rollout.Stored) (want, told, problem string) {
	want = rollouttest.OldDigest
	for _, st := range all {
		rs := st.Status.Robot(robot)
		told += fmt.Sprintf("%s (%s), ", rs.Step, rs.Reason)
		switch rs.Step {
		case rollout.StepDone:
			want = st.Plan.Image.Digest
		case rollout.StepNeedsOperator:
			if strings.HasPrefix(rs.Reason, "given up while it was ") {
				return "", "", "" // a person wanted it so, and the rollout ended before another did
			}
			return "", "", fmt.Sprintf("%s needs an operator: %s", robot, rs.Reason)
		case rollout.StepQueued, rollout.StepSkipped, rollout.StepFailed, rollout.StepRolledBack:
		default:
			return "", "", fmt.Sprintf("%s ends as %s", robot, rs.Step)
		}
	}
	return want, strings.TrimSuffix(told, ", "), ""
}
