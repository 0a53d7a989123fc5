package rollout

import (
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// away decides on a robot that is offline, as the spec has it, and reports
// whether it is. How long it is waited for counts from its turn: that it was off
// for days before is no reason to leave it out at once.
func (d *decider) away(i int) bool {
	rp, rf, rs := &d.plan.Robots[i], d.fact(i), d.robot(i)
	if rf.Known && rf.Robot.Quality != fleet.QualityOffline && rf.Robot.Quality != fleet.QualityUnseen {
		if !rs.Deadline.IsZero() { // it has come back
			rs.Deadline = time.Time{}
			d.put(i, rs)
		}
		return false
	}
	if rf.Robot.LastSeen.IsZero() {
		d.wait(i, nil, "was never seen")
	} else {
		d.wait(i, nil, "is offline since %s", rf.Robot.LastSeen.Format(time.RFC3339))
	}
	if rp.Wave > d.count().openWave {
		return true // its turn has not come
	}
	limit := time.Duration(d.plan.Spec.Deadlines.Wait)
	if rs.Deadline.IsZero() {
		rs.Deadline = d.now.Add(limit)
		d.put(i, rs)
	}
	until := later(rs.Deadline, d.facts.Since.Add(limit))
	d.wakeBy(until.Add(time.Millisecond))
	switch {
	case !d.now.After(until):
	case d.plan.Spec.Offline == OfflineBlock:
		d.pause("robot %s was offline for more than %v", rp.Robot, limit)
	default:
		d.enter(i, StepSkipped, "was offline for more than %v", limit)
	}
	return true
}
