package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/muster-fleet/muster/internal/rollout"
)

// life is a rollout with what a person does meanwhile.
type life struct {
	spec rollout.Spec
	// steer acts as a person does and returns the rollout that is looked at in the
	// end; nil does nothing.
	steer func(s *simulation, id string) string
	want  rollout.State
	least int // effects that it must have: fewer would prove less
}

func lives() map[string]life {
	amr := func(tag string, more rollout.Spec) rollout.Spec {
		more.Image, more.Robots = "registry/amr:"+tag, "all"
		return more
	}
	return map[string]life{
		"completes":            {amr("2", rollout.Spec{}), nil, rollout.StateCompleted, 35},
		"rolls the robot back": {amr("3", rollout.Spec{}), nil, rollout.StateFailed, 25},
		"rolls all back": {
			amr("2", rollout.Spec{Soak: rollout.Duration(40 * time.Second)}),
			func(s *simulation, id string) string {
				s.awaits(id, func(st rollout.Stored) bool { return st.Status.Robot("r1").Step == rollout.StepDone })
				return s.wishes(id, rollout.Wish{Action: rollout.ActionRollback, Reason: "not what we want"})
			}, rollout.StateRolledBack, 25,
		},
		"soaks": {amr("2", rollout.Spec{Soak: rollout.Duration(10 * time.Second)}), nil, rollout.StateCompleted, 35},
		"is approved": {
			amr("2", rollout.Spec{Approval: rollout.Approval{Before: rollout.ApproveEach}}),
			func(s *simulation, id string) string {
				for wave := range 2 {
					s.awaits(id, func(st rollout.Stored) bool {
						return wave == 0 || st.Status.Robot("r1").Step == rollout.StepDone
					})
					s.wishes(id, rollout.Wish{Action: rollout.ActionApprove, Wave: &wave})
				}
				return id
			}, rollout.StateCompleted, 35,
		},
		"leaves a robot out": {
			amr("2", rollout.Spec{}),
			func(s *simulation, id string) string {
				return s.wishes(id, rollout.Wish{Action: rollout.ActionSkip, Robot: "r2"})
			}, rollout.StateCompleted, 20,
		},
		"is rolled back when it has ended": {
			amr("2", rollout.Spec{}),
			func(s *simulation, id string) string {
				s.awaits(id, func(st rollout.Stored) bool { return st.Status.State.Terminal() })
				return s.wishes(id, rollout.Wish{Action: rollout.ActionRollback})
			}, rollout.StateCompleted, 70,
		},
	}
}

// awaits polls until a rollout stands so.
func (s *simulation) awaits(id string, ok func(rollout.Stored) bool) {
	for range 600 {
		if ok(s.stored(id)) {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// wishes asks a manager that lives, again while the one that was asked dies. It
// returns the rollout that the answer is about.
func (s *simulation) wishes(id string, w rollout.Wish) string {
	w.By, w.Role = "bob", "engineer"
	for range 20 {
		r, err := s.service().Wish(context.Background(), id, w)
		switch {
		case err == nil:
			return r.ID
		case !errors.Is(err, errDead):
			s.note("bob is refused: %v", err)
			return id
		}
		time.Sleep(time.Second)
	}
	return id
}

// run is one life with a crash after one effect, or the loss of its reply; 0 is
// for none. It returns the effects that it had.
func (l life) run(t *testing.T, crashAt, loseAt int) (effects int, problem string) {
	problem = simulate(t, func() string {
		s := newSimulation(1, 2)
		defer s.close()
		id := s.begin(l.spec)
		s.mu.Lock()
		s.effects, s.crashAt, s.loseAt = 0, crashAt, loseAt
		s.mu.Unlock()
		if l.steer != nil {
			id = l.steer(s, id)
		}
		time.Sleep(90 * time.Second)
		s.mu.Lock()
		effects = s.effects
		s.mu.Unlock()
		all, problem := s.finish(id)
		if st := all[0].Status; problem == "" && st.State != l.want {
			problem = fmt.Sprintf("is %s: %s", st.State, st.Reason)
		}
		if problem != "" {
			problem += "\n" + strings.Join(s.trace, "\n")
		}
		return problem
	})
	return effects, problem
}

// A manager is killed after every single effect that a rollout has, on the
// store, on a lease and on an engine, and started again. The end is the same.
func TestACrashAfterEveryEffect(t *testing.T) {
	for name, l := range lives() {
		t.Run(name, func(t *testing.T) {
			effects, problem := l.run(t, 0, 0)
			if problem != "" {
				t.Fatal(problem)
			}
			if effects < l.least {
				t.Fatalf("%d effects, at least %d are expected: this life tries too little", effects, l.least)
			}
			for n := 1; n <= effects; n++ {
				if _, problem := l.run(t, n, 0); problem != "" {
					t.Fatalf("crash after effect %d of %d: %s", n, effects, problem)
				}
				if _, problem := l.run(t, 0, n); problem != "" {
					t.Fatalf("lost reply of effect %d of %d: %s", n, effects, problem)
				}
			}
			t.Logf("a crash after each of %d effects, and the loss of each reply", effects)
		})
	}
}
