package ros

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/msgs/geometry_msgs"
)

// Whatever the drift between the two frames, the track follows the true pose.
func TestTrackFollowsTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		num := rapid.Float64Range(-50, 50)
		angle := rapid.Float64Range(-math.Pi, math.Pi)
		dx, dy, dth := num.Draw(t, "dx"), num.Draw(t, "dy"), angle.Draw(t, "dth")
		sin, cos := math.Sincos(-dth)
		inOdom := func(p fleet.Pose) fleet.Pose {
			x, y := p.X-dx, p.Y-dy
			return fleet.Pose{X: cos*x - sin*y, Y: sin*x + cos*y, Yaw: wrap(p.Yaw - dth), Frame: "odom"}
		}
		draw := func() fleet.Pose {
			return fleet.Pose{X: num.Draw(t, "x"), Y: num.Draw(t, "y"), Yaw: angle.Draw(t, "yaw"), Frame: "map"}
		}
		var tr track
		first := draw()
		if rapid.Bool().Draw(t, "the pose comes first") {
			tr.localised(first, 0, 1)
			tr.odometry(inOdom(first), 0, 1)
		} else {
			tr.odometry(inOdom(first), 0, 1)
			tr.localised(first, 0, 1)
		}
		for range 5 {
			want := draw()
			got := tr.odometry(inOdom(want), 0, 1)
			require.InDelta(t, want.X, got.X, 1e-6)
			require.InDelta(t, want.Y, got.Y, 1e-6)
			require.InDelta(t, 0, math.Sin((want.Yaw-got.Yaw)/2), 1e-6)
			require.True(t, got.Localised)
		}
	})
}

func TestRate(t *testing.T) {
	now, total := time.Unix(1000, 0), uint64(0)
	var r rate
	run := func(seconds int, hz float64) {
		carry := 0.0
		for range seconds {
			now = now.Add(time.Second)
			carry += hz
			total += uint64(carry)
			carry -= math.Trunc(carry)
			r.tick(now, total)
		}
	}
	run(10, 10)
	assert.InDelta(t, 10, r.hz, 0.01)
	assert.InDelta(t, 10, r.usual, 0.5)
	run(3, 0)
	assert.Less(t, r.hz, 10.0)
	run(10, 0)
	assert.Zero(t, r.hz)
	assert.InDelta(t, 10, r.usual, 1, "silence is not usual")
	run(3, 10)
	assert.InDelta(t, 10, r.hz, 0.01, "it is back within the short window")
	run(20, 3)
	assert.InDelta(t, 3, r.hz, 0.01)
	assert.InDelta(t, 10, r.usual, 1, "a drop is not usual yet")
	run(300, 3)
	assert.InDelta(t, 3, r.usual, 0.2, "a drop that lasts is")

	slow := rate{}
	r, total = slow, 0
	run(30, 0.5)
	assert.InDelta(t, 0.5, r.hz, 0.11, "a topic of every two seconds")
}

func TestYaw(t *testing.T) {
	for _, want := range []float64{0, 1, -1, 3, -3, math.Pi / 2} {
		q := quaternion(want)
		q.Z, q.W = 3*q.Z, 3*q.W // drivers do not all normalise
		assert.InDelta(t, want, yaw(q), 1e-12)
	}
}

func quaternion(yaw float64) geometry_msgs.Quaternion {
	return geometry_msgs.Quaternion{Z: math.Sin(yaw / 2), W: math.Cos(yaw / 2)}
}
