package rollout

import (
	"cmp"
	"fmt"
	"time"
)

// Next decides what happens now. It is a pure function: the plan, how far it
// came, the operators' newest wish, what is known of the world and the time
// give a new status, the verbs to carry out once that status is stored, and
// for each robot the reason why it is not further.
func Next(p Plan, s Status, w Wish, f Facts, now time.Time) Decision {
	if s.State.Terminal() {
		return Decision{Status: s}
	}
	d := &decider{plan: &p, facts: f, now: now, s: s.clone(), why: make(map[string]Waiting), locking: make(map[int]bool)}
	d.takeWish(w)
	// Robots in hand come first: a failure among them stops those that wait.
	d.each(func(s Step) bool { return s != StepQueued && s != StepWaiting }, d.advance)
	d.stopOnFailure()
	d.each(func(s Step) bool { return s == StepWaiting }, d.waiting)
	d.each(func(s Step) bool { return s == StepQueued }, d.queued)
	d.finish()
	return Decision{Status: d.s, Commands: d.commands, Cancel: d.cancel, WakeAt: d.wake, Why: d.why}
}

// decider holds one call of Next.
type decider struct {
	plan  *Plan
	facts Facts
	now   time.Time

	s        Status
	commands []Command
	cancel   []string
	wake     time.Time
	why      map[string]Waiting
	locking  map[int]bool // robots whose lease is asked for in this decision
	counted  *tally       // nil after a change
}

// each calls do for the robots that stand in a step when their turn comes,
// once for each.
func (d *decider) each(in func(Step) bool, do func(int)) {
	for i := range d.plan.Robots {
		if in(d.step(i)) {
			do(i)
		}
	}
}

// takeWish folds the operators' newest wish into the state, once.
func (d *decider) takeWish(w Wish) {
	if w.Seq <= d.s.Wish {
		return
	}
	d.s.Wish = w.Seq
	because := w.By
	if w.Reason != "" {
		because += ": " + w.Reason
	}
	switch {
	case w.Action == ActionPause && d.s.State == StateRunning:
		d.setState(StatePaused, "paused by "+because)
	case w.Action == ActionResume && d.s.State == StatePaused:
		d.setState(StateRunning, "resumed by "+because)
		d.renewDeadlines()
	case w.Action == ActionAbort && d.s.State != StateStopping:
		d.stop(StateAborted, "aborted by "+because)
	}
}

// renewDeadlines gives robots whose deadline led to the pause their time again.
func (d *decider) renewDeadlines() {
	for id, rs := range d.s.Robots {
		if !rs.Step.Terminal() {
			rs.Deadline = d.deadline(rs.Step)
			d.s.Robots[id] = rs
		}
	}
}

func (d *decider) setState(s State, reason string) { d.s.State, d.s.Reason = s, reason }

func (d *decider) stop(ending State, reason string) {
	d.setState(StateStopping, reason)
	d.s.Ending = ending
}

// pause asks a person; only a running rollout can be paused.
func (d *decider) pause(format string, args ...any) {
	if d.s.State == StateRunning {
		d.setState(StatePaused, fmt.Sprintf(format, args...))
	}
}

// stopOnFailure ends a rollout with more failures than allowed. A canary that
// fails ends it always: that is what canaries are for.
func (d *decider) stopOnFailure() {
	if d.s.State == StateStopping {
		return
	}
	failures, first, canary := 0, "", false
	for i, rp := range d.plan.Robots {
		rs, took := d.s.Robots[rp.Robot]
		if !took || !rs.Step.Bad() && rs.Step != StepRollingBack {
			continue
		}
		failures++
		if first == "" {
			first = fmt.Sprintf("robot %s %s: %s", rp.Robot, phrase(rs.Step), rs.Reason)
		}
		canary = canary || (d.plan.Robots[i].Wave == 0 && d.plan.Spec.Canary > 0)
	}
	switch {
	case failures > d.plan.Spec.MaxFailures:
		d.stop(StateFailed, first)
	case canary:
		d.stop(StateFailed, "canary: "+first)
	}
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

// finish ends the rollout once nothing is in hand.
func (d *decider) finish() {
	open, took, failures, helpless := 0, 0, 0, ""
	for i, rp := range d.plan.Robots {
		if rp.Skip != "" {
			continue
		}
		rf, rs := d.fact(i), d.robot(i)
		if rs.Step == StepQueued {
			open++
		}
		if rs.Step != StepQueued && !rs.Tidy || rf.Held || rf.Busy != "" {
			return // in hand
		}
		if rs.Step == StepDone {
			took++
		}
		if rs.Step.Bad() {
			failures++
		}
		if rs.Step == StepNeedsOperator && helpless == "" {
			helpless = fmt.Sprintf("robot %s needs an operator: %s", rp.Robot, rs.Reason)
		}
	}
	switch {
	case d.s.State == StateStopping:
		// Why it stopped was written while a rollback could still succeed.
		d.setState(d.s.Ending, cmp.Or(helpless, d.s.Reason))
	case open > 0:
		return
	default:
		reason := fmt.Sprintf("%d robots run %s", took, shortDigest(d.plan.Image.Digest))
		if failures > 0 {
			reason += fmt.Sprintf(", %d failed", failures)
		}
		d.setState(StateCompleted, reason)
	}
	d.s.EndedAt = d.now
}

// tally is what the limits need to know of all robots together.
type tally struct {
	openWave    int   // the first wave with a robot that has not ended
	unavailable int   // robots that may be without their container, those left for an operator included
	busy        []int // by wave: robots between their lease and their end that nothing holds up
	atGates     int   // robots that wait for their own gates
}

// maxAtGates bounds the robots that wait for their gates with a lease in hand:
// those that drive about must not keep others from their turn.
const maxAtGates = 32

// count returns the tally, anew after each change.
func (d *decider) count() tally {
	if d.counted != nil {
		return *d.counted
	}
	t := tally{openWave: d.plan.Waves, busy: make([]int, d.plan.Waves)}
	for i, rp := range d.plan.Robots {
		rf, step := d.fact(i), d.step(i)
		if step.Terminal() {
			if step == StepNeedsOperator {
				t.unavailable++
			}
			continue
		}
		t.openWave = min(t.openWave, rp.Wave)
		if step.Down() {
			t.unavailable++
		}
		switch {
		case step == StepWaiting && worst(d.plan.Spec.Before.gates(rf, d.now)) != Pass:
			t.atGates++
		case step != StepQueued || rf.Held || rf.Busy == VerbLock || d.locking[i]:
			t.busy[rp.Wave]++
		}
	}
	d.counted = &t
	return t
}

// room reports whether another robot of the wave may be taken in hand. Robots
// of later waves, which only pull ahead, never take the room of an earlier one.
func (t tally) room(wave, limit int) bool {
	n := 0
	for _, busy := range t.busy[:wave+1] {
		n += busy
	}
	return n < limit && t.atGates < maxAtGates
}

// wakeBy asks for a decision at t or before.
func (d *decider) wakeBy(t time.Time) {
	if !t.IsZero() && (d.wake.IsZero() || t.Before(d.wake)) {
		d.wake = t
	}
}

// poll asks for a decision soon, for facts that change without an event.
func (d *decider) poll() { d.wakeBy(d.now.Add(pollEvery)) }

const pollEvery = 500 * time.Millisecond

func (d *decider) wait(i int, gates []Gate, format string, args ...any) {
	d.why[d.plan.Robots[i].Robot] = Waiting{Text: fmt.Sprintf(format, args...), Gates: gates}
}

func (d *decider) fact(i int) RobotFacts { return d.facts.Robots[d.plan.Robots[i].Robot] }

func (d *decider) robot(i int) RobotStatus { return d.s.Robot(d.plan.Robots[i].Robot) }

func (d *decider) put(i int, rs RobotStatus) {
	d.s.Robots[d.plan.Robots[i].Robot] = rs
	d.counted = nil
}

// step is where robot i stands; one that the plan skips is terminal.
func (d *decider) step(i int) Step {
	if d.plan.Robots[i].Skip != "" {
		return StepSkipped
	}
	return d.robot(i).Step
}

// enter moves robot i to a step.
func (d *decider) enter(i int, s Step, format string, args ...any) {
	rs := RobotStatus{Step: s, Since: d.now, Deadline: d.deadline(s), Reason: fmt.Sprintf(format, args...)}
	rs.Tidy = s == StepFailed || s == StepSkipped || s == StepNeedsOperator
	d.put(i, rs)
	d.wakeBy(rs.Deadline)
	d.poll()
}

// tidyFor bounds how long a terminal robot's leftovers are tried to remove.
const tidyFor = 10 * time.Minute

func (d *decider) deadline(s Step) time.Time {
	if limit := d.limit(s); limit > 0 {
		return d.now.Add(limit)
	}
	return time.Time{} // StepWaiting sets its own once only its gates hold it
}

// limit is how long a step may take; 0 where that is not limited from its
// beginning.
func (d *decider) limit(s Step) time.Duration {
	limits := d.plan.Spec.Deadlines
	switch s {
	case StepPulling:
		return time.Duration(limits.Pull)
	case StepReplacing:
		return time.Duration(limits.Replace)
	case StepVerifying:
		return time.Duration(limits.Verify)
	case StepRollingBack:
		return time.Duration(limits.Rollback)
	case StepDone, StepRolledBack:
		return tidyFor
	default:
		return 0
	}
}

// due is a robot's deadline. A runner that has just begun to watch allows the
// whole step again: time in which no manager ran must not roll a robot back.
func (d *decider) due(rs RobotStatus) time.Time {
	if fresh := d.facts.Since.Add(d.limit(rs.Step)); fresh.After(rs.Deadline) {
		return fresh
	}
	return rs.Deadline
}

func (d *decider) overdue(rs RobotStatus) bool { return d.now.After(d.due(rs)) }
