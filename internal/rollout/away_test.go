package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The time that a robot is waited for begins with its turn, not when it was
// seen last.
func TestOfflineIsWaitedForFromItsTurn(t *testing.T) {
	for _, offline := range []Offline{OfflineWait, OfflineBlock} {
		t.Run(string(offline), func(t *testing.T) {
			w := newWorld(2, Spec{Offline: offline})
			w.robots["r2"].offline, w.robots["r2"].lastSeen = true, t0.Add(-40*time.Minute)
			w.since = t0.Add(-2 * time.Hour)
			w.until(t, "r1", StepDone)
			w.advance(29 * time.Minute)
			require.Equal(t, StepQueued, w.status.Robot("r2").Step, w.status.Robot("r2").Reason)
			require.Equal(t, StateRunning, w.status.State)
			w.advance(2 * time.Minute)
			if offline == OfflineWait {
				assert.Equal(t, StepSkipped, w.status.Robot("r2").Step)
				return
			}
			require.Equal(t, StatePaused, w.status.State)
			w.wish(ActionResume, "", "bob", "wait on")
			w.advance(29 * time.Minute)
			assert.Equal(t, StateRunning, w.status.State, w.status.Reason)
			w.advance(2 * time.Minute)
			assert.Equal(t, StatePaused, w.status.State)
			w.robots["r2"].offline = false
			w.wish(ActionResume, "", "bob", "")
			w.advance(5 * time.Minute)
			assert.Equal(t, StateCompleted, w.status.State)
		})
	}
}

// Time in which no manager watched is not the robot's.
func TestOfflineDoesNotCountTheManagersAbsence(t *testing.T) {
	w := newWorld(1, Spec{Offline: OfflineWait})
	w.robots["r1"].offline = true
	w.advance(10 * time.Minute)
	w.crash()
	w.now = w.now.Add(time.Hour)
	w.since = w.now
	w.advance(29 * time.Minute)
	assert.Equal(t, StepQueued, w.status.Robot("r1").Step)
	w.robots["r1"].offline = false
	w.advance(5 * time.Minute)
	assert.Equal(t, StateCompleted, w.status.State)
}
