package rollout_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

// countingStore counts the robots that are down after each status that is stored,
// over all rollouts.
type countingStore struct {
	*rollouttest.Store
	mu     sync.Mutex
	stands map[string]rollout.Status
	most   int
}

func (s *countingStore) Save(ctx context.Context, f rollout.Fence, prev, next rollout.Status) (rollout.Status, error) {
	saved, err := s.Store.Save(ctx, f, prev, next)
	if err != nil {
		return saved, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stands[saved.Rollout] = saved
	down := 0
	for _, st := range s.stands {
		for _, rs := range st.Robots {
			if rs.Step.Down() {
				down++
			}
		}
	}
	s.most = max(s.most, down)
	return saved, nil
}

func (s *countingStore) peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// limitedHouse is a house whose managers have a limit over the whole fleet.
func limitedHouse(t *testing.T, n, managers int, limit rollout.Share) (*house, *countingStore) {
	t.Helper()
	counting := &countingStore{stands: make(map[string]rollout.Status)}
	h := newHouse(t, n, managers, func(o *rollout.RunnerOptions) {
		if counting.Store == nil { // the managers share it, and the first may be at work
			counting.Store = o.Store.(*rollouttest.Store)
		}
		o.Store, o.MaxUnavailable = counting, limit
	})
	return h, counting
}

// Rollouts over different robots share the fleet's limit, also when they are decided
// in the same round: each sees what the one before it has just begun.
func TestRolloutsShareTheFleetsLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		limit rollout.Share
		most  int
	}{
		"no limit":        {rollout.Share{}, 4},
		"one":             {rollout.Robots(1), 1},
		"three":           {rollout.Robots(3), 3},
		"a share":         {rollout.Share{Percent: 34}, 2}, // of six
		"a share of none": {rollout.Share{Percent: 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, counting := limitedHouse(t, 6, 1, tc.limit)
				defer h.close()
				var ids []string
				for _, robots := range []string{"r1,r2,r3", "r4,r5,r6"} {
					r, err := h.service.Start(t.Context(), rollout.Spec{
						Image: "registry/amr:2", Robots: robots, Waves: []rollout.Wave{"3"}, MaxUnavailable: rollout.Robots(2),
					}, "ada", false)
					require.NoError(t, err)
					ids = append(ids, r.ID)
				}
				for _, id := range ids {
					r := h.await(id)
					assert.Equal(t, rollout.StateCompleted, r.State, r.Reason)
				}
				assert.Equal(t, tc.most, counting.peak())
				live, _ := h.fleet.Witness()
				assert.GreaterOrEqual(t, live, 6-tc.most, "robots that ran at one time")
			})
		})
	}
}

// What a rollout waits for is told to people, and the limit itself.
func TestARolloutTellsOfTheFleetsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := limitedHouse(t, 2, 1, rollout.Robots(1))
		defer h.close()
		first, err := h.service.Start(t.Context(), rollout.Spec{Image: "registry/amr:3", Robots: "r1"}, "ada", false) // never publishes
		require.NoError(t, err)
		time.Sleep(5 * time.Second)
		const why = "as many robots of the whole fleet as rollouts.max_unavailable allows (1) are being replaced, robot r1 in rollout "
		dry, err := h.service.Start(t.Context(), rollout.Spec{Image: "registry/amr:2", Robots: "r2"}, "ada", true)
		require.NoError(t, err)
		assert.Equal(t, why+first.ID, dry.Robots[0].Why)
		assert.Equal(t, 1, dry.FleetLimit)
		second, err := h.service.Start(t.Context(), rollout.Spec{Image: "registry/amr:2", Robots: "r2"}, "ada", false)
		require.NoError(t, err)
		time.Sleep(5 * time.Second)
		second, err = h.service.Get(t.Context(), second.ID)
		require.NoError(t, err)
		assert.Equal(t, why+first.ID, second.Robots[0].Why)
		assert.Equal(t, 1, second.FleetLimit)
		assert.Equal(t, rollout.StateFailed, h.await(first.ID).State)
		assert.Equal(t, rollout.StateCompleted, h.await(second.ID).State)
	})
}

// A rollback does not wait until another rollout is through with its fleet: the room
// that comes free is its own.
func TestARollbackGoesBeforeOtherRolloutsRobots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := limitedHouse(t, 6, 1, rollout.Robots(1))
		defer h.close()
		start := func(spec rollout.Spec) string {
			spec.Image = "registry/amr:2"
			r, err := h.service.Start(t.Context(), spec, "ada", false)
			require.NoError(t, err)
			return r.ID
		}
		step := func(id string, i int) rollout.Step {
			r, err := h.service.Get(t.Context(), id)
			require.NoError(t, err)
			return r.Robots[i].Step
		}
		until := func(id string, i int, want rollout.Step) {
			for range 100 {
				if step(id, i) == want {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
			t.Fatalf("robot %d of %s is %s", i, id, step(id, i))
		}
		many := start(rollout.Spec{Robots: "r1,r2,r3,r4,r5", Canary: new(0)})
		until(many, 0, rollout.StepVerifying)
		one := start(rollout.Spec{Robots: "r6", Soak: rollout.Duration(time.Hour)})
		_, err := h.service.Wish(t.Context(), many, rollout.Wish{Action: rollout.ActionPause, By: "bob", Role: "engineer"})
		require.NoError(t, err)
		until(many, 0, rollout.StepDone)
		until(one, 0, rollout.StepDone)
		_, err = h.service.Wish(t.Context(), many, rollout.Wish{Action: rollout.ActionResume, By: "bob", Role: "engineer"})
		require.NoError(t, err)
		until(many, 1, rollout.StepVerifying)
		_, err = h.service.Wish(t.Context(), one, rollout.Wish{Action: rollout.ActionRollback, By: "bob", Role: "engineer"})
		require.NoError(t, err)
		until(many, 1, rollout.StepDone)
		until(one, 0, rollout.StepRolledBack)
		assert.NotEqual(t, rollout.StepDone, step(many, 2), "the rollback came first")
		assert.Equal(t, rollout.StateCompleted, h.await(many).State)
	})
}

// Whatever befalls the managers, and whoever rolls back, never more robots are down
// than the fleet's limit.
func TestTheFleetsLimitSurvives(t *testing.T) {
	reached := 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		limit := 1 + r.IntN(3)
		synctest.Test(t, func(t *testing.T) {
			h, counting := limitedHouse(t, 6, 2, rollout.Robots(limit))
			defer h.close()
			var ids []string
			for i, robots := range []string{"r1,r2", "r3,r4", "r5,r6"} {
				spec := rollout.Spec{
					Image: fmt.Sprintf("registry/amr:%d", 2+r.IntN(2)), Robots: robots, Waves: []rollout.Wave{"2"},
					MaxUnavailable: rollout.Robots(2), MaxFailures: rollout.Robots(r.IntN(3)),
					OnFailure: []rollout.OnFailure{rollout.RollBackRobot, rollout.RollBackAll}[r.IntN(2)],
				}
				if i == 0 {
					spec.Soak = rollout.Duration(30 * time.Second)
				}
				started, err := h.service.Start(t.Context(), spec, "ada", false)
				require.NoError(t, err)
				ids = append(ids, started.ID)
			}
			for range 6 {
				time.Sleep(time.Duration(r.IntN(8000)) * time.Millisecond)
				switch r.IntN(3) {
				case 0:
					h.elector.Depose(0)
				case 1:
					_, _ = h.service.Wish(t.Context(), ids[r.IntN(3)], rollout.Wish{Action: rollout.ActionRollback, By: "bob", Role: "engineer"})
				default:
				}
			}
			for _, id := range ids {
				h.await(id)
			}
			require.LessOrEqual(t, counting.peak(), limit, "seed %d", seed)
			if counting.peak() == limit && limit > 1 {
				reached++
			}
		})
	}
	assert.Positive(t, reached, "the limit was never reached: the seeds try too little")
}
