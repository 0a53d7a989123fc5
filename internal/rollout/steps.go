package rollout

import (
	"cmp"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// advance moves a robot that has left the queue by at most one step.
func (d *decider) advance(i int) {
	switch d.step(i) {
	case StepPulling:
		d.pulling(i)
	case StepReplacing:
		d.replacing(i)
	case StepVerifying:
		d.verifying(i)
	case StepRollingBack:
		d.rollingBack(i)
	case StepDone, StepRolledBack, StepFailed, StepSkipped, StepNeedsOperator:
		d.ended(i)
	case StepQueued, StepWaiting: // decided once the failures are counted
	}
}

// queued admits a robot when its wave is open and there is room, by taking its
// lease; images may be pulled ahead, one wave early.
func (d *decider) queued(i int) {
	rp, rf := d.plan.Robots[i], d.fact(i)
	room := d.plan.Spec.MaxUnavailable + d.plan.Spec.PullAhead
	switch {
	case d.s.State != StateRunning:
		d.wait(i, nil, "the rollout is %s", d.s.State)
		d.release(i)
	case rf.Held:
		d.enter(i, StepPulling, "pulls %s", d.plan.Image.ByDigest())
	case rf.Busy != "":
		d.wait(i, nil, "takes the robot's lease")
	case rp.Wave > d.count().openWave+1:
		d.wait(i, nil, "wave %d is not open yet", rp.Wave)
	case d.offlineTooLong(rf):
		d.enter(i, StepSkipped, "was offline for more than %v", time.Duration(d.plan.Spec.Deadlines.Wait))
	case rf.Known && rf.Robot.Quality == fleet.QualityOffline:
		d.wait(i, nil, "is offline since %s", rf.Robot.LastSeen.Format(time.RFC3339))
		d.wakeBy(rf.Robot.LastSeen.Add(time.Duration(d.plan.Spec.Deadlines.Wait) + time.Millisecond))
	case !d.count().room(rp.Wave, room):
		d.wait(i, nil, "as many robots as may be (%d) are in hand", room)
	default:
		d.lock(i)
	}
}

// offlineTooLong gives up a robot that never came back, so that one lost robot
// does not hold a rollout for ever.
func (d *decider) offlineTooLong(rf RobotFacts) bool {
	last := rf.Robot.LastSeen
	if rf.Known && rf.Robot.Quality != fleet.QualityOffline && rf.Robot.Quality != fleet.QualityUnseen {
		return false
	}
	if last.IsZero() || last.Before(d.facts.Since) {
		last = d.facts.Since
	}
	return d.now.Sub(last) > time.Duration(d.plan.Spec.Deadlines.Wait)
}

// lock asks for the robot's lease, unless another has it and was asked just now.
func (d *decider) lock(i int) {
	rf := d.fact(i)
	switch {
	case rf.Busy != "":
		d.wait(i, nil, "waits for %s to end", rf.Busy)
	case d.now.Before(rf.LockRetryAt):
		d.wait(i, nil, "the robot's lease is held by %s", cmp.Or(rf.LockedBy, "another manager"))
		d.wakeBy(rf.LockRetryAt)
	default:
		d.wait(i, nil, "takes the robot's lease")
		d.commands = append(d.commands, Command{Robot: i, Verb: VerbLock, Deadline: d.now.Add(lockTimeout)})
		d.locking[i] = true
		d.counted = nil
	}
}

const lockTimeout = 10 * time.Second

// release gives the lease back when nothing of the robot is in hand.
func (d *decider) release(i int) {
	if rf := d.fact(i); rf.Held && rf.Busy == "" {
		d.commands = append(d.commands, Command{Robot: i, Verb: VerbUnlock, Deadline: d.now.Add(lockTimeout)})
	}
}

// pulling makes the image present; the running container is not touched.
func (d *decider) pulling(i int) {
	rf, rs := d.fact(i), d.robot(i)
	res := rf.result(VerbPull)
	switch {
	case res != nil && res.Err == "":
		d.enter(i, StepWaiting, "the image is on the robot")
	case res != nil && res.Fatal:
		d.enter(i, StepFailed, "%s", res.Err)
	case d.s.State == StateStopping:
		d.abandon(i, "the rollout stopped before this robot was touched")
	case d.overdue(rs):
		d.abandonAs(i, StepFailed, "the image was not pulled in %v: %s", d.limit(rs.Step), cmp.Or(rs.Error, "no answer"))
	default:
		d.try(i, VerbPull, res)
	}
}

// waiting holds the robot until its wave is open, there is room and all gates
// pass. Nothing is ever forced: the deadline pauses the rollout.
func (d *decider) waiting(i int) {
	rp, rs, rf := d.plan.Robots[i], d.robot(i), d.fact(i)
	gates := d.plan.Spec.Before.gates(rf, d.now)
	held := ""
	switch {
	case d.s.State == StateStopping:
		d.abandon(i, "the rollout stopped before this robot was touched")
		return
	case d.s.State != StateRunning:
		held = "the rollout is " + string(d.s.State)
	case rp.Wave > d.count().openWave:
		held = "an earlier wave has not ended"
	case d.count().unavailable >= d.plan.Spec.MaxUnavailable:
		held = "as many robots as may be are being replaced"
	case !rf.Held:
		d.lock(i)
		return
	case worst(gates) == Pass:
		d.enter(i, StepReplacing, "all gates passed")
		return
	}
	d.poll()
	if held != "" { // not the gates' fault: their time has not begun
		d.wait(i, gates, "%s", held)
		if !rs.Deadline.IsZero() {
			rs.Deadline = time.Time{}
			d.put(i, rs)
		}
		return
	}
	d.wait(i, gates, "waits for its gates: %s", objections(gates))
	switch {
	case rs.Deadline.IsZero():
		rs.Deadline = d.now.Add(time.Duration(d.plan.Spec.Deadlines.Wait))
		d.put(i, rs)
	case d.now.After(rs.Deadline):
		d.pause("robot %s still waits for its gates: %s", rp.Robot, objections(gates))
	}
}

// replacing puts the new container in the old one's place.
func (d *decider) replacing(i int) {
	rf, rs := d.fact(i), d.robot(i)
	res := rf.result(VerbReplace)
	switch {
	case res != nil && res.Err == "":
		d.enter(i, StepVerifying, "the new container runs")
	case res != nil && res.Stale:
		d.enter(i, StepFailed, "%s", res.Err)
	case res != nil && res.Fatal:
		d.enter(i, StepRollingBack, "%s", res.Err)
	case d.unreachable(i):
	case d.overdue(rs):
		d.abandonAs(i, StepRollingBack, "not replaced in %v: %s", d.limit(rs.Step), cmp.Or(rs.Error, "no answer"))
	default:
		d.try(i, VerbReplace, res)
	}
}

// verifying asks that all gates pass for a whole window without a break. At
// the deadline a failed gate rolls back; mere ignorance asks a person.
func (d *decider) verifying(i int) {
	rp, rs, rf := d.plan.Robots[i], d.robot(i), d.fact(i)
	gates := d.plan.after(rp, rs, rf, d.facts, d.now)
	window := time.Duration(d.plan.Spec.After.Window)
	d.poll()
	verdict := worst(gates)
	if verdict == Pass {
		if rs.PassAt.Before(d.facts.Since) { // also when zero
			rs.PassAt = d.now
			d.put(i, rs)
		}
		if good := d.now.Sub(rs.PassAt); good < window {
			d.wait(i, gates, "all gates pass for %v of %v", good.Round(100*time.Millisecond), window)
			d.wakeBy(rs.PassAt.Add(window))
			return
		}
		d.enter(i, StepDone, "all gates passed for %v", window)
		return
	}
	if !rs.PassAt.IsZero() {
		rs.PassAt = time.Time{}
		d.put(i, rs)
	}
	d.wait(i, gates, "%s", objections(gates))
	switch {
	case verdict == GateError:
		d.enter(i, StepRollingBack, "%s", objections(gates))
	case !d.overdue(rs):
	case verdict == Fail:
		d.enter(i, StepRollingBack, "after %v: %s", d.limit(rs.Step), objections(gates))
	case d.s.State == StateStopping:
		d.enter(i, StepNeedsOperator, "can not be verified: %s", objections(gates))
	default:
		d.pause("robot %s can not be verified: %s", rp.Robot, objections(gates))
	}
}

// rollingBack puts the old container back. A rollback is never rolled back:
// what it cannot mend is a person's.
func (d *decider) rollingBack(i int) {
	rp, rf, rs := d.plan.Robots[i], d.fact(i), d.robot(i)
	res := rf.result(VerbRollback)
	if res != nil && res.Err == "" {
		rs.Acted = true
		d.put(i, rs)
	}
	switch {
	case rs.Acted && d.plan.restored(rp, rf):
		d.enter(i, StepRolledBack, "%s", rs.Reason)
	case res != nil && res.Fatal:
		d.enter(i, StepNeedsOperator, "%s; rolling back: %s", rs.Reason, res.Err)
	case d.unreachable(i):
	case d.overdue(rs):
		d.abandonAs(i, StepNeedsOperator, "%s; not rolled back in %v: %s",
			rs.Reason, d.limit(rs.Step), cmp.Or(rs.Error, "no answer"))
	case rs.Acted:
		d.wait(i, nil, "waits for the old container to run")
		d.poll()
	default:
		d.try(i, VerbRollback, res)
	}
}

// ended removes what a terminal robot left behind, then gives its lease back.
func (d *decider) ended(i int) {
	rf, rs := d.fact(i), d.robot(i)
	verb := VerbCommit
	if rs.Step == StepRolledBack {
		verb = VerbDiscard
	}
	if d.plan.Robots[i].Skip != "" || rs.Tidy {
		d.release(i)
		return
	}
	res := rf.result(verb)
	if res != nil && (res.Err == "" || res.Fatal) || d.overdue(rs) {
		rs.Tidy = true
		if res != nil && res.Err != "" {
			rs.Error = res.Err
		}
		d.put(i, rs)
		d.release(i)
		d.poll()
		return
	}
	d.try(i, verb, res)
}

// unreachable holds a robot in the middle of its step while its engine does
// not answer: no verb can help, and the step's time begins again afterwards. A
// person is told by the pause.
func (d *decider) unreachable(i int) bool {
	rp, rf, rs := d.plan.Robots[i], d.fact(i), d.robot(i)
	if rf.Engine.State == fleet.EngineUp || rf.Busy != "" {
		return false
	}
	d.wait(i, nil, "%s", engineGate(rf).Reason)
	d.poll()
	if d.overdue(rs) {
		d.pause("robot %s is %s: %s", rp.Robot, rs.Step, engineGate(rf).Reason)
		rs.Deadline = d.deadline(rs.Step)
		d.put(i, rs)
	}
	return true
}

// try carries a verb out, again after a failure with growing pauses.
func (d *decider) try(i int, v Verb, res *Result) {
	rf, rs := d.fact(i), d.robot(i)
	if res != nil && res.Err != "" {
		rs.Attempt++
		rs.RetryAt = d.now.Add(backoff(rs.Attempt))
		rs.Error = res.Err
		d.put(i, rs)
	}
	due := d.due(rs)
	d.wakeBy(due.Add(time.Millisecond))
	switch {
	case rf.Busy != "":
		d.wait(i, nil, "%s is under way", rf.Busy)
	case d.now.Before(rs.RetryAt):
		d.wait(i, nil, "tries again at %s: %s", rs.RetryAt.Format(time.TimeOnly), rs.Error)
		d.wakeBy(rs.RetryAt)
	case !rf.Held:
		d.lock(i)
	default:
		d.wait(i, nil, "%s is under way", v)
		d.commands = append(d.commands, Command{Robot: i, Verb: v, Deadline: due})
	}
}

// backoff is the pause after n failures: 0.5 s doubled each time, at most 30 s.
func backoff(n int) time.Duration {
	return min(500*time.Millisecond<<min(n-1, 10), 30*time.Second)
}

// abandon leaves a robot that was not touched.
func (d *decider) abandon(i int, why string) { d.abandonAs(i, StepSkipped, "%s", why) }

// abandonAs moves on although a verb may be in flight, which is cancelled.
func (d *decider) abandonAs(i int, s Step, format string, args ...any) {
	if d.fact(i).Busy != "" {
		d.cancel = append(d.cancel, d.plan.Robots[i].Robot)
		d.wait(i, nil, "waits for %s to end", d.fact(i).Busy)
		d.poll()
		return
	}
	d.enter(i, s, format, args...)
}

// result is the result of a verb, if it has just ended.
func (f RobotFacts) result(v Verb) *Result {
	if f.Result != nil && f.Result.Verb == v {
		return f.Result
	}
	return nil
}
