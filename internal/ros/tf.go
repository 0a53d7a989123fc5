package ros

import (
	"math"
	"strings"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/msgs/geometry_msgs"
)

// frameKind is what a frame is in the tree of REP-105.
type frameKind int

const (
	frameOther frameKind = iota
	frameMap
	frameOdom
	frameBase
)

var frameKinds = map[string]frameKind{
	"map": frameMap, "odom": frameOdom, "base_link": frameBase, "base_footprint": frameBase, "base": frameBase,
}

// edge is a transform of the tree that matters for a robot's pose.
type edge struct {
	parent, child frameKind
	prefix        string // of the child frame, "robot1" of "robot1/odom"
	frame         string // the parent's name
	at            planarTransform
}

// planarTransform is a transform in the plane.
type planarTransform struct{ x, y, th float64 }

// then applies b in the frame that a leads to.
func (a planarTransform) then(b planarTransform) planarTransform {
	sin, cos := math.Sincos(a.th)
	return planarTransform{a.x + cos*b.x - sin*b.y, a.y + sin*b.x + cos*b.y, wrap(a.th + b.th)}
}

// edgeOf reads a transform; false when it is of other frames, or not finite.
func edgeOf(t *geometry_msgs.TransformStamped) (edge, bool) {
	prefix, child := splitFrame(t.ChildFrameID)
	_, parent := splitFrame(t.Header.FrameID)
	v, q := t.Transform.Translation, t.Transform.Rotation
	e := edge{
		parent: frameKinds[parent], child: frameKinds[child], prefix: prefix, frame: strings.TrimPrefix(t.Header.FrameID, "/"),
		at: planarTransform{v.X, v.Y, yaw(q)},
	}
	if e.parent == frameOther || e.child <= e.parent {
		return e, false
	}
	return e, finite("tf2_msgs/msg/TFMessage", e.at.x, e.at.y, e.at.th) == nil
}

// splitFrame takes the robot's prefix off a frame's name.
func splitFrame(frame string) (prefix, name string) {
	frame = strings.TrimPrefix(frame, "/")
	if i := strings.LastIndexByte(frame, '/'); i >= 0 {
		return frame[:i], frame[i+1:]
	}
	return "", frame
}

// transform folds a transform in; ok says that it gives a pose, which it does
// while no odometry is published: map → odom alone corrects the odometry.
func (t *track) transform(e edge, s Sample) (p fleet.Pose, ok bool) {
	switch {
	case e.parent == frameMap && e.child == frameOdom:
		t.x, t.y, t.th = e.at.x, e.at.y, e.at.th
		t.local, t.frame, t.byTF, t.waiting = true, e.frame, s.Receive, nil
		return p, false
	case t.spoke(s.Receive):
		return p, false
	case e.parent == frameOdom && e.child == frameBase:
		frame, localised, at := e.frame, false, e.at
		if t.local {
			frame, localised, at = t.frame, true, planarTransform{t.x, t.y, t.th}.then(e.at)
		}
		t.localAt = s.Receive
		return t.moved(poseAt(at, frame, localised, s)), true
	default: // map → base_link
		t.localAt = s.Receive
		return t.moved(poseAt(e.at, e.frame, true, s)), true
	}
}

func poseAt(at planarTransform, frame string, localised bool, s Sample) fleet.Pose {
	return fleet.Pose{
		X: at.x, Y: at.y, Yaw: wrap(at.th), Frame: frame, Localised: localised,
		Source: time.Unix(0, s.Source).UTC(), Receive: receiveTime(s),
	}
}
