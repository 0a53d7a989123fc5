package rollout_test

import (
	"context"
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

// lateLock is a fleet whose first robot is locked by an operator just before a
// replacement has no way back.
type lateLock struct {
	*rollouttest.Fleet
	lock    sync.Once
	store   *rollouttest.Store
	answers []error // of ready
}

func (l *lateLock) Replace(ctx context.Context, t rollout.Target, ready func() error) error {
	return l.Fleet.Replace(ctx, t, func() error {
		l.lock.Do(func() { _ = l.store.PutHold(ctx, rollout.Hold{Robot: t.Robot, By: "bob", Reason: "hands inside"}) })
		err := ready()
		l.answers = append(l.answers, err)
		return err
	})
}

// What an operator was told is locked is not touched, although the runner has
// decided before it heard of that.
func TestALockThatComesLateHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer func() { cancel(); running.Wait() }()
		store := rollouttest.NewStore()
		f := &lateLock{Fleet: rollouttest.NewFleet(fleet.NewRegistry(&fleet.Journal{}), 1), store: store}
		r := rollout.NewRunner(rollout.RunnerOptions{
			Store: store, Elector: rollouttest.NewElector(store), Engine: f, Registry: f.Registry, Log: slog.New(slog.DiscardHandler),
		})
		s := rollout.NewService(store, f, r)
		running.Go(func() { f.Run(ctx, 200*time.Millisecond) })
		running.Go(func() { _ = r.Run(ctx) })
		running.Go(func() { _ = s.Run(ctx) })
		time.Sleep(time.Second)
		started, err := s.Start(ctx, rollout.Spec{Image: "registry/amr:2", Robots: "all"}, "ada", false)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.NotEmpty(t, f.answers)
		require.ErrorIs(t, f.answers[0], rollout.ErrNotNow)
		got, err := s.Get(ctx, started.ID)
		require.NoError(t, err)
		assert.Equal(t, rollout.StepWaiting, got.Robots[0].Step, got.Robots[0].Why)
		require.NoError(t, store.RemoveHold(ctx, "r1"))
		time.Sleep(time.Minute)
		got, err = s.Get(ctx, started.ID)
		require.NoError(t, err)
		assert.Equal(t, rollout.StateCompleted, got.State, got.Reason)
	})
}
