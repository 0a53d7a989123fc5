package rollout

import (
	"fmt"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// unreachable holds a robot in the middle of its step while its engine does
// not answer: no verb can help, and the step's time begins again afterwards. A
// person is told by the pause.
func (d *decider) unreachable(i int) bool {
	rp, rf := &d.plan.Robots[i], d.fact(i)
	if rf.Engine.State == fleet.EngineUp || rf.Busy != "" {
		return false
	}
	rs := d.lost(i)
	d.wait(i, nil, "%s", engineGate(rf).Reason)
	d.poll()
	if d.now.Sub(later(rs.Lost, d.facts.Since)) > d.limit(rs.Step) {
		d.pause("robot %s is %s: %s", rp.Robot, rs.Step, engineGate(rf).Reason)
	}
	return true
}

// lost notes since when the robot's engine does not answer.
func (d *decider) lost(i int) RobotStatus {
	rs := d.robot(i)
	if rs.Lost.IsZero() && d.fact(i).Engine.State != fleet.EngineUp {
		rs.Lost = d.now
		d.put(i, rs)
	}
	return rs
}

// givesUp leaves a robot to an operator when a person has given it up, whose
// engine does not answer in the middle of a step.
func (d *decider) givesUp(i int) bool {
	rs := d.robot(i)
	if rs.Skip == "" {
		return false
	}
	d.abandonAs(i, StepNeedsOperator, "given up while it was %s: %s", rs.Step, rs.Skip)
	return true
}

// reached begins a step's time again when the robot's engine answers again.
func (d *decider) reached(i int) RobotStatus {
	rs := d.robot(i)
	if !rs.Lost.IsZero() && d.fact(i).Engine.State == fleet.EngineUp {
		rs.Lost, rs.Deadline = time.Time{}, d.deadline(rs.Step)
		d.put(i, rs)
	}
	return rs
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
	return min(500*time.Millisecond<<min(n-1, 10), maxBackoff)
}

const maxBackoff = 30 * time.Second

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

func sprint(format string, args []any) string { return fmt.Sprintf(format, args...) }
