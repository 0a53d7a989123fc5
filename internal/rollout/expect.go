package rollout

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/muster-fleet/muster/internal/fleet"
)

// expect notes how the robot is now: what the new container is measured by.
func (rp *RobotPlan) expect(a After, r *fleet.Robot) {
	if !a.SkipNodes {
		rp.Nodes = expectedNodes(r)
	}
	for _, n := range a.Nodes {
		rp.Nodes = append(rp.Nodes, inNamespace(r.Namespace, n))
	}
	slices.Sort(rp.Nodes)
	rp.Nodes = slices.Compact(rp.Nodes)
	if !a.SkipTopics {
		rp.Topics = expectedTopics(r)
	}
	for _, t := range a.Topics {
		t.Name, t.Listed = inNamespace(r.Namespace, t.Name), true
		rp.Topics = slices.DeleteFunc(rp.Topics, func(o TopicExpect) bool { return o.Name == t.Name })
		rp.Topics = append(rp.Topics, t)
	}
	if d := r.Diagnostics; d != nil && !a.SkipDiagnostics {
		rp.Diagnosed = true
		for _, item := range d.Items {
			if item.Level == fleet.LevelError {
				rp.Faults = append(rp.Faults, item.Name)
			}
		}
	}
}

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

// expectedTopics are the robot's odometry topics whose rate is known.
func expectedTopics(r *fleet.Robot) []TopicExpect {
	var topics []TopicExpect
	for _, t := range r.Topics {
		if hz := cmp.Or(t.UsualHz, t.Hz); t.Type == "nav_msgs/msg/Odometry" && hz >= 0.5 {
			topics = append(topics, TopicExpect{Name: t.Name, Hz: hz})
		}
	}
	return topics
}
