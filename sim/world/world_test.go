package world

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// No robot ever drives through a wall, jumps, or is faster than it says.
func TestRobotsMoveLikeRobots(t *testing.T) {
	floor := NewFloor()
	const step = 100 * time.Millisecond
	for index := range 40 {
		r := NewRoute(index)
		was, moved := r.At(time.Unix(0, 0)), false
		for at := step; at < r.period+time.Second; at += step {
			is := r.At(time.Unix(0, int64(at)))
			require.LessOrEqual(t, math.Hypot(is.X-was.X, is.Y-was.Y), speed*step.Seconds()+1e-6, "robot %d at %v", index, at)
			require.LessOrEqual(t, math.Abs(math.Remainder(is.Yaw-was.Yaw, 2*math.Pi)), turn*step.Seconds()+1e-6)
			for a := range 8 { // its body is free of everything
				sin, cos := math.Sincos(float64(a) * math.Pi / 4)
				require.EqualValues(t, free, floor.At(is.X+0.35*cos, is.Y+0.35*sin), "robot %d at %.1f, %.1f", index, is.X, is.Y)
			}
			moved = moved || is.Speed > 0
			was = is
		}
		assert.True(t, moved)
	}
}

func TestASmallFleetIsSpread(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for i := range 6 {
		for j := range i {
			a, b := NewRoute(i).At(now), NewRoute(j).At(now)
			assert.Greater(t, math.Hypot(a.X-b.X, a.Y-b.Y), 1.0, "robots %d and %d", i, j)
		}
	}
}

func TestBattery(t *testing.T) {
	charged, drained := false, false
	for s := range 3600 {
		c, charging := Battery(3, time.Unix(int64(s), 0))
		require.GreaterOrEqual(t, c, 0.24)
		require.LessOrEqual(t, c, 0.99)
		charged, drained = charged || charging, drained || !charging
	}
	assert.True(t, charged && drained)
}
