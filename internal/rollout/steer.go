package rollout

import (
	"fmt"
	"slices"
)

// takeWish folds an operator's wish into the status, once. One that does not
// fit where the rollout stands by now is refused, with the reason.
func (d *decider) takeWish(w Wish) {
	if w.Seq <= d.s.Wish {
		return
	}
	d.s.Wish = w.Seq
	if err := CheckWish(d.plan, &d.s, w); err != nil {
		d.refused = append(d.refused, fmt.Sprintf("%s by %s: %v", w.Action, w.By, err))
		return
	}
	if w.Robot != "" {
		d.steerRobot(w)
		return
	}
	switch w.Action {
	case ActionPause:
		d.setState(StatePaused, "paused by "+w.because())
	case ActionResume:
		d.setState(StateRunning, "resumed by "+w.because())
		d.renewDeadlines(w)
		d.s.Pardoned = d.failures().count
		d.s.Unproven = d.s.Unproven || d.plan.Waves > 1 && d.unproven()
	case ActionAbort:
		d.stop(StateAborted, "aborted by "+w.because())
	case ActionRollback:
		d.stop(StateRolledBack, "rolled back by "+w.because())
		d.s.Undo = UndoAll
		d.undoHelpless(w)
	case ActionApprove:
		d.s.Approved = append(d.s.Approved[:len(d.s.Approved):len(d.s.Approved)], Approved{Wave: *w.Wave, By: w.By, At: w.At})
	case ActionSkip, ActionRetry, ActionOverride: // about a robot
	}
}

// undoHelpless has the rollback of robots that were left for an operator tried
// again: one asks for it.
func (d *decider) undoHelpless(w Wish) {
	for id, rs := range d.s.Robots {
		if rs.Step == StepNeedsOperator {
			rs.Undo, rs.Reason = true, "rolled back by "+w.because()
			d.s.Robots[id] = rs
		}
	}
	d.counted = nil
}

// steerRobot takes in a wish about one robot. Where a verb may be in flight it
// only notes the wish, and the robot's step acts on it.
func (d *decider) steerRobot(w Wish) {
	rs := d.s.Robot(w.Robot)
	switch w.Action {
	case ActionSkip:
		rs.Skip = "skipped by " + w.because()
		if rs.Step == StepNeedsOperator {
			rs = RobotStatus{Step: StepSkipped, Since: d.now, Reason: "put right by " + w.because(), Tidy: true}
		}
	case ActionRetry:
		if rs.Step.Terminal() {
			again := RobotStatus{Step: StepQueued, Since: d.now, Reason: "tried again by " + w.because(), Override: rs.Override, Overridden: rs.Overridden}
			if rs.Step == StepNeedsOperator { // something of it is still there
				again.Was, again.Begun = rs.Was, rs.Begun
			}
			rs = again
		} else {
			rs.Attempt, rs.RetryAt, rs.Deadline = 0, d.now, d.deadline(rs.Step)
		}
	case ActionRollback:
		rs.Undo, rs.Reason = true, "rolled back by "+w.because()
	case ActionOverride:
		i := slices.IndexFunc(d.plan.Robots, func(rp RobotPlan) bool { return rp.Robot == w.Robot })
		if rs.Overridden = lockOf(d.plan.Robots[i], d.fact(i)); rs.Overridden == "" {
			d.refused = append(d.refused, fmt.Sprintf("%s by %s: nothing locks robot %s", w.Action, w.By, w.Robot))
			return
		}
		rs.Override = w.because()
	case ActionPause, ActionResume, ActionAbort, ActionApprove: // about the whole
	}
	d.s.Robots[w.Robot] = rs
	d.counted = nil
}
