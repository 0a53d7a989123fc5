package rollout

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// downElsewhere are the robots that other rollouts than one have down, have left for
// an operator, or roll back as soon as there is room: a rollback goes before other
// rollouts' robots as it does before those of its own.
func downElsewhere(reg *fleet.Registry, id string, all []*Stored, holds map[string]*Hold, now time.Time) []Elsewhere {
	var down []Elsewhere
	for _, st := range all {
		if st.Plan.ID == id || st.Status.State.Terminal() {
			continue
		}
		for i := range st.Plan.Robots {
			rs, begun := st.Status.Robots[st.Plan.Robots[i].Robot]
			if !begun || rs.Begun.IsZero() && !rs.Step.Down() && rs.Step != StepNeedsOperator {
				continue // most of them: nothing is to be looked up
			}
			if o, takes := st.takes(reg, i, holds, now); takes {
				down = append(down, o)
			}
		}
	}
	slices.SortFunc(down, func(a, b Elsewhere) int {
		return cmp.Or(naturalCompare(a.Robot, b.Robot), cmp.Compare(a.Rollout, b.Rollout))
	})
	return down
}

// takes reports whether robot i takes room from other rollouts.
func (st *Stored) takes(reg *fleet.Registry, i int, holds map[string]*Hold, now time.Time) (Elsewhere, bool) {
	robot := st.Plan.Robots[i].Robot
	rs := st.Status.Robots[robot]
	d := &decider{plan: &st.Plan, s: st.Status, now: now}
	if rs.Step == StepDone && (rs.Tidy || !d.undoes(i)) {
		return Elsewhere{}, false // most of them: they need not be looked up
	}
	r, known := reg.Robot(robot)
	f := RobotFacts{Known: known, Robot: r, Hold: holds[robot]}
	d.facts.Robots = map[string]RobotFacts{robot: f}
	o := Elsewhere{Robot: robot, Rollout: st.Plan.ID, Labels: r.Labels, Helpless: rs.Step == StepNeedsOperator}
	o.Undo = rs.Step == StepDone && d.objection(i) == ""
	return o, o.Helpless || o.Undo || rs.Step.Down() || known && st.Plan.lies(i, rs, f)
}
