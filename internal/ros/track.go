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
	epoch   uint64   // of the domain's clock, see Follower.epoch
	toOdom  history  // from the map's frame to the odometry's
	odom    history  // from the odometry's frame to the robot, by odometry or transforms
	base    history  // from the map's frame to the robot, by transforms
	local   bool     // toOdom is known
	frame   string   // of the localised poses
	waiting *located // a localised pose that came before any odometry
	byTF    int64    // when a transform last gave toOdom, ns; such a one is exact
	spokeAt int64    // when odometry last came, ns
	localAt int64    // when a localised pose or one by transforms last came, ns
	motion  motion   // by odometry

	last      fleet.Pose
	lastStamp int64
	hasLast   bool
}

// located is a localised pose and its stamp.
type located struct {
	pose  fleet.Pose
	stamp int64
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
// since its last one: by their stamps, for what comes in one batch has one time of
// receipt. Stamps that stand still say nothing.
func (t *track) moved(p fleet.Pose, stamp int64) fleet.Pose {
	dt := p.Receive.Sub(t.last.Receive).Seconds()
	if t.lastStamp != 0 && stamp > t.lastStamp {
		dt = float64(stamp-t.lastStamp) / 1e9
	}
	if t.hasLast && dt > 0 && dt < 5 && t.last.Frame == p.Frame {
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
		t.last, t.lastStamp, t.hasLast = p, stamp, true
	}
	return p
}

// odometry is the robot's pose at a stamp.
func (t *track) odometry(p fleet.Pose, stamp, receive int64) fleet.Pose {
	if !t.spoke(receive) {
		t.odom.drop() // transforms may have told of another odometry
	}
	t.spokeAt, t.motion = receive, motion{p.Speed, p.Turn}
	at := planarTransform{p.X, p.Y, p.Yaw}
	t.fold(&t.odom, stamp, at)
	if t.waiting != nil {
		t.align(*t.waiting)
		t.waiting = nil
	}
	if !t.local || p.Localised {
		return p
	}
	at = t.toOdom.at(stamp).then(at)
	p.X, p.Y, p.Yaw = at.x, at.y, at.th
	p.Frame, p.Localised = t.frame, true
	return p
}

// localised takes a new pose in the map.
func (t *track) localised(p fleet.Pose, stamp, receive int64) fleet.Pose {
	t.localAt = receive
	if t.byTF != 0 && t.localAt-t.byTF < int64(10*time.Second) {
		return p // the transform that goes with it is better
	}
	if l := (located{p, stamp}); t.odom.empty() {
		t.waiting = &l
	} else {
		t.align(l)
	}
	return p
}

// align makes the odometry of its time mean the pose of l, unless no finite
// transform does.
func (t *track) align(l located) {
	there := planarTransform{l.pose.X, l.pose.Y, l.pose.Yaw}
	if to := there.then(t.odom.at(l.stamp).inverse()); to.finite() {
		t.toOdom.hold(to, false)
		t.local, t.frame, t.byTF = true, l.pose.Frame, 0
	}
}

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
