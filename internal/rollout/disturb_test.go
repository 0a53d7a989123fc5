package rollout_test

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

func (s *simulation) randomSpec(r *rand.Rand) rollout.Spec {
	spec := rollout.Spec{
		Image: []string{"registry/amr:2", "registry/amr:2", "registry/amr:3"}[r.IntN(3)], Robots: "all",
		MaxUnavailable: rollout.Robots(1 + r.IntN(2)), MaxFailures: rollout.Robots(r.IntN(2)),
		OnFailure: []rollout.OnFailure{"", rollout.RollBackWave, rollout.RollBackAll}[r.IntN(3)],
		Before:    rollout.Before{Moving: r.IntN(3) == 0, WavePulled: r.IntN(3) == 0},
		After:     rollout.After{Window: new(rollout.Duration(2 * time.Second))},
	}
	if r.IntN(4) == 0 {
		spec.Soak = rollout.Duration(10 * time.Second)
	}
	if r.IntN(4) == 0 {
		spec.Approval = rollout.Approval{Before: rollout.ApproveEach}
	}
	if r.IntN(4) == 0 {
		spec.Deadlines.Replace = rollout.Duration(2 * time.Second)
	}
	if r.IntN(3) == 0 {
		spec.Waves = []rollout.Wave{"50%", "100%"}
	}
	return spec
}

// disturb lets one thing go wrong, or a person want something.
func (s *simulation) disturb(r *rand.Rand, id string) {
	robot := s.robots[r.IntN(len(s.robots))]
	last := 500*time.Millisecond + upTo(r, 20*time.Second)
	set := func(what string, change, back func(*rollouttest.Condition)) {
		s.note("%s %s for %v", robot, what, last)
		s.fleet.Set(robot, change)
		s.wg.Go(func() { time.Sleep(last); s.fleet.Set(robot, back) })
	}
	type condition = rollouttest.Condition
	switch r.IntN(14) {
	case 0:
		s.mu.Lock()
		p := s.procs[r.IntN(2)]
		s.mu.Unlock()
		s.crash(p)
	case 1:
		s.note("the lease is lost")
		s.elector.Depose(0)
	case 2:
		late := upTo(r, 5*time.Second)
		s.note("the lease is lost, and its holder acts for %v more", late)
		s.elector.Depose(late)
	case 3:
		s.note("the store is cut off for %v", last)
		s.store.SetDown(true)
		s.wg.Go(func() { time.Sleep(last); s.store.SetDown(false) })
	case 4:
		set("is not reached", func(c *condition) { c.Engine = fleet.EngineDown }, func(c *condition) { c.Engine = fleet.EngineUp })
	case 5:
		set("has an engine that hangs", func(c *condition) { c.Engine = fleet.EngineHung }, func(c *condition) { c.Engine = fleet.EngineUp })
	case 6:
		set("is off", func(c *condition) { c.Off = true }, func(c *condition) { c.Off = false })
	case 7:
		set("has a full disk", func(c *condition) { c.Full = true }, func(c *condition) { c.Full = false })
	case 8:
		set("does not reach the registry", func(c *condition) { c.NoRegistry = true }, func(c *condition) { c.NoRegistry = false })
	case 9:
		set("stops slowly", func(c *condition) { c.StopTime = last }, func(c *condition) { c.StopTime = 0 })
	case 10:
		set("drives", func(c *condition) { c.Moving = true }, func(c *condition) { c.Moving = false })
	case 11:
		jump := time.Duration(r.IntN(7200)-3600) * time.Second
		s.note("the clock is set by %v", jump)
		s.jump.Add(int64(jump))
	case 13: // rarely, or too few get further
		a := []rollout.Action{rollout.ActionAbort, rollout.ActionRollback}[r.IntN(2)]
		if r.IntN(3) == 0 {
			_, err := s.service().Wish(context.Background(), id, rollout.Wish{Action: a, By: "bob", Role: "engineer"})
			s.note("bob wants: %s: %v", a, err)
		}
	case 12:
		w := rollout.Wish{Action: rollout.Actions[r.IntN(len(rollout.Actions))], By: "bob", Role: "engineer", Reason: "because"}
		if r.IntN(2) == 0 {
			w.Robot = robot
		}
		_, err := s.service().Wish(context.Background(), id, w)
		s.note("bob wants: %s %s: %v", w.Action, w.Robot, err)
	}
}
