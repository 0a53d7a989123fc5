package rollout

import (
	"cmp"
	"maps"
	"slices"

	"github.com/muster-fleet/muster/internal/fleet"
)

// facts gathers what is known now of the robots that the decision may depend on.
func (w *termWork) facts(st *Stored) Facts {
	p := &st.Plan
	needed := Needed(p, &st.Status)
	w.mu.Lock()
	inHand := make(map[string]bool, len(w.robots))
	for robot := range w.robots {
		inHand[robot] = true
	}
	w.mu.Unlock()
	f := gather(w.Registry, p, func(i int) bool { return needed(i) || inHand[p.Robots[i].Robot] })
	f.Since, f.Set, f.DomainOK = w.since, w.set[p.ID], w.DomainOK()
	f.DownElsewhere, f.FleetLimit = downElsewhere(w.Registry, p.ID, w.inOrder(), w.holds, w.Now().UTC()), w.fleetLimit()
	claimed := claims(w.inOrder())
	w.mu.Lock()
	defer w.mu.Unlock()
	for robot, rf := range f.Robots {
		rf.Hold = w.holds[robot]
		if by := claimed[robot]; by != p.ID {
			rf.Claimed = by
		}
		if fl := w.robots[robot]; fl != nil {
			w.tellOf(fl, p.ID, &rf)
		}
		f.Robots[robot] = rf
	}
	return f
}

// tellOf adds what this term does with a robot for one rollout. While it still
// works on it for another, the robot is that one's.
func (w *termWork) tellOf(fl *inFlight, rollout string, rf *RobotFacts) {
	switch {
	case fl.rollout == rollout:
		fl.tell(rf)
	case (fl.lock != nil || fl.busy != "") && w.stored[fl.rollout] != nil:
		rf.Claimed = fl.rollout
	}
}

// tell adds what this term does with a robot to what is known of it.
func (fl *inFlight) tell(rf *RobotFacts) {
	rf.Held = fl.lock != nil && fl.leased.Err() == nil
	rf.Busy, rf.Result, rf.Progress = fl.busy, fl.result, fl.progress
	rf.Probes, rf.ProbedAt = fl.probes, fl.probedAt
	rf.LockedBy, rf.LockRetryAt = fl.owner, fl.retryAt
}

// tellProgress adds what this manager, if it is the runner, does with a robot
// for a rollout now: for people, not for decisions.
func (r *Runner) tellProgress(robot, rollout string, rf *RobotFacts) {
	w := r.working.Load()
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if fl := w.robots[robot]; fl != nil && fl.rollout == rollout {
		rf.Busy, rf.Progress = fl.busy, fl.progress
		rf.Probes, rf.ProbedAt = fl.probes, fl.probedAt // replaced, never changed
		rf.LockedBy, rf.LockRetryAt = fl.owner, fl.retryAt
	}
}

// taken forgets the results that a stored decision has taken in.
func (w *termWork) taken(p *Plan, f Facts) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, rp := range p.Robots {
		if fl := w.robots[rp.Robot]; fl != nil && fl.result != nil && fl.result == f.Robots[rp.Robot].Result {
			fl.result = nil
		}
	}
}

// gather reads the registry for the robots of a plan that are asked for.
func gather(reg *fleet.Registry, p *Plan, needed func(i int) bool) Facts {
	f := Facts{Robots: make(map[string]RobotFacts)}
	engines := make(map[string]fleet.Engine)
	for _, e := range reg.Engines() {
		engines[e.Name] = e
	}
	for i := range p.Robots {
		rp := &p.Robots[i]
		if needed(i) {
			robot, known := reg.Robot(rp.Robot)
			f.Robots[rp.Robot] = RobotFacts{Known: known, Robot: robot, Engine: engines[rp.Engine]}
		}
	}
	return f
}

// inOrder are the rollouts that have not ended, the oldest first: it has a robot
// before those that queue for it.
func (w *termWork) inOrder() []*Stored {
	return slices.SortedFunc(maps.Values(w.stored), byCreation)
}

func byCreation(a, b *Stored) int {
	return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.Plan.ID, b.Plan.ID))
}

// claims maps each robot to the rollout that has it: the one that has it in
// hand, else the oldest that is not through with it.
func claims(all []*Stored) map[string]string {
	m := make(map[string]string)
	for _, inHand := range []bool{true, false} {
		for _, st := range slices.SortedFunc(slices.Values(all), byCreation) {
			if st.Status.State.Terminal() {
				continue
			}
			for i := range st.Plan.Robots {
				rp := &st.Plan.Robots[i]
				rs := st.Status.Robot(rp.Robot)
				through := rp.Skip != "" || rs.Step.Terminal() && rs.Tidy
				if !through && m[rp.Robot] == "" && (!inHand || rs.Step != StepQueued) {
					m[rp.Robot] = st.Plan.ID
				}
			}
		}
	}
	return m
}
