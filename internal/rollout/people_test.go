package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

// begin starts a rollout; it waits for a manager that lives.
func (s *simulation) begin(spec rollout.Spec) string {
	s.mu.Lock()
	s.most = max(s.most, spec.MaxUnavailable.Count, 1)
	s.mu.Unlock()
	for {
		r, err := s.service().Start(context.Background(), spec, "ada", false)
		if err == nil {
			return r.ID
		}
		if !errors.Is(err, errDead) {
			panic(err)
		}
		time.Sleep(time.Second)
	}
}

// queue starts a rollout that waits for the others' robots, if a manager takes it.
func (s *simulation) queue(spec rollout.Spec) (ids []string) {
	spec.Conflict = rollout.ConflictQueue
	s.mu.Lock()
	s.most = max(s.most, spec.MaxUnavailable.Count)
	s.mu.Unlock()
	r, err := s.service().Start(context.Background(), spec, "ada", false)
	s.note("ada queues another rollout: %s %v", r.ID, err)
	if err != nil {
		return nil
	}
	return []string{r.ID}
}

// finish heals everything and lets a person answer until the rollouts, which began
// in this order, have ended. It returns how they did.
func (s *simulation) finish(ids ...string) (all []rollout.Stored, problem string) {
	s.store.SetDown(false)
	s.mu.Lock()
	s.crashAt, s.loseAt = 0, 0
	s.mu.Unlock()
	for _, robot := range s.robots {
		s.fleet.Set(robot, func(c *rollouttest.Condition) { *c = rollouttest.Condition{Engine: fleet.EngineUp} })
	}
	for range 240 {
		time.Sleep(5 * time.Second)
		all = all[:0]
		open := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
			all = append(all, s.stored(id))
			return all[len(all)-1].Status.State.Terminal()
		})
		if len(open) == 0 {
			time.Sleep(30 * time.Second) // leases are given back, and stops that were given up have ended
			return all, s.wrong(all)
		}
		for _, id := range open {
			s.answer(id)
		}
	}
	var why []string
	for _, id := range ids {
		r, _ := s.service().Get(context.Background(), id)
		why = append(why, fmt.Sprintf("%s: %s %s %s", id, r.State, r.Reason, r.Held))
		for _, rr := range r.Robots {
			why = append(why, fmt.Sprintf("%s %s: %s %s", rr.Robot, rr.Step, rr.Why, rr.Reason))
		}
	}
	return all, fmt.Sprintf("did not end: %v", why)
}

// answer is what a person does who is asked.
func (s *simulation) answer(id string) {
	st := s.stored(id)
	if st.Status.State == rollout.StatePaused {
		_, _ = s.service().Wish(context.Background(), id, rollout.Wish{Action: rollout.ActionResume, By: "bob", Role: "engineer"})
	}
	s.takeBack(id, st)
	if r, err := s.service().Get(context.Background(), id); err == nil && r.Approval != nil {
		_, _ = s.service().Wish(context.Background(), id, rollout.Wish{Action: rollout.ActionApprove, By: "bob", Role: "engineer"})
	}
}

// takeBack rolls the robots back that a person gave up.
func (s *simulation) takeBack(id string, st rollout.Stored) {
	for _, robot := range s.robots {
		if rs := st.Status.Robot(robot); rs.Step == rollout.StepNeedsOperator && !rs.Undo {
			_, _ = s.service().Wish(context.Background(), id, rollout.Wish{
				Action: rollout.ActionRollback, Robot: robot, By: "bob", Role: "engineer",
			})
		}
	}
}
