//go:build bench

package rollout_test

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

// A thousand robots, ten at a time: what the manager adds to the time of the
// engines and of the gates, and how often it writes.
func TestFigureAThousandRobots(t *testing.T) {
	const robots, atOnce = 1000, 10
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		store := rollouttest.NewStore()
		f := rollouttest.NewFleet(fleet.NewRegistry(&fleet.Journal{}), robots)
		r := rollout.NewRunner(rollout.RunnerOptions{
			Store: store, Elector: rollouttest.NewElector(store), Engine: f, Registry: f.Registry, Log: slog.New(slog.DiscardHandler),
		})
		s := rollout.NewService(store, f, r)
		done := make(chan struct{})
		go func() { f.Run(ctx, time.Second); done <- struct{}{} }()
		go func() { _ = r.Run(ctx); done <- struct{}{} }()
		time.Sleep(2 * time.Second)
		start := time.Now()
		report, err := s.Start(ctx, rollout.Spec{
			Image: "registry/amr:2", Robots: "all", MaxUnavailable: rollout.Robots(atOnce), PullAhead: atOnce,
			After: rollout.After{Window: rollout.Duration(5 * time.Second)},
		}, "ada", false)
		require.NoError(t, err)
		var st rollout.Stored
		for range 3600 {
			time.Sleep(time.Second)
			if st, err = store.Load(ctx, report.ID); st.Status.State.Terminal() {
				break
			}
		}
		require.NoError(t, err)
		require.Equal(t, rollout.StateCompleted, st.Status.State, st.Status.Reason)
		took := time.Since(start)
		// The canary goes first, alone; six effects and a stop replace a container.
		replace := 6*f.EffectTime + f.StopTime
		ideal := time.Duration(robots/atOnce+1) * (replace + 5*time.Second)
		over := (took - ideal) * atOnce / robots
		t.Logf("figure: 1,000 robots, 10 at a time: %v in all, %v of engines and gates: %v more per robot; %.1f writes per robot",
			took.Round(time.Second), ideal.Round(time.Second), over.Round(time.Millisecond), float64(store.Saves())/robots)
		assert.Less(t, over, 2*time.Second)
		assert.Less(t, store.Saves(), 10*robots)
		cancel()
		<-done
		<-done
	})
	t.Logf("figure: %v of this machine's %d cores", time.Since(began).Round(time.Millisecond), runtime.NumCPU())
}
