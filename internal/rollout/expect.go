package rollout

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// expect notes how the robot is now, as is watched since a time: what the new
// container is measured by.
func (a After) expect(r *fleet.Robot, now, since time.Time) Expect {
	var e Expect
	if !a.SkipNodes {
		e.Nodes = expectedNodes(r)
	}
	for _, n := range a.Nodes {
		e.Nodes = append(e.Nodes, inNamespace(r.Namespace, n))
	}
	slices.Sort(e.Nodes)
	e.Nodes = slices.Compact(e.Nodes)
	if !a.SkipTopics {
		e.Topics = expectedTopics(r)
		e.Followed = a.followed(r, now, since)
	}
	for _, t := range a.Topics {
		t.Name, t.Listed = inNamespace(r.Namespace, t.Name), true
		same := func(o TopicExpect) bool { return o.Name == t.Name }
		e.Topics = append(slices.DeleteFunc(e.Topics, same), t)
		e.Followed = slices.DeleteFunc(e.Followed, same)
	}
	if d := r.Diagnostics; d != nil && !a.SkipDiagnostics {
		e.Diagnosed = true
		for _, item := range d.Items {
			if faulty(item) {
				e.Faults = append(e.Faults, item.Name)
			}
		}
	}
	return e
}

// graphSettles is how long a runner looks before what it sees of the graph says
// more than what was seen when the plan was made.
const graphSettles = 10 * time.Second

// learn notes how robot i is, just before it is touched. A robot whose container
// is out of its place keeps what was noted before.
func (d *decider) learn(i int) {
	rp, rf, rs := &d.plan.Robots[i], d.fact(i), d.robot(i)
	c := rf.inPlace(rp.Container)
	if c == nil || c.Generation == d.plan.Generation {
		return
	}
	was := &Was{Image: c.Image, Found: FoundRunning, Expect: d.plan.Spec.After.expect(&rf.Robot, d.now, d.facts.Since)}
	if was.Diagnosed {
		was.Components = reporting(rf.Robot.Diagnostics, d.now)
	}
	switch {
	case !c.Running():
		was.Found = FoundStopped
	case c.Health == "unhealthy":
		was.Found = FoundUnhealthy
	}
	unsure := !d.facts.DomainOK || d.now.Sub(d.facts.Since) < graphSettles
	if len(rp.Nodes) > 0 && (unsure || len(was.Nodes) == 0) {
		was.Nodes = rp.Nodes
	}
	if len(rp.Topics) > 0 && (unsure || len(was.Topics) == 0) {
		was.Topics = rp.Topics
	}
	if unsure && len(rp.Followed) > 0 {
		was.Followed = rp.Followed
	}
	if rp.Diagnosed && (unsure || !was.Diagnosed) {
		was.Diagnosed, was.Faults = true, rp.Faults
	}
	rs.Was = was
	d.put(i, rs)
}

// reporting are the components that report at least every minute or so.
func reporting(diag *fleet.Diagnostics, now time.Time) []string {
	var names []string
	for _, item := range diag.Items {
		if fresh(diag.Heard(item.Name), now, time.Minute) {
			names = append(names, item.Name)
		}
	}
	return names
}

// expected is what robot i's new container is measured by.
func (d *decider) expected(i int) *Expect { return d.plan.Robots[i].expect(d.robot(i)) }

// inNamespace is a name as ROS resolves it: relative ones are the robot's.
func inNamespace(ns, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return strings.TrimSuffix(ns, "/") + "/" + name
}

// passing matches names that ROS tools make up for one run.
var passing = regexp.MustCompile(`^_|_[0-9]{3,}$|_[0-9a-f]{8,}$`)

func expectedNodes(r *fleet.Robot) []string {
	var names []string
	for _, n := range r.Nodes {
		if !passing.MatchString(n.Name) {
			names = append(names, n.FullName())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
