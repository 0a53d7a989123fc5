package rollout

import "fmt"

// failures are the robots of a rollout that failed.
type failures struct {
	count, tried int
	newest       int // the robot that failed last, -1 when none did
	canary       bool
}

func (d *decider) failures() failures {
	f := failures{newest: -1}
	for i, rp := range d.plan.Robots {
		rs, took := d.s.Robots[rp.Robot]
		if !took || rs.Step == StepQueued || rs.Step == StepSkipped {
			continue
		}
		if rs.Step != StepPulling && rs.Step != StepWaiting {
			f.tried++
		}
		if rs.Undo || !rs.Step.Bad() && rs.Step != StepRollingBack {
			continue
		}
		f.count++
		if f.newest < 0 || !rs.FailedAt.Before(d.robot(f.newest).FailedAt) {
			f.newest = i
		}
		f.canary = f.canary || rp.Wave == 0 && d.plan.Waves > 1
	}
	return f
}

// stopOnFailure ends a rollout with more failures than allowed. A canary that
// fails ends it always: that is what canaries are for.
func (d *decider) stopOnFailure() {
	if d.s.State == StateStopping || d.s.Closing {
		return
	}
	f := d.failures()
	if f.count == 0 {
		return
	}
	rp := d.plan.Robots[f.newest]
	rs := d.s.Robots[rp.Robot]
	reason := fmt.Sprintf("robot %s %s: %s", rp.Robot, phrase(rs.Step), rs.Reason)
	switch {
	case f.count > d.plan.Spec.MaxFailures.ceil(f.tried):
	case f.canary:
		reason = "canary: " + reason
	default:
		return
	}
	if d.plan.Spec.OnFailure == PauseOnly {
		if d.s.Pardoned = min(d.s.Pardoned, f.count); f.count > d.s.Pardoned {
			d.pause("%s", reason)
		}
		return
	}
	d.stop(StateFailed, reason)
	if rs.Begun.IsZero() {
		return // it was never touched: a failed pull says nothing about those that run
	}
	switch d.plan.Spec.OnFailure {
	case RollBackWave:
		d.s.Undo, d.s.UndoWave = UndoWave, rp.Wave
	case RollBackAll:
		d.s.Undo = UndoAll
	case RollBackRobot, PauseOnly:
	}
}

// unanswered reports whether failures wait for a person's answer, who was asked
// to say what becomes of them.
func (d *decider) unanswered() bool {
	return d.s.State == StatePaused && d.plan.Spec.OnFailure == PauseOnly && d.failures().count > d.s.Pardoned
}

func phrase(s Step) string {
	switch s {
	case StepRolledBack, StepRollingBack:
		return "is rolled back"
	case StepNeedsOperator:
		return "needs an operator"
	default:
		return string(s)
	}
}
