package main_test

import (
	"net/http"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// step is where in a rollout a fault strikes.
type step string

// The steps of a rollout that works, and of one whose image never publishes.
const (
	pulling     step = "pulling"
	waiting     step = "waiting"
	replacing   step = "replacing"
	verifying   step = "verifying"
	closing     step = "closing" // the old container is removed
	rollingBack step = "rolling back"
	discarding  step = "discarding" // what was rolled back is removed
)

// silent reports whether the step belongs to a rollout whose image never publishes.
func (s step) silent() bool { return s == rollingBack || s == discarding }

// call is one of the calls of an engine that change something, and the side of
// the engine on which it is caught.
type call struct {
	when         dockertest.When
	method, path string
	skip         int // of those that match
}

// point is a moment of a rollout at which a fault strikes.
type point struct {
	step step
	name string
	call *call
}

// points are all moments at which a robot's containers or its rollout's status
// are changed: before and after each call of an engine, and within what is no
// call.
func points() []point {
	all := []point{
		{step: pulling, name: "while the image comes"},
		{step: waiting, name: "while the rollout is paused"},
		{step: verifying, name: "while the new one is watched"},
	}
	for _, c := range []struct {
		step               step
		name, method, path string
		skip               int
	}{
		{pulling, "the pull", http.MethodPost, "/images/create$", 0},
		{replacing, "the new one is created", http.MethodPost, "/containers/create$", 0},
		{replacing, "the old one's restart policy is taken", http.MethodPost, "/update$", 0},
		{replacing, "the old one is renamed", http.MethodPost, "/rename$", 0},
		{replacing, "the old one is stopped", http.MethodPost, "/stop$", 0},
		{replacing, "the new one is renamed", http.MethodPost, "/rename$", 1},
		{replacing, "the new one is started", http.MethodPost, "/start$", 0},
		{replacing, "the new one's restart policy is set", http.MethodPost, "/update$", 1},
		{closing, "the old one is removed", http.MethodDelete, "^/containers/", 0},
		{rollingBack, "the new one's restart policy is taken", http.MethodPost, "/update$", 2},
		{rollingBack, "the new one is renamed", http.MethodPost, "/rename$", 2},
		{rollingBack, "the new one is stopped", http.MethodPost, "/stop$", 1},
		{rollingBack, "the old one is renamed", http.MethodPost, "/rename$", 3},
		{rollingBack, "the old one is started", http.MethodPost, "/start$", 1},
		{rollingBack, "the old one's restart policy is set", http.MethodPost, "/update$", 3},
		{discarding, "the new one is removed", http.MethodDelete, "^/containers/", 0},
	} {
		all = append(all, point{c.step, "before " + c.name, &call{dockertest.BeforeEngine, c.method, c.path, c.skip}})
		if c.step != pulling { // a pull's answer is a stream, which can not be caught
			all = append(all, point{c.step, "after " + c.name, &call{dockertest.AfterEngine, c.method, c.path, c.skip}})
		}
	}
	return all
}

// last reports whether nothing is left to do on an engine after the point.
func (p point) last() bool {
	return p.step == discarding && p.call != nil && p.call.when == dockertest.AfterEngine
}

// arm catches what the point waits for on a robot. Points between two calls are
// reached by the robot's step, which the trial looks for itself.
func (p point) arm(acting *managerHost, s *site, robot int) held {
	switch {
	case p.call != nil:
		h := acting.proxies[robot].HoldNext(p.call.skip, p.call.when, p.call.method, p.call.path)
		return held{h.Reached, h.Release, h.Ended}
	case p.step == pulling, p.step == waiting:
		return s.registry.hold()
	default:
		return held{release: func() {}}
	}
}

// robotStep is the robot's step that a point without a call waits for.
func (p point) robotStep() rollout.Step {
	if p.step == waiting {
		return rollout.StepWaiting
	}
	return rollout.StepVerifying
}
