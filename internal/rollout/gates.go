package rollout

import (
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

// before answers the gates that stand before a robot's container is touched.
func (b Before) gates(f RobotFacts, now time.Time) []Gate {
	gates := []Gate{engineGate(f)}
	if b.Stationary {
		gates = append(gates, stationaryGate(f.Robot.Pose, now))
	}
	if b.Charging || b.MinBattery > 0 {
		gates = append(gates, b.batteryGates(f.Robot.Battery, now)...)
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

func stationaryGate(p *fleet.Pose, now time.Time) Gate {
	const name = "stationary"
	switch {
	case p == nil:
		return gate(name, Inconclusive, "no pose yet")
	case now.Sub(p.Receive) > freshPose:
		return gate(name, Inconclusive, "the last pose is %v old", now.Sub(p.Receive).Round(time.Second))
	case p.Moving():
		return gate(name, Fail, "drives at %.2f m/s, turns at %.2f rad/s", p.Speed, p.Turn)
	default:
		return gate(name, Pass, "stands still")
	}
}

func (b Before) batteryGates(s *fleet.Battery, now time.Time) []Gate {
	if s == nil || now.Sub(s.Receive) > freshBattery {
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

// after answers the gates that the new container passes.
func (p *Plan) after(rp RobotPlan, rs RobotStatus, f RobotFacts, facts Facts, now time.Time) []Gate {
	gates := []Gate{p.containerGate(rp, rs, f, now)}
	if !p.Spec.After.SkipNodes && len(rp.Nodes) > 0 {
		gates = append(gates, nodesGate(rp, f, facts))
	}
	if !p.Spec.After.SkipTopics {
		for _, want := range rp.Topics {
			gates = append(gates, p.topicGate(want, rs, f, facts, now))
		}
	}
	return gates
}

// containerGate asks that exactly the plan's container runs. Its GateError
// means that waiting will not help.
func (p *Plan) containerGate(rp RobotPlan, rs RobotStatus, f RobotFacts, now time.Time) Gate {
	const name = "container"
	if f.Engine.State != fleet.EngineUp {
		return gate(name, Inconclusive, "%s", engineGate(f).Reason)
	}
	c := p.successor(rp, f)
	switch {
	case c == nil:
		return gate(name, Fail, "the new container is not there")
	case c.Health == "unhealthy":
		return gate(name, GateError, "container %s is unhealthy", c.Name)
	case c.Restarts > 0:
		return gate(name, GateError, "container %s has restarted %d times", c.Name, c.Restarts)
	case (c.State == "exited" || c.State == "dead") && now.Sub(rs.Since) > settle:
		return gate(name, GateError, "container %s ended with code %d", c.Name, c.ExitCode)
	case !c.Running():
		return gate(name, Fail, "container %s is %s", c.Name, c.State)
	case c.Health == "starting":
		return gate(name, Fail, "the health check of %s has not passed yet", c.Name)
	default:
		return gate(name, Pass, "runs %s", shortDigest(c.Digest))
	}
}

// successor is the container that this plan made for the robot, in place.
func (p *Plan) successor(rp RobotPlan, f RobotFacts) *fleet.Container {
	i := slices.IndexFunc(f.Robot.Containers, func(c fleet.Container) bool {
		return c.Name == rp.Container && c.Generation == p.Generation && c.Digest == p.Image.Digest
	})
	if i < 0 {
		return nil
	}
	return &f.Robot.Containers[i]
}

// restored is the old container, back in its place.
func (p *Plan) restored(rp RobotPlan, f RobotFacts) bool {
	return slices.ContainsFunc(f.Robot.Containers, func(c fleet.Container) bool {
		return c.Name == rp.Container && c.Generation != p.Generation && c.Running() && c.Health != "unhealthy"
	})
}

func nodesGate(rp RobotPlan, f RobotFacts, facts Facts) Gate {
	const name = "nodes"
	if !facts.DomainOK {
		return gate(name, Inconclusive, "the ROS domain does not answer")
	}
	var missing []string
	for _, want := range rp.Nodes {
		if !slices.ContainsFunc(f.Robot.Nodes, func(n fleet.Node) bool { return n.FullName() == want }) {
			missing = append(missing, want)
		}
	}
	if len(missing) > 0 {
		return gate(name, Fail, "not in the graph: %s", strings.Join(missing, ", "))
	}
	return gate(name, Pass, "all %d nodes are in the graph", len(rp.Nodes))
}

func (p *Plan) topicGate(want TopicExpect, rs RobotStatus, f RobotFacts, facts Facts, now time.Time) Gate {
	name := "topic " + want.Name
	if !facts.DomainOK {
		return gate(name, Inconclusive, "the ROS domain does not answer")
	}
	t, _ := f.Robot.Topic(want.Name)
	least := want.Hz * p.Spec.After.MinRate
	switch {
	case !t.Last.After(rs.Since):
		return gate(name, Fail, "no sample since the new container runs")
	case now.Sub(t.Last) > freshPose:
		return gate(name, Fail, "the last sample is %v old", now.Sub(t.Last).Round(time.Second))
	case t.Hz < least:
		return gate(name, Fail, "%.1f Hz, wants %.1f Hz", t.Hz, least)
	default:
		return gate(name, Pass, "%.1f Hz of %.1f Hz", t.Hz, want.Hz)
	}
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

// objections are the reasons of the gates that do not pass.
func objections(gates []Gate) string {
	var why []string
	for _, g := range gates {
		if g.Outcome != Pass {
			why = append(why, g.Reason)
		}
	}
	return strings.Join(why, "; ")
}

func shortDigest(d string) string {
	if hex, ok := strings.CutPrefix(d, "sha256:"); ok && len(hex) > 12 {
		return hex[:12]
	}
	return d
}
