package ros

import (
	"math"

	"github.com/muster-fleet/muster/internal/fleet"
)

// track joins a robot's two sources of pose: odometry, which is smooth and
// drifts, and a localised pose, which comes seldom. Between two localised poses
// it carries the last one on by what odometry says, as the transform from map to
// odom does (REP-105).
type track struct {
	odom     fleet.Pose
	hasOdom  bool
	waiting  *fleet.Pose // a localised pose that came before any odometry
	frame    string      // of the localised poses
	local    bool
	x, y, th float64 // the transform from the odometry's frame to the map's
}

// odometry is the robot's pose now.
func (t *track) odometry(p fleet.Pose) fleet.Pose {
	t.odom, t.hasOdom = p, true
	if t.waiting != nil {
		t.align(*t.waiting)
		t.waiting = nil
	}
	if !t.local || p.Localised {
		return p
	}
	sin, cos := math.Sincos(t.th)
	p.X, p.Y = t.x+cos*p.X-sin*p.Y, t.y+sin*p.X+cos*p.Y
	p.Yaw = wrap(p.Yaw + t.th)
	p.Frame, p.Localised = t.frame, true
	return p
}

// localised takes a new pose in the map.
func (t *track) localised(p fleet.Pose) fleet.Pose {
	t.local, t.frame = true, p.Frame
	if t.hasOdom {
		t.align(p)
	} else {
		t.waiting = &p
	}
	return p
}

// align makes the odometry of now mean the pose p.
func (t *track) align(p fleet.Pose) {
	t.th = wrap(p.Yaw - t.odom.Yaw)
	sin, cos := math.Sincos(t.th)
	t.x = p.X - (cos*t.odom.X - sin*t.odom.Y)
	t.y = p.Y - (sin*t.odom.X + cos*t.odom.Y)
}

func (t *track) motion() motion { return motion{t.odom.Speed, t.odom.Turn} }

// wrap brings an angle into (-π, π].
func wrap(a float64) float64 {
	a = math.Mod(a, 2*math.Pi)
	switch {
	case a > math.Pi:
		return a - 2*math.Pi
	case a <= -math.Pi:
		return a + 2*math.Pi
	}
	return a
}
