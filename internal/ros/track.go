package ros

import (
	"math"
	"time"

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
	x, y, th float64 // the transform from the map's frame to the odometry's
	byTF     int64   // when a transform last gave it, ns; such a one is exact
	spokeAt  int64   // when odometry last came, ns
	localAt  int64   // when a localised pose or one by transforms last came, ns
	last     fleet.Pose
	hasLast  bool
}

// A better source keeps the others quiet for that long.
const betterFor = int64(2 * time.Second)

// spoke reports whether odometry came just now: it tells velocities.
func (t *track) spoke(now int64) bool { return t.spokeAt != 0 && now-t.spokeAt < betterFor }

// placed reports whether anything but a satellite gave a pose just now.
func (t *track) placed(now int64) bool {
	return t.spoke(now) || t.localAt != 0 && now-t.localAt < betterFor
}

// moved adds the velocity to a pose of a source that tells none, by what changed
// since its last one.
func (t *track) moved(p fleet.Pose) fleet.Pose {
	if dt := p.Receive.Sub(t.last.Receive).Seconds(); t.hasLast && dt > 0 && dt < 5 && t.last.Frame == p.Frame {
		dx, dy := p.X-t.last.X, p.Y-t.last.Y
		if p.Frame == "gps" && math.Hypot(dx, dy) > 0.5 {
			p.Yaw = math.Atan2(dy, dx) // a satellite tells no heading: the course
		} else if p.Frame == "gps" {
			p.Yaw = t.last.Yaw
		}
		sin, cos := math.Sincos(p.Yaw)
		still := p
		if p.Speed, p.Turn = (cos*dx+sin*dy)/dt, wrap(p.Yaw-t.last.Yaw)/dt; !p.Finite() {
			p = still // it cannot have come from there
		}
	}
	if p.Finite() { // one that is not would spoil the next one's velocity
		t.last, t.hasLast = p, true
	}
	return p
}

// odometry is the robot's pose now.
func (t *track) odometry(p fleet.Pose) fleet.Pose {
	t.odom, t.hasOdom, t.spokeAt = p, true, p.Receive.UnixNano()
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
	t.localAt = p.Receive.UnixNano()
	if t.byTF != 0 && t.localAt-t.byTF < int64(10*time.Second) {
		return p // the transform that goes with it is better
	}
	if t.hasOdom {
		t.align(p)
	} else {
		t.waiting = &p
	}
	return p
}

// align makes the odometry of now mean the pose p, unless no finite transform does.
func (t *track) align(p fleet.Pose) {
	th := wrap(p.Yaw - t.odom.Yaw)
	sin, cos := math.Sincos(th)
	x := p.X - (cos*t.odom.X - sin*t.odom.Y)
	y := p.Y - (sin*t.odom.X + cos*t.odom.Y)
	if finite("", x, y, th) == nil {
		t.x, t.y, t.th, t.local, t.frame = x, y, th, true, p.Frame
	}
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
