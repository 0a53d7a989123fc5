package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// unready says why robot i may not be touched now, "" when it may. The limits
// are no part of it: a robot that is asked about has its room already.
func (d *decider) unready(i int) string {
	if shut := d.shut(i); shut != "" {
		return shut
	}
	if gates := d.before(i); worst(gates) != Pass {
		return objections(gates)
	}
	return ""
}

// shut says why no robot of robot i's wave may be touched now.
func (d *decider) shut(i int) string {
	rp, spec := &d.plan.Robots[i], &d.plan.Spec
	switch {
	case d.s.State != StateRunning:
		return "the rollout is " + string(d.s.State)
	case d.s.wantsApproval(d.plan, rp.Wave):
		return d.approvalWanted()
	case len(spec.Before.Windows) == 0:
		return ""
	}
	g, next := spec.Before.windowGate(d.now)
	d.wakeBy(next)
	if g.Outcome != Pass {
		return "outside of the maintenance window, which " + g.Reason
	}
	return ""
}

func (d *decider) approvalWanted() string {
	who := "a person who is " + d.plan.Spec.Approval.least()
	if d.plan.Spec.Approval.OtherPerson {
		who += ", other than " + d.plan.CreatedBy
	}
	return "the wave waits for the approval of " + who
}

// turnsBack returns a robot to its wait when it may not be touched any more and
// nothing was: the engine did not answer meanwhile, or no manager was there. It
// reports whether the robot is not to be replaced now.
func (d *decider) turnsBack(i int) bool {
	rf, rs := d.fact(i), d.robot(i)
	if rf.Busy != "" || d.plan.midway(i, rf) {
		return false
	}
	why := d.unready(i)
	if why == "" {
		return false
	}
	// The list of containers may not show yet what was done last.
	sure := later(d.facts.Since, rs.RetryAt).Add(settle)
	if d.now.Before(sure) {
		d.wait(i, nil, "looks whether it may still be touched: %s", why)
		d.wakeBy(sure)
		return true
	}
	d.enter(i, StepWaiting, "nothing was touched: %s", why)
	return true
}

// midway reports whether a robot's old container is out of its place, or its
// new one in it: then it is better to go on than to wait.
func (p *Plan) midway(i int, f RobotFacts) bool {
	return p.successor(i, f) != nil || f.inPlace(p.Robots[i].Container) == nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Ready says why robot i, which is being replaced, may not be touched any more;
// "" when it may. Verbs ask it last, just before there is no way back.
func Ready(p Plan, s Status, f Facts, i int, now time.Time) string {
	d := &decider{plan: &p, facts: f, now: now, s: s}
	switch step := d.step(i); step {
	case StepReplacing:
		return d.unready(i)
	default:
		return fmt.Sprintf("the robot is %s", step)
	}
}

// ready asks once more whether a robot may be touched, by what the store and the
// fleet say at this moment: what an operator was told is locked or paused must
// not be touched afterwards. It is called by the goroutine of a verb.
func (w *termWork) ready(ctx context.Context, p *Plan, i int, since time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	st, err := w.Store.Load(ctx, p.ID)
	if err != nil {
		return fmt.Errorf("%w: %w", err, ErrNotNow)
	}
	if len(st.Wishes) > 0 {
		return fmt.Errorf("a person's wish comes first: %w", ErrNotNow)
	}
	holds, err := w.Store.Holds(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", err, ErrNotNow)
	}
	robot := p.Robots[i].Robot
	f := gather(w.Registry, p, func(j int) bool { return j == i })
	f.Since, f.DomainOK = since, w.DomainOK()
	rf := f.Robots[robot]
	if n := slices.IndexFunc(holds, func(h Hold) bool { return h.Robot == robot }); n >= 0 {
		rf.Hold = &holds[n]
	}
	f.Robots[robot] = rf
	if why := Ready(*p, st.Status, f, i, w.Now().UTC()); why != "" {
		return fmt.Errorf("%s: %w", why, ErrNotNow)
	}
	return nil
}
