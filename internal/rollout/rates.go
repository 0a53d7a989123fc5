package rollout

import (
	"cmp"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// leastHz is the least rate that is learned: of what comes more seldom the manager
// keeps no rate that tells.
const leastHz = 0.5

// enoughSamples are as many as the verify window has at the usual rate, for a topic
// to be judged in it.
const enoughSamples = 4

// poseStands is how long a robot has stood still before the rate of its pose is
// learned: the longest time that rates are taken over.
const poseStands = 10 * time.Second

// steadyRoles are those of topics that come at a rate of their own. A map and fixed
// transforms come once, a lock at will, and the domain's clock and a fleet's state are
// no robot's. Odometry is expected in any case.
var steadyRoles = map[string]bool{
	"pose": true, "battery": true, "diagnostics": true, "tf": true, "fix": true, "robot_state": true,
}

// expectedTopics are the robot's odometry topics whose rate is known.
func expectedTopics(r *fleet.Robot) []TopicExpect {
	var topics []TopicExpect
	for _, t := range r.Topics {
		if hz := cmp.Or(t.UsualHz, t.Hz); isOdometry(t) && hz >= leastHz {
			topics = append(topics, TopicExpect{Name: t.Name, Hz: hz})
		}
	}
	return topics
}

func isOdometry(t fleet.Topic) bool { return t.Type == "nav_msgs/msg/Odometry" }

// followed are the topics besides odometry that the manager follows and whose rate the
// verify window is long enough to tell, with the rate that they have just now: it is
// their usual one, or less. What comes too seldom for the window is not judged at all.
func (a After) followed(r *fleet.Robot, now, since time.Time) []TopicExpect {
	window := time.Duration(OrZero(a.Window)).Seconds()
	stands := !r.StillSince.IsZero() && now.Sub(later(r.StillSince, since)) >= poseStands
	var topics []TopicExpect
	for _, t := range r.Topics {
		hz := min(t.Hz, t.UsualHz)
		switch {
		case isOdometry(t), !steadyRoles[t.Role]:
		case t.Role == "diagnostics" && a.SkipDiagnostics:
		case t.Role == "pose" && !stands: // a localiser may speak only while it drives
		case hz < leastHz, hz*window < enoughSamples, !fresh(t.Last, now, freshPose):
		default:
			topics = append(topics, TopicExpect{Name: t.Name, Hz: hz})
		}
	}
	return topics
}

// freshTopic is the age up to which the last sample of a topic at a rate counts.
func freshTopic(hz float64) time.Duration {
	return max(freshPose, time.Duration(2/hz*float64(time.Second)))
}
