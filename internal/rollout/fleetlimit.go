package rollout

import "fmt"

// fleetLimit is how many robots of those that are known now may be down at one time,
// 0 when there is no such limit.
func (r *Runner) fleetLimit() int {
	if r.MaxUnavailable.isZero() {
		return 0
	}
	return r.MaxUnavailable.atLeastOne(r.Registry.Size())
}

// fleetFull says that the whole fleet has no room for robot i to go down, "" when it
// has: all rollouts together have as many down as may be. Each robot counts once,
// whoever has it down, and robot i takes no room that it takes already. A rollback
// does not wait for robots that are left for an operator.
func (d *decider) fleetFull(i int, rollback bool) string {
	limit := d.facts.FleetLimit
	if limit == 0 {
		return ""
	}
	t := d.count()
	own := t.down
	if d.lies(i) {
		own--
	}
	if !rollback {
		own += t.helpless
	}
	counts := func(j int) bool { return d.isDown(j) || !rollback && d.step(j) == StepNeedsOperator }
	seen := make(map[string]bool)
	others, who := d.elsewhere(rollback, func(o Elsewhere) bool {
		j := d.index(o.Robot)
		again := seen[o.Robot] || j >= 0 && (j == i || counts(j))
		seen[o.Robot] = true
		return !again
	})
	if own+others < limit {
		return ""
	}
	for j := 0; who == "" && j < len(d.plan.Robots); j++ {
		if j != i && counts(j) {
			who = ", robot " + d.plan.Robots[j].Robot
		}
	}
	return fmt.Sprintf("as many robots of the whole fleet as rollouts.max_unavailable allows (%d) are being replaced%s", limit, who)
}

// index is the place of a robot in the plan, -1 when it is none of it.
func (d *decider) index(robot string) int {
	if d.places == nil {
		d.places = make(map[string]int, len(d.plan.Robots))
		for i := range d.plan.Robots {
			d.places[d.plan.Robots[i].Robot] = i
		}
	}
	if i, is := d.places[robot]; is {
		return i
	}
	return -1
}

// mostInHand is how many robots may be between their lease and their end: those
// that may be down, and a few that pull ahead.
func (d *decider) mostInHand() int {
	most := d.maxDown()
	if d.facts.FleetLimit > 0 {
		most = min(most, d.facts.FleetLimit)
	}
	most += OrZero(d.plan.Spec.PullAhead)
	if d.plan.Spec.Before.WavePulled {
		most = max(most, maxAtGates) // all of a wave pull, before any is touched
	}
	return most
}

// onlyHelpless reports whether robot i has no room even when no other rollout has a
// robot down, and none of this one is being replaced: then nothing but a person makes
// room.
func (d *decider) onlyHelpless(i int) bool {
	if t := d.count(); t.down > 0 || t.helpless == 0 {
		return false
	}
	alone := *d
	alone.facts.DownElsewhere = nil
	return alone.noRoom(i, false) != ""
}
