package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// freshPose is the age up to which a pose or battery state counts for a gate.
const freshPose = 3 * time.Second

// settle is how long a list of containers may lag behind what was just done.
const settle = 2 * time.Second

// freshBattery allows for batteries that report every few seconds.
const freshBattery = 30 * time.Second

func gate(name string, o Outcome, format string, args ...any) Gate {
	return Gate{Name: name, Outcome: o, Reason: fmt.Sprintf(format, args...)}
}

// before answers the gates that stand before robot i's container is touched.
func (d *decider) before(i int) []Gate {
	b, f := d.plan.Spec.Before, d.fact(i)
	gates := []Gate{engineGate(f), lockGate(d.plan.Robots[i], f, d.robot(i))}
	if b.Stationary {
		gates = append(gates, d.standsStill(i, f))
	}
	if b.Idle > 0 {
		gates = append(gates, idleGate(&f.Robot, time.Duration(b.Idle), d.now, d.facts.Since))
	}
	if b.Charging || b.MinBattery > 0 {
		gates = append(gates, b.batteryGates(f.Robot.Battery, d.now)...)
	}
	return gates
}

func engineGate(f RobotFacts) Gate {
	switch {
	case f.Engine.Name == "":
		return gate("engine", Inconclusive, "the engine has not been seen yet")
	case f.Engine.State != fleet.EngineUp:
		return gate("engine", Inconclusive, "engine %s is %s: %s", f.Engine.Name, f.Engine.State, f.Engine.Error)
	default:
		return gate("engine", Pass, "engine %s answers", f.Engine.Name)
	}
}

// lockGate asks that nobody said "not now". An operator may override the lock that
// is there; one that comes later is another.
func lockGate(rp RobotPlan, f RobotFacts, rs RobotStatus) Gate {
	const name = "lock"
	switch locked := lockOf(rp, f); {
	case locked == "":
		return gate(name, Pass, "not locked")
	case rs.Override != "" && rs.Overridden == locked:
		return gate(name, Pass, "%s; overridden by %s", locked, rs.Override)
	default:
		return gate(name, Fail, "%s", locked)
	}
}

// lockOf says who locks a robot: an operator, the robot itself on its topic, or a
// label of its container; "" when nobody does.
func lockOf(rp RobotPlan, f RobotFacts) string {
	switch l := f.Robot.UpdateLock; {
	case f.Hold != nil:
		return fmt.Sprintf("locked by %s: %s", f.Hold.By, cmp.Or(f.Hold.Reason, "no reason is given"))
	case l != nil && l.Locked:
		return "the robot asks not to be updated"
	}
	for _, c := range f.Robot.Containers {
		if c.Name == rp.Container && c.Lock != "" {
			return "the container's label locks it: " + c.Lock
		}
	}
	return ""
}

// idleGate asks that the robot has stood still for a while: it has no task. Time
// before this manager watched does not count.
func idleGate(r *fleet.Robot, want time.Duration, now, since time.Time) Gate {
	const name = "idle"
	if g := stationaryGate(r.Pose, now); g.Outcome != Pass {
		g.Name = name
		return g
	}
	still := now.Sub(later(r.StillSince, since))
	if r.StillSince.IsZero() || still < want {
		return gate(name, Fail, "has stood still for %v, wants %v", still.Round(time.Second), want)
	}
	return gate(name, Pass, "has stood still for %v", still.Round(time.Second))
}

// standsStill asks that robot i neither drives nor turns. Without a pose it is
// enough that its container does not run: nothing would be stopped.
func (d *decider) standsStill(i int, f RobotFacts) Gate {
	g := stationaryGate(f.Robot.Pose, d.now)
	c := f.inPlace(d.plan.Robots[i].Container)
	if g.Outcome == Inconclusive && f.Engine.State == fleet.EngineUp && (c == nil || !c.Running()) {
		return gate(g.Name, Pass, "its container does not run")
	}
	return g
}

func stationaryGate(p *fleet.Pose, now time.Time) Gate {
	const name = "stationary"
	switch {
	case p == nil:
		return gate(name, Inconclusive, "no pose yet; a robot that has none is touched when the spec says moving")
	case !fresh(p.Receive, now, freshPose):
		return gate(name, Inconclusive, "the last pose is %v old", now.Sub(p.Receive).Round(time.Second))
	case p.Moving():
		return gate(name, Fail, "drives at %.2f m/s, turns at %.2f rad/s", p.Speed, p.Turn)
	default:
		return gate(name, Pass, "stands still")
	}
}

// fresh reports whether a fact is at most so old. One from the future is none:
// the clock was set back, and nobody knows how old it is.
func fresh(at, now time.Time, limit time.Duration) bool {
	age := now.Sub(at)
	return age <= limit && age >= -settle
}

func (b Before) batteryGates(s *fleet.Battery, now time.Time) []Gate {
	if s == nil || !fresh(s.Receive, now, freshBattery) {
		return []Gate{gate("battery", Inconclusive, "no fresh battery state")}
	}
	var gates []Gate
	if b.Charging {
		g := gate("charging", Pass, "battery is %s", s.Status)
		if !s.Charging && s.Status != "full" {
			g.Outcome = Fail
		}
		gates = append(gates, g)
	}
	if b.MinBattery > 0 {
		switch {
		case s.Charge == nil:
			gates = append(gates, gate("battery", Inconclusive, "the battery does not tell its charge"))
		case *s.Charge < b.MinBattery:
			gates = append(gates, gate("battery", Fail, "%.0f %%, wants %.0f %%", *s.Charge*100, b.MinBattery*100))
		default:
			gates = append(gates, gate("battery", Pass, "%.0f %%", *s.Charge*100))
		}
	}
	return gates
}

// worst is the strongest objection: GateError, Fail, Inconclusive, else Pass.
func worst(gates []Gate) Outcome {
	for _, o := range []Outcome{GateError, Fail, Inconclusive} {
		if slices.ContainsFunc(gates, func(g Gate) bool { return g.Outcome == o }) {
			return o
		}
	}
	return Pass
}

// objections are the reasons of the gates that do not pass. Of several topics it says
// which one.
func objections(gates []Gate) string {
	var why []string
	for _, g := range gates {
		if g.Outcome == Pass {
			continue
		}
		text := g.Reason
		if topic, is := strings.CutPrefix(g.Name, "topic "); is {
			text = topic + ": " + text
		}
		why = append(why, text)
	}
	return strings.Join(why, "; ")
}

func shortDigest(d string) string {
	if hex, ok := strings.CutPrefix(d, "sha256:"); ok && len(hex) > 12 {
		return hex[:12]
	}
	return d
}
