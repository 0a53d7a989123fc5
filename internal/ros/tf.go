package ros

import (
	"strings"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/msgs/builtin_interfaces"
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
	stamp         int64  // ns of the robot's clock, simulated or not
	fixed         bool   // latched: it holds for all times
	at            planarTransform
}

// edgeOf reads a transform; false when it is of other frames, or not finite.
func edgeOf(t *geometry_msgs.TransformStamped) (edge, bool) {
	prefix, child := splitFrame(t.ChildFrameID)
	_, parent := splitFrame(t.Header.FrameID)
	v, q := t.Transform.Translation, t.Transform.Rotation
	e := edge{
		parent: frameKinds[parent], child: frameKinds[child], prefix: prefix, frame: strings.TrimPrefix(t.Header.FrameID, "/"),
		stamp: nanoseconds(t.Header.Stamp), at: planarTransform{v.X, v.Y, yaw(q)},
	}
	if e.parent == frameOther || e.child <= e.parent {
		return e, false
	}
	return e, e.at.finite()
}

func nanoseconds(t builtin_interfaces.Time) int64 { return int64(t.Sec)*1e9 + int64(t.Nanosec) }

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
func (t *track) transform(e edge, s *Sample) (p fleet.Pose, ok bool) {
	switch {
	case e.parent == frameMap && e.child == frameOdom:
		if !t.local || t.byTF == 0 || t.frame != e.frame {
			t.toOdom.drop() // that was by localised poses, or of another map
		}
		if e.fixed {
			t.toOdom.hold(e.at, true)
		} else {
			t.fold(&t.toOdom, e.stamp, e.at)
		}
		t.local, t.frame, t.byTF, t.waiting = true, e.frame, s.Receive, nil
		return p, false
	case t.spoke(s.Receive):
		return p, false
	case e.parent == frameOdom && e.child == frameBase:
		if t.localAt = s.Receive; t.fold(&t.odom, e.stamp, e.at) == orderLate {
			return p, false
		}
		if t.local {
			return t.moved(poseAt(t.toOdom.at(e.stamp).then(e.at), t.frame, true, s), e.stamp), true
		}
		return t.moved(poseAt(e.at, e.frame, false, s), e.stamp), true
	default: // map → base_link
		if t.localAt = s.Receive; t.fold(&t.base, e.stamp, e.at) == orderLate {
			return p, false
		}
		return t.moved(poseAt(e.at, e.frame, true, s), e.stamp), true
	}
}

// fold adds to one of the histories. A clock that was set back, as a simulation's
// is when it starts anew, makes all of them worthless, as for tf2.
func (t *track) fold(h *history, stamp int64, at planarTransform) order {
	o := h.add(stamp, at)
	if o == orderReset {
		t.forget()
		h.hold(at, false)
		h.list[0].at = stamp
	}
	return o
}

// forget drops all transforms that belong to a time.
func (t *track) forget() {
	t.odom.clear()
	t.base.clear()
	if t.byTF != 0 {
		t.toOdom.clear()
		t.local = !t.toOdom.empty()
	}
	t.hasLast = false
}

func poseAt(at planarTransform, frame string, localised bool, s *Sample) fleet.Pose {
	return fleet.Pose{
		X: at.x, Y: at.y, Yaw: wrap(at.th), Frame: frame, Localised: localised,
		Source: time.Unix(0, s.Source).UTC(), Receive: receiveTime(s),
	}
}
