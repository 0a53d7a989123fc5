package rollout

// tally is what the limits need to know of all robots together.
type tally struct {
	openWave  int   // the first wave with a robot that has not ended, or that still soaks
	down      int   // robots that may be without their container
	helpless  int   // robots that are left for an operator
	undoing   int   // robots at work that are to be rolled back, and may be
	busy      []int // by wave: robots between their lease and their end that nothing holds up
	atGates   int   // robots that wait for their own gates
	tidying   int   // robots whose leftovers are being removed
	notPulled []int // by wave: robots that still lack the image
	groups    map[[2]string]int
}

// maxAtGates bounds the robots that wait for their gates with a lease in hand:
// those that drive about must not keep others from their turn.
const maxAtGates = 32

// maxTidying bounds the robots whose leftovers are removed at one time.
const maxTidying = 32

// count returns the tally, anew after each change.
func (d *decider) count() *tally {
	if d.counted != nil {
		return d.counted
	}
	t := &tally{
		openWave: d.plan.Waves, busy: make([]int, d.plan.Waves), notPulled: make([]int, d.plan.Waves),
		groups: make(map[[2]string]int),
	}
	for i := range d.plan.Robots {
		d.add(t, i)
	}
	d.counted = t
	return t
}

func (d *decider) add(t *tally, i int) {
	rp := &d.plan.Robots[i]
	step := d.step(i)
	if step == StepSkipped && rp.Skip != "" {
		return
	}
	rf := d.facts.Robots[rp.Robot]
	if step.Terminal() {
		if step == StepNeedsOperator {
			t.helpless++
			t.addGroups(rp)
		}
		if rf.Busy == VerbCommit || rf.Busy == VerbDiscard || step == StepDone && d.locking[i] {
			t.tidying++
		}
		if step == StepDone && d.soaking(i) {
			t.openWave = min(t.openWave, rp.Wave)
		}
		if step == StepDone && d.undoes(i) && d.objection(i) == "" {
			t.undoing++
		}
		return
	}
	t.openWave = min(t.openWave, rp.Wave)
	if d.isDown(i) {
		t.down++
		t.addGroups(rp)
	}
	if step == StepQueued || step == StepPulling {
		t.notPulled[rp.Wave]++
	}
	switch {
	case step == StepWaiting && worst(d.before(i)) != Pass:
		t.atGates++
	case step != StepQueued || rf.Held || rf.Busy == VerbLock || d.locking[i]:
		t.busy[rp.Wave]++
	}
}

// isDown reports whether robot i may be without its container.
func (d *decider) isDown(i int) bool { return d.step(i).Down() || d.lies(i) }

// lies is Plan.lies. Of a robot that is just now to be tried again there are no facts
// yet: it may be down.
func (d *decider) lies(i int) bool {
	return d.plan.lies(i, d.robot(i), d.facts.Robots[d.plan.Robots[i].Robot])
}

// lies reports whether robot i is tried again and was left without its old
// container at work: it may be down before it is touched.
func (p *Plan) lies(i int, rs RobotStatus, f RobotFacts) bool {
	if rs.Begun.IsZero() || rs.Step.Down() || rs.Step.Terminal() {
		return false
	}
	return p.midway(i, f) || !f.inPlace(p.Robots[i].Container).Running()
}

func (t *tally) addGroups(rp *RobotPlan) {
	for label, value := range rp.Groups {
		t.groups[[2]string{label, value}]++
	}
}

// room reports whether another robot of the wave may be taken in hand. Robots
// of later waves, which only pull ahead, never take the room of an earlier one.
func (t *tally) room(wave, limit int) bool {
	n := 0
	for _, busy := range t.busy[:wave+1] {
		n += busy
	}
	return n < limit && t.atGates < maxAtGates
}

// maxDown is how many robots may be down at one time.
func (d *decider) maxDown() int {
	part := 0
	for i := range d.plan.Robots {
		if d.plan.Robots[i].Skip == "" {
			part++
		}
	}
	return d.plan.Spec.MaxUnavailable.atLeastOne(part)
}

// noRoom says why no other robot like i may go down now, "" when it may. A
// robot left for an operator counts, except against a rollback: that must not
// wait for a person.
func (d *decider) noRoom(i int, rollback bool) string {
	t := d.count()
	down, own := t.down, 0
	if d.lies(i) { // it takes no room that it does not take already
		own = 1
	}
	down -= own
	if !rollback {
		down += t.helpless
		if t.undoing > 0 {
			return "a robot that is to be rolled back goes first"
		}
	}
	others, who := d.elsewhere(rollback, func(o Elsewhere) bool { return d.selected(o.Robot) })
	if down+others >= d.maxDown() {
		return "as many robots as may be are being replaced" + who
	}
	for _, l := range d.plan.Spec.MaxPer {
		value, bound := d.plan.Robots[i].Groups[l.Label]
		others, who := d.elsewhere(rollback, func(o Elsewhere) bool { return o.Labels[l.Label] == value })
		n := t.groups[[2]string{l.Label, value}] + others - own
		if bound && n >= l.Max && (!rollback || t.down+others > 0) {
			return "as many robots of " + l.Label + " " + value + " as may be are being replaced" + who
		}
	}
	return d.fleetFull(i, rollback)
}

// elsewhere counts robots that other rollouts have down, and names the first. A
// rollback waits neither for a person nor for another rollback's turn.
func (d *decider) elsewhere(rollback bool, counts func(Elsewhere) bool) (n int, who string) {
	for _, o := range d.facts.DownElsewhere {
		if rollback && (o.Helpless || o.Undo) || !counts(o) {
			continue
		}
		if n++; n == 1 {
			who = ", robot " + o.Robot + " in rollout " + o.Rollout
			if o.Undo {
				who += ", which is to be rolled back"
			}
		}
	}
	return n, who
}

// selected reports whether the plan's selector has a robot, be it that the plan
// leaves it out: the limit is over all of those.
func (d *decider) selected(robot string) bool { return d.index(robot) >= 0 }
