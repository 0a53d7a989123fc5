package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

// house is everything around a runner, in memory.
type house struct {
	t       *testing.T
	store   *rollouttest.Store
	elector *rollouttest.Elector
	fleet   *rollouttest.Fleet
	service *rollout.Service
	wg      sync.WaitGroup
	cancel  context.CancelFunc
}

// newHouse starts a fleet of n robots and as many managers as asked for, which a test
// may change.
func newHouse(t *testing.T, n, managers int, change ...func(*rollout.RunnerOptions)) *house {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	h := &house{t: t, store: rollouttest.NewStore(), cancel: cancel}
	h.elector = rollouttest.NewElector(h.store)
	h.fleet = rollouttest.NewFleet(fleet.NewRegistry(&fleet.Journal{}), n)
	h.wg.Go(func() { h.fleet.Run(ctx, 200*time.Millisecond) })
	for range managers {
		o := rollout.RunnerOptions{
			Store: h.store, Elector: h.elector, Engine: h.fleet, Registry: h.fleet.Registry, Log: slog.New(slog.DiscardHandler),
		}
		for _, f := range change {
			f(&o)
		}
		r := rollout.NewRunner(o)
		s := rollout.NewService(h.store, h.fleet, r)
		h.wg.Go(func() { _ = r.Run(ctx) })
		h.wg.Go(func() { _ = s.Run(ctx) })
		h.service = s
	}
	time.Sleep(time.Second) // of the bubble: the fleet is known now
	return h
}

func (h *house) close() {
	h.cancel()
	h.wg.Wait()
}

func (h *house) start(image string) string {
	h.t.Helper()
	r, err := h.service.Start(h.t.Context(), rollout.Spec{Image: image, Robots: "all"}, "ada", false)
	require.NoError(h.t, err)
	return r.ID
}

// await lets the bubble's time pass until the rollout ended.
func (h *house) await(id string) rollout.Report {
	h.t.Helper()
	for range 600 {
		time.Sleep(time.Second)
		r, err := h.service.Get(h.t.Context(), id)
		require.NoError(h.t, err)
		if r.State.Terminal() {
			return r
		}
	}
	r, _ := h.service.Get(h.t.Context(), id)
	h.t.Fatalf("rollout did not end: %+v", r)
	return r
}

func TestRunnerCompletesOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 3, 1)
		defer h.close()
		r := h.await(h.start("registry/amr:2"))
		assert.Equal(t, rollout.StateCompleted, r.State, r.Reason)
		for _, id := range []string{"r1", "r2", "r3"} {
			assert.Equal(t, []string{rollouttest.NewDigest}, h.fleet.Running(id))
		}
		live, overlaps := h.fleet.Witness()
		assert.Equal(t, 0, overlaps)
		assert.GreaterOrEqual(t, live, 2)
		assert.Less(t, h.store.Saves(), 30, "a step costs one write, waiting costs none")
	})
}

func TestRunnerRollsASilentCanaryBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 3, 1)
		defer h.close()
		r := h.await(h.start("registry/amr:3"))
		assert.Equal(t, rollout.StateFailed, r.State)
		assert.Contains(t, r.Reason, "not in the graph: /r1/driver")
		for _, id := range []string{"r1", "r2", "r3"} {
			assert.Equal(t, []string{rollouttest.OldDigest}, h.fleet.Running(id))
		}
		assert.Equal(t, map[rollout.Step]int{rollout.StepRolledBack: 1, rollout.StepSkipped: 2}, r.Counts)
	})
}

// The term is taken away again and again, at every phase of the work, with two
// managers; the result is the same.
func TestRunnerSurvivesTheLossOfItsTerm(t *testing.T) {
	for phase := range 20 {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, 2, 2)
			defer h.close()
			id := h.start("registry/amr:2")
			time.Sleep(time.Duration(phase) * 37 * time.Millisecond)
			for range 5 {
				h.elector.Depose(0)
				time.Sleep(time.Duration(phase+1) * 53 * time.Millisecond)
			}
			r := h.await(id)
			assert.Equal(t, rollout.StateCompleted, r.State, r.Reason)
			for _, robot := range []string{"r1", "r2"} {
				assert.Equal(t, []string{rollouttest.NewDigest}, h.fleet.Running(robot))
			}
		})
	}
}

func TestRunnerHoldsWhileTheStoreIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 1, 1)
		defer h.close()
		id := h.start("registry/amr:2")
		h.store.SetDown(true)
		time.Sleep(10 * time.Second)
		assert.Contains(t, h.service.Held(), "cut off")
		h.store.SetDown(false)
		assert.Equal(t, rollout.StateCompleted, h.await(id).State)
		assert.Empty(t, h.service.Held())
	})
}

func TestLostRepliesChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 2, 1)
		defer h.close()
		lost := make(map[string]bool)
		var mu sync.Mutex
		h.fleet.After = func(_ context.Context, robot, effect string) error {
			mu.Lock()
			defer mu.Unlock()
			if key := robot + effect; !lost[key] {
				lost[key] = true
				return errors.New("connection reset")
			}
			return nil
		}
		spec := rollout.Spec{Image: "registry/amr:2", Robots: "all", Deadlines: rollout.Deadlines{Replace: rollout.Duration(5 * time.Minute)}}
		started, err := h.service.Start(t.Context(), spec, "ada", false)
		require.NoError(t, err)
		r := h.await(started.ID)
		assert.Equal(t, rollout.StateCompleted, r.State, r.Reason)
	})
}

func TestServiceRefusesWithTheFieldNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 2, 1)
		defer h.close()
		for _, tc := range []struct {
			spec  rollout.Spec
			field string
		}{
			{rollout.Spec{Image: "registry/amr:9", Robots: "all"}, "image"},
			{rollout.Spec{Image: "registry/amr:2", Robots: "r7"}, "robots"},
			{rollout.Spec{Image: "registry/amr:2", Robots: "all", MaxUnavailable: rollout.Robots(-1)}, "max_unavailable"},
			{rollout.Spec{Image: "registry/amr:1", Robots: "all"}, "robots"}, // all run it already
		} {
			_, err := h.service.Start(t.Context(), tc.spec, "ada", false)
			var field *rollout.FieldError
			require.ErrorAs(t, err, &field, "%+v", tc.spec)
			assert.Equal(t, tc.field, field.Field)
		}
		h.start("registry/amr:2")
		_, err := h.service.Start(t.Context(), rollout.Spec{Image: "registry/amr:2", Robots: "r2"}, "bob", false)
		require.ErrorIs(t, err, rollout.ErrConflict)
	})
}

func TestWishesPauseAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 2, 1)
		defer h.close()
		id := h.start("registry/amr:2")
		_, err := h.service.Wish(t.Context(), id, rollout.Wish{Action: rollout.ActionPause, By: "ada", Role: "engineer", Reason: "visitors"})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		r, err := h.service.Get(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, rollout.StatePaused, r.State)
		assert.Equal(t, "paused by ada: visitors", r.Reason)
		_, err = h.service.Wish(t.Context(), id, rollout.Wish{Action: rollout.ActionPause, By: "ada", Role: "engineer", Reason: ""})
		require.ErrorIs(t, err, rollout.ErrConflict)
		_, err = h.service.Wish(t.Context(), id, rollout.Wish{Action: rollout.ActionResume, By: "ada", Role: "engineer", Reason: ""})
		require.NoError(t, err)
		assert.Equal(t, rollout.StateCompleted, h.await(id).State)
	})
}

// Two rollouts of one charging station never have both of its robots down.
func TestRolloutsShareTheLimitOfALabel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 2, 1)
		defer h.close()
		for _, id := range []string{"r1", "r2"} {
			h.fleet.Registry.Apply(time.Now(), fleet.InventoryObserved{
				ID: id, Namespace: "/" + id, Engine: "e-" + id, Labels: map[string]string{"station": "A"},
			})
		}
		var ids []string
		for _, robot := range []string{"r1", "r2"} {
			r, err := h.service.Start(t.Context(), rollout.Spec{
				Image: "registry/amr:2", Robots: robot, MaxPer: []rollout.GroupLimit{{Label: "station", Max: 1}},
			}, "ada", false)
			require.NoError(t, err)
			ids = append(ids, r.ID)
		}
		for _, id := range ids {
			assert.Equal(t, rollout.StateCompleted, h.await(id).State)
		}
		live, _ := h.fleet.Witness()
		assert.Equal(t, 1, live)
	})
}

// A rollout that was planned later, by a manager whose clock is slow, waits for
// the robot that another has in hand.
func TestAQueuedRolloutLeavesTheRobotInHandAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 1, 1)
		defer h.close()
		slow := rollout.NewRunner(rollout.RunnerOptions{
			Store: h.store, Elector: h.elector, Engine: h.fleet, Registry: h.fleet.Registry, Log: slog.New(slog.DiscardHandler),
			Now: func() time.Time { return time.Now().Add(-3 * time.Second) },
		})
		other := rollout.NewService(h.store, h.fleet, slow)
		first := h.start("registry/amr:3") // it is rolled back after a minute
		time.Sleep(time.Second)
		second, err := other.Start(t.Context(), rollout.Spec{Image: "registry/amr:2", Robots: "all", Conflict: rollout.ConflictQueue}, "bob", false)
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		r, err := h.service.Get(t.Context(), second.ID)
		require.NoError(t, err)
		assert.Contains(t, r.Robots[0].Why, first)
		a := h.await(first)
		assert.Equal(t, rollout.StateFailed, a.State)
		assert.Equal(t, map[rollout.Step]int{rollout.StepRolledBack: 1}, a.Counts, a.Reason)
		b := h.await(second.ID)
		assert.Equal(t, rollout.StateCompleted, b.State, b.Reason)
		assert.Equal(t, []string{rollouttest.NewDigest}, h.fleet.Running("r1"))
		assert.Equal(t, []string{"amr"}, h.fleet.Containers("r1"))
	})
}

// An approval without a wave is one of the wave that waits when it is asked for.
func TestTheServiceSaysWhichWaveIsApproved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 2, 1)
		defer h.close()
		r, err := h.service.Start(t.Context(), rollout.Spec{
			Image: "registry/amr:2", Robots: "all", Approval: rollout.Approval{Before: rollout.ApproveEach},
		}, "ada", false)
		require.NoError(t, err)
		approve := rollout.Wish{Action: rollout.ActionApprove, By: "bob", Role: "engineer"}
		_, err = h.service.Wish(t.Context(), r.ID, approve)
		require.NoError(t, err)
		// At the same moment: wave 0 is approved already, or is once more.
		if _, err = h.service.Wish(t.Context(), r.ID, approve); err != nil {
			require.ErrorIs(t, err, rollout.ErrConflict)
		}
		time.Sleep(time.Minute)
		r, err = h.service.Get(t.Context(), r.ID)
		require.NoError(t, err)
		require.NotNil(t, r.Approval)
		assert.Equal(t, 1, *r.Approval)
		assert.Equal(t, []string{rollouttest.OldDigest}, h.fleet.Running("r2"))
		_, err = h.service.Wish(t.Context(), r.ID, approve)
		require.NoError(t, err)
		assert.Equal(t, rollout.StateCompleted, h.await(r.ID).State)
	})
}

// Why a robot is not further is told with what its checks answered, not only that
// they are asked.
func TestAReportTellsWhatAChecksAnswerIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 1, 1)
		defer h.close()
		started, err := h.service.Start(t.Context(), rollout.Spec{
			Image: "registry/amr:3", Robots: "all", After: rollout.After{
				SkipNodes: true, SkipTopics: true, SkipDiagnostics: true,
				Checks: []rollout.Check{{Name: "ready", Command: []string{"ready"}}},
			},
		}, "ada", false)
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		r, err := h.service.Get(t.Context(), started.ID)
		require.NoError(t, err)
		require.Equal(t, rollout.StepVerifying, r.Robots[0].Step)
		assert.NotContains(t, r.Robots[0].Why, "has not answered yet")
		assert.Contains(t, r.Robots[0].Gates, rollout.Gate{Name: "check ready", Outcome: rollout.Fail, Reason: "no answer"})
	})
}

// People who start rollouts at the same time, or take ended ones back, do not stand in
// each other's way as long as their robots are not the same.
func TestRolloutsAreStartedAtTheSameTime(t *testing.T) {
	const n = 2 * 20 // more than a plan may be overtaken by other managers
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, n, 1)
		defer h.close()
		h.fleet.PreviewTime = 10 * time.Millisecond // enough for the others to come between
		idle := rollout.NewRunner(rollout.RunnerOptions{
			Store: h.store, Elector: h.elector, Engine: h.fleet, Registry: h.fleet.Registry, Log: slog.New(slog.DiscardHandler),
		})
		managers := []*rollout.Service{h.service, rollout.NewService(h.store, h.fleet, idle)}
		together := func(start func(robot int) (rollout.Report, error)) (ids [n]string) {
			var all sync.WaitGroup
			for i := range n {
				all.Go(func() {
					r, err := start(i + 1)
					assert.NoError(t, err)
					ids[i] = r.ID
				})
			}
			all.Wait()
			return ids
		}
		ids := together(func(robot int) (rollout.Report, error) {
			return managers[robot%2].Start(t.Context(), rollout.Spec{Image: "registry/amr:2", Robots: fmt.Sprintf("r%d", robot)}, "ada", false)
		})
		for _, id := range ids {
			require.Equal(t, rollout.StateCompleted, h.await(id).State)
		}
		undone := together(func(robot int) (rollout.Report, error) {
			return managers[robot%2].Wish(t.Context(), ids[robot-1], rollout.Wish{Action: rollout.ActionRollback, By: "ada"})
		})
		for _, id := range undone {
			require.Equal(t, rollout.StateCompleted, h.await(id).State)
		}
		for i := range n {
			assert.Equal(t, []string{rollouttest.OldDigest}, h.fleet.Running(fmt.Sprintf("r%d", i+1)))
		}
	})
}
