package rollout

import (
	"slices"
	"strings"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// after answers the gates that robot i's new container passes.
func (d *decider) after(i int) []Gate {
	p, want, rs, f := d.plan, d.expected(i), d.robot(i), d.fact(i)
	gates := []Gate{p.containerGate(i, rs, f, d.now)}
	if len(want.Nodes) > 0 {
		gates = append(gates, d.nodesGate(want, rs, f))
	}
	for _, t := range want.Topics {
		gates = append(gates, p.topicGate(t, rs, f, d.facts, d.now))
	}
	if rs.Step != StepDone { // then it is at work, where another rate may be usual
		for _, t := range want.Followed {
			gates = append(gates, p.topicGate(t, rs, f, d.facts, d.now))
		}
	}
	if want.Diagnosed {
		gates = append(gates, diagnosticsGate(want, rs, f, d.facts, d.now))
	}
	if rs.Step == StepDone { // checks are asked while a robot is verified
		return gates
	}
	if a := p.Spec.After; len(want.Nodes)+len(want.Topics)+len(want.Followed)+len(a.Checks) == 0 && (!a.SkipNodes || !a.SkipTopics) {
		gates = append(gates, gate("nodes", Inconclusive,
			"nothing is known of its nodes and topics before; list some, add a check, or skip both of these gates"))
	}
	return append(gates, p.checkGates(rs, f, d.now)...)
}

// freshProbe is the age up to which a check's answer counts.
const freshProbe = 4 * probeEvery

// checkGates are the newest answers to the spec's checks. One that could not be
// asked says nothing about the container: it is inconclusive.
func (p *Plan) checkGates(rs RobotStatus, f RobotFacts, now time.Time) []Gate {
	gates := make([]Gate, 0, len(p.Spec.After.Checks))
	for i, c := range p.Spec.After.Checks {
		name := "check " + c.Name
		if i >= len(f.Probes) || !f.ProbedAt.After(rs.Since) || !fresh(f.ProbedAt, now, freshProbe+time.Duration(c.Timeout)) {
			gates = append(gates, gate(name, Inconclusive, "%s has not answered yet", c.Name))
			continue
		}
		g := f.Probes[i]
		g.Name = name
		if g.Outcome == GateError {
			g.Outcome = Inconclusive
		}
		gates = append(gates, g)
	}
	return gates
}

// freshDiagnostics allows for components that report every few seconds.
const freshDiagnostics = 10 * time.Second

// faulty reports whether a component is in error, or so long silent that its
// aggregator calls it stale.
func faulty(d fleet.Diagnostic) bool {
	return d.Level == fleet.LevelError || d.Level == fleet.LevelStale
}

// diagnosticsGate asks that no component is faulty that was not so before, by
// diagnostics that still come, and that none of those that reported is silent.
func diagnosticsGate(want *Expect, rs RobotStatus, f RobotFacts, facts Facts, now time.Time) Gate {
	const name = "diagnostics"
	diag := f.Robot.Diagnostics
	switch {
	case !facts.DomainOK:
		return gate(name, Inconclusive, "the ROS domain does not answer")
	case diag == nil, rs.Step != StepDone && !diag.Receive.After(rs.Since):
		return gate(name, Inconclusive, "no diagnostics since the new container runs")
	case !fresh(diag.Receive, now, freshDiagnostics):
		return gate(name, Inconclusive, "the last diagnostics are %v old", now.Sub(diag.Receive).Round(time.Second))
	}
	for _, item := range diag.Items {
		if faulty(item) && !slices.Contains(want.Faults, item.Name) {
			return gate(name, Fail, "%s: %s", item.Name, item.Message)
		}
	}
	since := rs.Since
	if rs.Step == StepDone {
		since = rs.Begun
	}
	for _, component := range want.Components {
		if !diag.Heard(component).After(since) {
			return gate(name, Inconclusive, "%s has not reported since the new container runs", component)
		}
	}
	return gate(name, Pass, "no component is worse than before")
}

// containerGate asks that exactly the plan's container runs. Its GateError
// means that waiting will not help.
func (p *Plan) containerGate(i int, rs RobotStatus, f RobotFacts, now time.Time) Gate {
	const name = "container"
	if f.Engine.State != fleet.EngineUp {
		return gate(name, Inconclusive, "%s", engineGate(f).Reason)
	}
	c := p.successor(i, f)
	switch {
	case c == nil:
		return gate(name, Fail, "the new container is not there")
	case c.Health == "unhealthy":
		return gate(name, GateError, "container %s is unhealthy", c.Name)
	case c.Restarts > p.Spec.After.MaxRestarts:
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
func (p *Plan) successor(robot int, f RobotFacts) *fleet.Container {
	rp, digest := &p.Robots[robot], p.image(robot).Digest
	i := slices.IndexFunc(f.Robot.Containers, func(c fleet.Container) bool {
		return c.Name == rp.Container && c.Generation == p.Generation && c.Digest == digest
	})
	if i < 0 {
		return nil
	}
	return &f.Robot.Containers[i]
}

// restored reports whether the old container is back in its place as it was
// found: healthy where it has a health check, unless it was not so before.
func (p *Plan) restored(rp RobotPlan, rs RobotStatus, f RobotFacts) bool {
	found := FoundRunning
	if rs.Was != nil {
		found = rs.Was.Found
	}
	c := f.inPlace(rp.Container)
	switch {
	case c == nil || c.Generation == p.Generation:
		return false
	case found == FoundStopped:
		return true
	case found == FoundUnhealthy:
		return c.Running()
	default:
		return c.Running() && (c.Health == "" || c.Health == "healthy")
	}
}

// ghostFor is how long a process that was killed may stay in the graph: the
// lease of its participant (Cyclone DDS 10 s, Fast DDS 20 s).
const ghostFor = 20 * time.Second

// nodesGate asks that the nodes are back. One that was discovered before the
// replacement began may be the old container's; it counts once it has outlived
// that one's lease: then another process has it.
func (d *decider) nodesGate(want *Expect, rs RobotStatus, f RobotFacts) Gate {
	const name = "nodes"
	if !d.facts.DomainOK {
		return gate(name, Inconclusive, "the ROS domain does not answer")
	}
	ghosts := rs.Step == StepVerifying && d.now.Sub(rs.Since) < min(ghostFor, d.limit(rs.Step)/2)
	var missing, old []string
	for _, name := range want.Nodes {
		there, sure := false, false
		for _, n := range f.Robot.Nodes {
			if n.FullName() == name {
				there, sure = true, sure || !ghosts || n.Since.After(rs.Begun)
			}
		}
		switch {
		case !there:
			missing = append(missing, name)
		case !sure:
			old = append(old, name)
		}
	}
	switch {
	case len(missing) > 0:
		return gate(name, Fail, "not in the graph: %s", strings.Join(missing, ", "))
	case len(old) > 0:
		return gate(name, Inconclusive, "may be the old container's: %s", strings.Join(old, ", "))
	default:
		return gate(name, Pass, "all %d nodes are in the graph", len(want.Nodes))
	}
}

func (p *Plan) topicGate(want TopicExpect, rs RobotStatus, f RobotFacts, facts Facts, now time.Time) Gate {
	name := "topic " + want.Name
	if !facts.DomainOK {
		return gate(name, Inconclusive, "the ROS domain does not answer")
	}
	t, _ := f.Robot.Topic(want.Name)
	least := want.Hz * OrZero(p.Spec.After.MinRate)
	if want.Listed {
		least = want.Hz
	}
	switch {
	case !t.Last.After(rs.Since):
		return gate(name, Fail, "no sample since the new container runs")
	case !fresh(t.Last, now, freshTopic(want.Hz)):
		return gate(name, Fail, "the last sample is %v old", now.Sub(t.Last).Round(time.Second))
	case t.Hz == 0 && least > 0 && now.Before(rs.Deadline):
		g := gate(name, Pass, "it comes, and its rate is not known yet")
		g.counting = true
		return g
	case t.Hz < least:
		return gate(name, Fail, "%.1f Hz, wants %.1f Hz", t.Hz, least)
	default:
		return gate(name, Pass, "%.1f Hz of %.1f Hz", t.Hz, want.Hz)
	}
}
