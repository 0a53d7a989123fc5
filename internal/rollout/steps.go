package rollout

import (
	"cmp"
	"fmt"
	"slices"
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
	rp, rf := &d.plan.Robots[i], d.fact(i)
	room := d.mostInHand()
	switch {
	case d.s.State != StateRunning:
		d.wait(i, nil, "the rollout is %s", d.s.State)
		d.release(i)
	case d.robot(i).Skip != "":
		d.abandon(i, d.robot(i).Skip)
	case rp.Wave > d.count().openWave+1:
		d.wait(i, nil, "wave %d is not open yet", rp.Wave)
	case rf.Claimed != "":
		d.wait(i, nil, "rollout %s is not through with this robot", rf.Claimed)
		d.release(i)
	case rf.Held && d.successorRuns(i):
		if full := d.noRoom(i, false); full != "" {
			d.wait(i, nil, "runs the new container and is to be verified; %s", full)
			return
		}
		d.enter(i, StepVerifying, "the new container runs already")
	case rf.Held:
		d.enter(i, StepPulling, "pulls %s", d.plan.image(i).ByDigest())
	case rf.Busy != "":
		d.wait(i, nil, "takes the robot's lease")
	case d.runsAlready(i) && !d.successorRuns(i):
		d.enter(i, StepSkipped, "already runs %s", d.plan.image(i).Digest)
	case d.away(i):
	case !d.lies(i) && !d.count().room(rp.Wave, room): // those in hand may wait for one that lies
		d.wait(i, nil, "as many robots as may be (%d) are in hand", room)
	default:
		d.lock(i)
	}
}

// runsAlready reports whether another rollout brought the image meanwhile.
func (d *decider) runsAlready(i int) bool {
	rp := &d.plan.Robots[i]
	return slices.ContainsFunc(d.fact(i).Robot.Containers, func(c fleet.Container) bool {
		return c.Name == rp.Container && c.Image.Digest == d.plan.image(i).Digest && c.Running()
	})
}

// successorRuns reports whether this rollout's own container runs: it is tried
// again, and still to be verified.
func (d *decider) successorRuns(i int) bool {
	c := d.plan.successor(i, d.fact(i))
	return c != nil && c.Running()
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
	case rs.Skip != "": // also when it has succeeded meanwhile
		d.abandon(i, rs.Skip)
	case res != nil && res.Err == "":
		d.enter(i, StepWaiting, "the image is on the robot")
	case res != nil && res.Fatal:
		d.enter(i, StepFailed, "%s", res.Err)
	case d.s.State == StateStopping:
		d.abandon(i, "the rollout stopped before this robot was touched")
	case rf.Busy == VerbPull && rf.Progress.Waits != "": // its time has not begun
		d.wait(i, nil, "%s", rf.Progress.Waits)
		d.poll()
		if !rs.Deadline.IsZero() {
			rs.Deadline = time.Time{}
			d.put(i, rs)
		}
	case rs.Deadline.IsZero():
		rs.Deadline = d.deadline(rs.Step)
		d.put(i, rs)
		d.try(i, VerbPull, res)
		if rf.Busy == "" {
			d.wait(i, nil, "waits for its turn to pull")
		}
	case d.overdue(rs):
		d.abandonAs(i, StepFailed, "the image was not pulled in %v: %s", d.limit(rs.Step), cmp.Or(rs.Error, "no answer"))
	default:
		d.try(i, VerbPull, res)
		if p := rf.Progress; rf.Busy == VerbPull && p.Total > 0 {
			d.wait(i, nil, "pulled %s of %s", bytesText(p.Done), bytesText(p.Total))
		}
	}
}

// waiting holds the robot until its wave is open, there is room and all gates
// pass. Nothing is ever forced: the deadline pauses the rollout.
func (d *decider) waiting(i int) {
	rp, rs, rf := &d.plan.Robots[i], d.robot(i), d.fact(i)
	if d.s.State == StateStopping {
		d.abandon(i, "the rollout stopped before this robot was touched")
		return
	}
	if rs.Skip != "" {
		d.abandon(i, rs.Skip)
		return
	}
	if d.plan.midway(i, rf) && !rs.Begun.IsZero() {
		// Turned back by mistake: its container was out of its place already.
		d.enter(i, StepReplacing, "its container is out of its place already")
		return
	}
	gates := d.before(i)
	held := d.heldUp(i)
	switch {
	case held != "":
	case !rf.Held:
		d.lock(i)
		return
	case worst(gates) == Pass:
		d.learn(i)
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

// heldUp is what holds a robot up that is not a matter of its own gates, "" when
// its turn has come.
func (d *decider) heldUp(i int) string {
	rp, spec := &d.plan.Robots[i], &d.plan.Spec
	switch shut := d.shut(i); {
	case d.s.State == StateRunning && rp.Wave > d.count().openWave:
		return "an earlier wave has not ended"
	case shut != "":
		return shut
	case rp.Wave > 0 && d.unproven():
		d.pause("no robot of the canary wave took the image; resume to go on without that proof")
		return "no robot of the canary wave took the image"
	case spec.Before.WavePulled && d.count().notPulled[rp.Wave] > 0:
		return "the image is not on all robots of the wave yet"
	}
	full := d.noRoom(i, false)
	if full != "" && d.onlyHelpless(i) {
		d.pause("no robot may be touched before those that need an operator are put right")
	}
	return full
}

// unproven reports whether the canary wave has come to nothing, as when its
// robots were left out, and nobody has said to go on all the same.
func (d *decider) unproven() bool {
	if d.s.Unproven {
		return false
	}
	for i, rp := range d.plan.Robots {
		if rp.Skip == "" && rp.Wave == 0 && d.step(i) != StepSkipped {
			return false
		}
	}
	return true
}

// replacing puts the new container in the old one's place.
func (d *decider) replacing(i int) {
	rf, rs := d.fact(i), d.reached(i)
	res := rf.result(VerbReplace)
	switch {
	case res != nil && res.Stale:
		d.enter(i, StepFailed, "%s", res.Err)
	case d.givesUp(i):
	case d.undoes(i): // also when it has succeeded meanwhile
		d.abandonAs(i, StepRollingBack, "%s", d.undoReason(rs))
	case res != nil && res.Err == "":
		d.enter(i, StepVerifying, "the new container runs")
	case res != nil && res.NotNow:
		d.enter(i, StepWaiting, "nothing was touched: %s", res.Err)
	case res != nil && res.Fatal:
		d.failed(i, "%s", res.Err)
	case d.unreachable(i):
	case d.s.State == StatePaused && d.plan.Spec.OnFailure == PauseOnly && rs.Attempt > 0:
		d.wait(i, nil, "%s", rs.Error)
	case d.overdue(rs):
		d.failed(i, "not replaced in %v: %s", d.limit(rs.Step), cmp.Or(rs.Error, "no answer"))
	case res == nil && d.turnsBack(i):
	default:
		d.try(i, VerbReplace, res)
	}
}

// failed answers a robot's failure as the spec has it: it is rolled back, or a
// person is asked. A rollout that stops can not be paused: then it is left to
// that person.
func (d *decider) failed(i int, format string, args ...any) {
	switch {
	case d.plan.Spec.OnFailure != PauseOnly:
		d.abandonAs(i, StepRollingBack, format, args...)
		return
	case d.s.State == StateStopping:
		d.abandonAs(i, StepNeedsOperator, "left as it is: "+format, args...)
		return
	}
	rp, rs := &d.plan.Robots[i], d.robot(i)
	rs.Error = sprint(format, args)
	rs.Attempt++
	rs.Deadline = d.deadline(rs.Step)
	d.put(i, rs)
	d.wait(i, nil, "%s", rs.Error)
	d.pause("robot %s failed and was left as it is: %s", rp.Robot, rs.Error)
}

// verifying asks that all gates pass for a whole window without a break. At
// the deadline a failed gate rolls back; mere ignorance asks a person.
func (d *decider) verifying(i int) {
	rp, rs := &d.plan.Robots[i], d.reached(i)
	switch {
	case d.givesUp(i):
		return
	case d.undoes(i):
		d.abandonAs(i, StepRollingBack, "%s", d.undoReason(rs))
		return
	}
	rs = d.lost(i)
	d.probe(i)
	gates := d.after(i)
	window := time.Duration(OrZero(d.plan.Spec.After.Window))
	d.poll()
	verdict := d.verdict(i, gates)
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
		if at := slices.IndexFunc(gates, func(g Gate) bool { return g.counting }); at >= 0 {
			d.wait(i, gates, "%s: %s", gates[at].Name, gates[at].Reason)
			return
		}
		passed := "all gates passed"
		if window > 0 {
			passed += fmt.Sprintf(" for %v", window)
		}
		d.enter(i, StepDone, "%s", passed)
		return
	}
	if !rs.PassAt.IsZero() {
		rs.PassAt = time.Time{}
		d.put(i, rs)
	}
	d.wait(i, gates, "%s", objections(gates))
	switch {
	case d.s.State == StatePaused && d.plan.Spec.OnFailure == PauseOnly: // a person is asked
	case verdict == GateError:
		d.failed(i, "%s", objections(gates))
	case !d.overdue(rs):
	case verdict == Fail:
		d.failed(i, "after %v: %s", d.limit(rs.Step), objections(gates))
	case d.s.State == StateStopping:
		d.enter(i, StepNeedsOperator, "can not be verified: %s", objections(gates))
	default:
		d.pause("robot %s can not be verified: %s", rp.Robot, objections(gates))
	}
}

// probeEvery is how often the spec's checks are asked while a robot is verified.
const probeEvery = 2 * time.Second

// probe asks the spec's checks again when their answers are old.
func (d *decider) probe(i int) {
	rf := d.fact(i)
	if len(d.plan.Spec.After.Checks) == 0 || rf.Busy != "" || d.now.Sub(rf.ProbedAt) < probeEvery {
		return
	}
	if !rf.Held {
		d.lock(i)
		return
	}
	d.commands = append(d.commands, Command{Robot: i, Verb: VerbProbe, Deadline: d.now.Add(probeTimeout)})
}

// probeTimeout bounds all checks of a robot together.
const probeTimeout = time.Minute

// rollingBack puts the old container back. A rollback is never rolled back:
// what it cannot mend is a person's.
func (d *decider) rollingBack(i int) {
	rf, rs := d.fact(i), d.reached(i)
	res := rf.result(VerbRollback)
	if res != nil && res.Err == "" {
		rs.Acted = true
		d.put(i, rs)
	}
	switch {
	case d.givesUp(i):
	case rs.Acted && d.plan.restored(d.plan.Robots[i], rs, rf):
		d.enter(i, StepRolledBack, "%s", rs.Reason)
	case res != nil && res.Fatal:
		d.enter(i, StepNeedsOperator, "%s; rolling back: %s", rs.Reason, res.Err)
	case d.unreachable(i):
	case d.overdue(rs):
		d.abandonAs(i, StepNeedsOperator, "%s; not rolled back in %v: %s",
			rs.Reason, d.limit(rs.Step), cmp.Or(rs.Error, "no answer"))
	case rs.Acted:
		d.wait(i, nil, "waits for the old container to be as it was")
		d.poll()
	default:
		d.try(i, VerbRollback, res)
	}
}
