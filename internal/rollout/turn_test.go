package rollout_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
)

// The time for a pull counts from when it has its turn at its site, and a robot
// that waits for its turn says so.
func TestAPullThatWaitsForItsTurnIsNotLate(t *testing.T) {
	for name, tc := range map[string]struct {
		turn, effect time.Duration
		want         rollout.State
	}{
		"waits long":             {20 * time.Minute, time.Second, rollout.StateCompleted},
		"waits, then pulls long": {5 * time.Minute, 2 * time.Minute, rollout.StateFailed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, 1, 1)
				defer h.close()
				h.fleet.Turn, h.fleet.EffectTime = tc.turn, tc.effect
				began := time.Now()
				started, err := h.service.Start(t.Context(), rollout.Spec{
					Image: "registry/amr:2", Robots: "all", Deadlines: rollout.Deadlines{Pull: rollout.Duration(time.Minute)},
				}, "ada", false)
				require.NoError(t, err)
				for time.Since(began) < 4*time.Minute {
					time.Sleep(time.Second)
				}
				r, err := h.service.Get(t.Context(), started.ID)
				require.NoError(t, err)
				assert.Equal(t, "waits for its turn at site north", r.Robots[0].Why)
				other := rollout.NewRunner(rollout.RunnerOptions{Store: h.store, Elector: h.elector, Engine: h.fleet, Registry: h.fleet.Registry})
				r, err = rollout.NewService(h.store, h.fleet, other).Get(t.Context(), started.ID)
				require.NoError(t, err)
				assert.Equal(t, "waits for its turn to pull", r.Robots[0].Why, "as another manager says it")
				time.Sleep(tc.turn)
				r = h.await(started.ID)
				assert.Equal(t, tc.want, r.State, r.Reason)
			})
		})
	}
}
