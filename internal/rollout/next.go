package rollout

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Next decides what happens now. It is a pure function: the plan, how far it
// came, the operators' wishes, what is known of the world and the time give a
// new status, the verbs to carry out once that status is stored, and for each
// robot the reason why it is not further.
func Next(p Plan, s Status, wishes []Wish, f Facts, now time.Time) Decision {
	if s.State.Terminal() {
		return Decision{Status: s}
	}
	d := &decider{plan: &p, facts: f, now: now, s: s.clone(), why: make(map[string]Waiting), locking: make(map[int]bool)}
	d.moveClocks(f.Set) // what a wish notes is of the present clock
	for _, w := range wishes {
		d.takeWish(w)
	}
	d.mendClocks()
	// Robots in hand come first: a failure among them stops those that wait.
	d.each(func(s Step) bool { return s != StepQueued && s != StepWaiting }, d.advance)
	d.stopOnFailure()
	if d.plan.Spec.Soak > 0 {
		d.s.Proven = max(d.s.Proven, d.count().openWave)
	}
	d.each(func(s Step) bool { return s == StepWaiting }, d.waiting)
	d.each(func(s Step) bool { return s == StepQueued }, d.queued)
	d.finish()
	return Decision{
		Status: d.s, Commands: d.commands, Cancel: d.cancel, Refused: d.refused, WakeAt: d.wake, Why: d.why,
	}
}

// decider holds one call of Next.
type decider struct {
	plan  *Plan
	facts Facts
	now   time.Time

	s        Status
	commands []Command
	cancel   []string
	refused  []string
	wake     time.Time
	why      map[string]Waiting
	locking  map[int]bool   // robots whose lease is asked for in this decision
	counted  *tally         // nil after a change
	places   map[string]int // of the plan's robots, by id; nil until asked for
}

// each calls do for the robots that stand in a step when their turn comes,
// once for each.
func (d *decider) each(in func(Step) bool, do func(int)) {
	for i := range d.plan.Robots {
		if d.plan.Robots[i].Skip != "" || !in(d.step(i)) {
			continue
		}
		if _, looked := d.facts.Robots[d.plan.Robots[i].Robot]; looked {
			do(i)
		} else if d.robot(i).Step == StepQueued {
			d.wait(i, nil, "its wave is not open yet") // the next decision knows it, if this one opens it
		}
	}
}

// moveClocks moves the times of robots that are not through by as much as the
// clock was set: no step and no soak is shorter or longer for it.
func (d *decider) moveClocks(by time.Duration) {
	if by == 0 {
		return
	}
	for id, rs := range d.s.Robots {
		if rs.Tidy {
			continue
		}
		for _, t := range []*time.Time{
			&rs.Since, &rs.Deadline, &rs.RetryAt, &rs.PassAt, &rs.FailAt, &rs.Unsure, &rs.FailedAt, &rs.Lost, &rs.Begun,
		} {
			if !t.IsZero() {
				*t = t.Add(by)
			}
		}
		d.s.Robots[id] = rs
	}
}

// mendClocks puts times right that lie further ahead than they can: the clock
// was set back behind them.
func (d *decider) mendClocks() {
	ahead := func(t *time.Time, by time.Duration, instead time.Time) bool {
		if !t.After(d.now.Add(by)) {
			return false
		}
		*t = instead
		return true
	}
	for id, rs := range d.s.Robots {
		limit := d.limit(rs.Step)
		switch rs.Step {
		case StepQueued, StepWaiting:
			limit = time.Duration(d.plan.Spec.Deadlines.Wait)
		case StepDone, StepFailed, StepSkipped:
			limit = tidyFor
		default:
		}
		mended := ahead(&rs.Since, 0, d.now)
		mended = ahead(&rs.Begun, 0, d.now) || mended
		mended = ahead(&rs.Lost, 0, d.now) || mended
		mended = ahead(&rs.Unsure, 0, d.now) || mended
		mended = ahead(&rs.FailedAt, 0, d.now) || mended
		mended = ahead(&rs.PassAt, 0, time.Time{}) || mended
		mended = ahead(&rs.FailAt, 0, time.Time{}) || mended
		mended = ahead(&rs.RetryAt, maxBackoff, time.Time{}) || mended
		mended = ahead(&rs.Deadline, limit, d.now.Add(limit)) || mended
		if mended {
			d.s.Robots[id] = rs
		}
	}
}

// renewDeadlines gives robots whose deadline led to the pause their time again,
// and takes those that fail while they soak as a person has seen them.
func (d *decider) renewDeadlines(w Wish) {
	for id, rs := range d.s.Robots {
		if rs.Step == StepDone && !rs.FailAt.IsZero() {
			rs.Excused = w.because()
		}
		for _, since := range []*time.Time{&rs.Unsure, &rs.FailAt} {
			if !since.IsZero() {
				*since = d.now
				d.s.Robots[id] = rs
			}
		}
		if !rs.Step.Terminal() {
			rs.Deadline = d.deadline(rs.Step)
			if !rs.Lost.IsZero() {
				rs.Lost = d.now
			}
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

// finish ends the rollout: once no robot is in hand, none is to be rolled back
// and the last wave has soaked, what is no longer needed is removed, and then
// it is over.
func (d *decider) finish() {
	e := d.census()
	switch {
	case e.inHand, e.open > 0 && d.s.State != StateStopping, d.unanswered():
		return
	case !d.s.Closing:
		d.s.Closing = true
		d.each(func(s Step) bool { return s == StepDone }, d.ended)
		d.poll()
		return
	case e.untidy:
		return
	case d.s.State == StateStopping:
		// Why it stopped was written while a rollback could still succeed.
		d.setState(d.s.Ending, cmp.Or(e.helpless, d.s.Reason))
	default:
		d.setState(StateCompleted, d.outcome(e))
	}
	d.s.EndedAt = d.now
}

// outcome is what a rollout that was carried through has come to, in words.
func (d *decider) outcome(e census) string {
	what := "run " + shortDigest(d.plan.Image.Digest)
	if d.plan.Undoes != "" {
		what = "run what they ran before rollout " + d.plan.Undoes
	}
	text := fmt.Sprintf("%d robots %s", e.took, what)
	if e.took == 1 {
		text = "1 robot " + strings.Replace(what, "run ", "runs ", 1)
	}
	if e.took == 0 {
		text = "no robot was changed"
	}
	var rest []string
	if e.undone > 0 {
		rest = append(rest, fmt.Sprintf("%d rolled back", e.undone))
	}
	if e.failures > 0 {
		rest = append(rest, fmt.Sprintf("%d failed", e.failures))
	}
	if e.skipped > 0 {
		why := fmt.Sprintf("%d skipped", e.skipped)
		if e.took == 0 {
			why += " (" + e.firstSkip + ")"
		}
		rest = append(rest, why)
	}
	switch {
	case len(rest) == 0:
		return text
	case e.took == 0:
		return text + ": " + strings.Join(rest, ", ")
	default:
		return text + ", " + strings.Join(rest, ", ")
	}
}

// census is how the robots stand when a rollout may end.
type census struct {
	open           int // robots that were not begun
	took, failures int
	undone         int // robots that were rolled back by decision
	skipped        int
	firstSkip      string // the first of those, and why
	inHand         bool   // a robot is in the middle of a step
	untidy         bool   // a robot has something left to remove
	helpless       string // the first robot that needs an operator
}

func (d *decider) census() census {
	var e census
	for i, rp := range d.plan.Robots {
		if rp.Skip != "" {
			e.skip(rp.Robot, rp.Skip)
			continue
		}
		rf, rs := d.fact(i), d.robot(i)
		e.inHand = e.inHand || rs.Step != StepQueued && !rs.Step.Terminal() ||
			!d.s.Closing && (rf.Held || rf.Busy != "" || rs.Step == StepDone && (d.undoes(i) || d.soaking(i)) ||
				rs.Step == StepRolledBack && !rs.Tidy || rs.Step == StepNeedsOperator && rs.Undo)
		switch {
		case rs.Step == StepQueued:
			e.open++
		case rs.Step == StepDone:
			e.took++
		case rs.Step == StepRolledBack && rs.Undo:
			e.undone++
		case rs.Step.Bad():
			e.failures++
		case rs.Step == StepSkipped:
			e.skip(rp.Robot, rs.Reason)
		}
		e.untidy = e.untidy || rs.Step != StepQueued && !rs.Tidy || rf.Held || rf.Busy != ""
		if rs.Step == StepNeedsOperator && e.helpless == "" {
			e.helpless = fmt.Sprintf("robot %s needs an operator: %s", rp.Robot, rs.Reason)
		}
	}
	return e
}

func (e *census) skip(robot, why string) {
	if e.skipped++; e.skipped == 1 {
		e.firstSkip = robot + ": " + why
	}
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
	old := d.robot(i)
	rs := RobotStatus{
		Step: s, Since: d.now, Deadline: d.deadline(s), Reason: fmt.Sprintf(format, args...),
		Override: old.Override, Overridden: old.Overridden, Begun: old.Begun, Was: old.Was,
		Undo: old.Undo && (s == StepRollingBack || s == StepRolledBack),
	}
	if s.Bad() || s == StepRollingBack {
		if rs.FailedAt = old.FailedAt; rs.FailedAt.IsZero() {
			rs.FailedAt = d.now
		}
	}
	if !s.Terminal() && !s.Down() { // a person's wish holds until the robot is touched
		rs.Skip = old.Skip
	}
	if s == StepReplacing {
		rs.Begun = d.now
	}
	rs.Tidy = s == StepNeedsOperator || (s == StepFailed || s == StepSkipped) && rs.Begun.IsZero()
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
	// StepWaiting sets its own once only its gates hold it, StepDone once the
	// rollout closes.
	return time.Time{}
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
	case StepRolledBack:
		return tidyFor
	default:
		return 0
	}
}

// due is a robot's deadline. A runner that has just begun to watch allows the
// whole step again: time in which no manager ran must not roll a robot back.
func (d *decider) due(rs RobotStatus) time.Time {
	limit := d.limit(rs.Step)
	if rs.Step.Terminal() {
		limit = tidyFor
	}
	if fresh := d.facts.Since.Add(limit); fresh.After(rs.Deadline) {
		return fresh
	}
	return rs.Deadline
}

func (d *decider) overdue(rs RobotStatus) bool { return d.now.After(d.due(rs)) }
