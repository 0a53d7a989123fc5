package rollout

import (
	"cmp"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// ended looks after a robot in a terminal step. One that is done keeps its old
// container until the rollout closes, so that it can still be rolled back.
func (d *decider) ended(i int) {
	rs := d.robot(i)
	switch {
	case rs.Step == StepNeedsOperator && rs.Undo && !d.s.Closing:
		d.undo(i)
	case d.plan.Robots[i].Skip != "" || rs.Tidy:
		d.release(i)
	case rs.Step == StepDone && d.undoes(i):
		d.undo(i)
	case rs.Step == StepDone && !d.s.Closing:
		if !d.soak(i) {
			d.release(i)
		}
	case rs.Step == StepDone:
		d.tidy(i, VerbCommit)
	default:
		d.tidy(i, VerbDiscard)
	}
}

// undoes reports whether robot i is to be rolled back by decision.
func (d *decider) undoes(i int) bool {
	if d.s.Closing {
		return false
	}
	rp := &d.plan.Robots[i]
	switch d.s.Undo {
	case UndoAll:
		return true
	case UndoWave:
		return rp.Wave == d.s.UndoWave || d.robot(i).Undo
	default:
		return d.robot(i).Undo
	}
}

// undo rolls a robot back that was done, as soon as it may be down.
func (d *decider) undo(i int) {
	rs := d.robot(i)
	full, objection := d.noRoom(i, true), d.objection(i)
	switch {
	case objection != "":
		d.wait(i, nil, "is to be rolled back; %s", objection)
		d.release(i)
		d.poll()
	case full != "":
		d.wait(i, nil, "is to be rolled back; %s", full)
		d.release(i)
	case !d.fact(i).Held:
		d.lock(i)
	default:
		rs.Undo = true
		d.put(i, rs)
		d.enter(i, StepRollingBack, "%s", d.undoReason(rs))
	}
}

// objection is why a robot that is at work may not be stopped now, although it is
// to be rolled back: it drives, or somebody locked it. What is not known holds no
// rollback up.
func (d *decider) objection(i int) string {
	f := d.fact(i)
	gates := []Gate{lockGate(d.plan.Robots[i], f, d.robot(i))}
	if d.plan.Spec.Before.Stationary {
		gates = append(gates, d.standsStill(i, f))
	}
	for _, g := range gates {
		if g.Outcome == Fail {
			return g.Reason
		}
	}
	return ""
}

func (d *decider) undoReason(rs RobotStatus) string {
	if d.s.Undo == UndoNone {
		return rs.Reason
	}
	return d.s.Reason
}

// soaking reports whether robot i is done and still watched.
func (d *decider) soaking(i int) bool {
	rs := d.robot(i)
	soak := time.Duration(d.plan.Spec.Soak)
	return rs.Step == StepDone && !rs.Tidy && d.s.State != StateStopping && !d.s.Closing && soak > 0 &&
		(d.now.Before(rs.Since.Add(soak)) || !rs.Unsure.IsZero())
}

// soak watches a robot that is done. It has failed when waiting will not help,
// or when its gates have failed for as long as verifying may take. It reports
// whether it needs the robot's lease.
func (d *decider) soak(i int) bool {
	if !d.soaking(i) {
		return false
	}
	rs := d.robot(i)
	until := rs.Since.Add(time.Duration(d.plan.Spec.Soak))
	if until.After(d.now) { // else it goes on for want of data
		d.wakeBy(until)
	}
	d.poll()
	gates := d.after(i)
	verdict := d.verdict(i, gates)
	d.wait(i, gates, "soaks until %s", until.Format(time.TimeOnly))
	rs = d.unsure(i, verdict == Inconclusive, gates)
	failing := verdict == GateError || verdict == Fail
	// What another runner saw fail may long be well; this one may only not know it yet.
	switch {
	case failing && rs.FailAt.Before(d.facts.Since): // also when zero
		rs.FailAt = d.now
		d.put(i, rs)
	case !failing && !rs.FailAt.IsZero():
		rs.FailAt, rs.Excused = time.Time{}, ""
		d.put(i, rs)
	}
	if failing && rs.Excused != "" {
		d.wait(i, gates, "soaks until %s, although it fails: resumed by %s", until.Format(time.TimeOnly), rs.Excused)
		return false
	}
	if verdict != GateError && (!failing || d.now.Sub(rs.FailAt) < time.Duration(d.plan.Spec.Deadlines.Verify)) {
		return false
	}
	if d.plan.Spec.OnFailure == PauseOnly {
		d.pause("robot %s fails while it soaks: %s", d.plan.Robots[i].Robot, objections(gates))
		return false
	}
	if no := cmp.Or(d.objection(i), d.noRoom(i, true)); no != "" {
		d.wait(i, gates, "fails while it soaks and is to be rolled back; %s", no)
		return false
	}
	if d.fact(i).Held {
		d.enter(i, StepRollingBack, "while it soaked: %s", objections(gates))
	} else {
		d.lock(i)
	}
	return true
}

// unsure notes since when nothing can be told of a robot that soaks. No data is no
// success: its soak goes on until something is known, and a person is asked when
// that takes as long as verifying may.
func (d *decider) unsure(i int, is bool, gates []Gate) RobotStatus {
	rs := d.robot(i)
	switch {
	case !is && !rs.Unsure.IsZero():
		rs.Unsure = time.Time{}
		d.put(i, rs)
	case is && rs.Unsure.Before(d.facts.Since): // also when zero
		rs.Unsure = d.now
		d.put(i, rs)
	case is && d.now.After(rs.Since.Add(time.Duration(d.plan.Spec.Soak))) &&
		d.now.Sub(rs.Unsure) > time.Duration(d.plan.Spec.Deadlines.Verify):
		d.pause("robot %s can not be judged at the end of its soak: %s", d.plan.Robots[i].Robot, objections(gates))
	}
	return rs
}

// verdict is what the gates of a robot come to. While its engine does not answer
// nothing that is missing is the new container's fault: the robot may be off.
func (d *decider) verdict(i int, gates []Gate) Outcome {
	v := worst(gates)
	if v == Fail && d.fact(i).Engine.State != fleet.EngineUp {
		return Inconclusive
	}
	return v
}

// tidy removes what a robot left behind, then gives its lease back. What can
// not be removed in time is left: the next rollout's Commit removes it.
func (d *decider) tidy(i int, verb Verb) {
	rf, rs := d.fact(i), d.robot(i)
	if rs.Deadline.IsZero() {
		rs.Deadline = d.now.Add(tidyFor)
		d.put(i, rs)
	}
	res := rf.result(verb)
	if res != nil && (res.Err == "" || res.Fatal) || d.overdue(rs) && rf.Busy == "" {
		rs.Tidy = true
		if res != nil && res.Err != "" {
			rs.Error = res.Err
		}
		d.put(i, rs)
		d.release(i)
		d.poll()
		return
	}
	if !rf.Held && rf.Busy == "" && d.count().tidying >= maxTidying {
		d.wait(i, nil, "its old container is removed in its turn")
		d.poll()
		return
	}
	d.try(i, verb, res)
}
