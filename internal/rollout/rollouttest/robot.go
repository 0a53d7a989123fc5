package rollouttest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// robot is a machine with its engine. Its methods want the fleet's lock.
type robot struct {
	Condition
	id         string
	containers []*container
	images     map[string]bool
	publisher  *container           // whose nodes are in the graph
	since      time.Time            // since when they are
	late       []func(*robot) error // what a hung engine was asked to do
}

// container is what an engine has of one.
type container struct {
	name       string
	digest     string
	rollout    string
	generation uint64
	running    bool
	restart    bool // with its machine
}

// The names beside the place itself; the engine keeps names unique.
func previousName(place string, generation uint64) string {
	return fmt.Sprintf("%s.previous-%d", place, generation)
}

func nextName(place string, generation uint64) string {
	return fmt.Sprintf("%s.next-%d", place, generation)
}

func undoneName(place string, generation uint64) string {
	return fmt.Sprintf("%s.undone-%d", place, generation)
}

func (r *robot) named(name string) *container {
	for _, c := range r.containers {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (r *robot) publishes() bool { return r.publishing() != nil }

// publishing is the container whose process publishes.
func (r *robot) publishing() *container {
	for _, c := range r.containers {
		if c.running && c.digest != BadDigest {
			return c
		}
	}
	return nil
}

func (r *robot) rename(c *container, name string) error {
	switch other := r.named(name); {
	case other == c:
		return nil
	case other != nil:
		return fmt.Errorf("the name %s is in use", name)
	}
	c.name = name
	return nil
}

func (r *robot) create(c *container) error {
	switch {
	case r.Full:
		return errFull
	case r.named(c.name) != nil:
		return fmt.Errorf("the name %s is in use", c.name)
	}
	r.containers = append(r.containers, c)
	return nil
}

// start starts what has the name.
func (r *robot) start(name string) error {
	c := r.named(name)
	if c == nil {
		return fmt.Errorf("no such container: %s", name)
	}
	c.running = true
	return nil
}

func (r *robot) remove(c *container) error {
	r.containers = slices.DeleteFunc(r.containers, func(other *container) bool { return other == c })
	return nil
}

// observations are what the adapters would see of a robot.
func (r *robot) observations(now time.Time) []fleet.Observation {
	at := fleet.At{Namespace: "/" + r.id}
	engine := fleet.Engine{Name: "e-" + r.id, State: r.Engine, OS: "linux", Arch: "amd64"}
	if r.Off {
		engine.State = fleet.EngineDown
	}
	if engine.State != fleet.EngineUp {
		engine.Error = "no answer"
	}
	o := fleet.EngineObserved{Engine: engine}
	for i, c := range r.containers {
		o.Containers = append(o.Containers, r.observed(i, c))
	}
	seen := []fleet.Observation{o}
	topic := fleet.Topic{Name: at.Namespace + "/odom", Type: "nav_msgs/msg/Odometry", UsualHz: 10}
	var nodes []fleet.Node
	if p := r.publishing(); p != r.publisher {
		r.publisher, r.since = p, now
	}
	if r.publisher != nil {
		p := fleet.Pose{Receive: now}
		if r.Moving {
			p.Speed = 1
		}
		seen = append(seen, fleet.PoseObserved{At: at, Pose: p})
		nodes = []fleet.Node{{Name: "driver", Namespace: at.Namespace, Since: r.since}}
		topic.Hz, topic.Last = 10, now
	}
	return append(seen,
		fleet.GraphObserved{At: at, Nodes: nodes, Robot: true},
		fleet.TopicsObserved{At: at, Topics: []fleet.Topic{topic}})
}

func (r *robot) observed(i int, c *container) fleet.Container {
	o := fleet.Container{
		ID: fmt.Sprintf("%s-%d-%d", r.id, c.generation, i), Name: c.name, Engine: "e-" + r.id, RobotID: r.id, Namespace: "/" + r.id,
		Role: fleet.RoleCurrent, State: "exited", Image: fleet.Image{Ref: "registry/amr@" + c.digest, Digest: c.digest},
		Rollout: c.rollout, Generation: c.generation,
	}
	if c.running {
		o.State = "running"
	}
	if c.generation > 0 {
		o.Digest = c.digest
	}
	switch {
	case strings.Contains(c.name, ".previous"):
		o.Role = fleet.RolePrevious
	case strings.Contains(c.name, "."):
		o.Role = fleet.RoleSuccessor
	}
	return o
}
