package ros

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/msgs/geometry_msgs"
	"github.com/muster-fleet/muster/msgs/nav_msgs"
	"github.com/muster-fleet/muster/msgs/rmf_fleet_msgs"
	"github.com/muster-fleet/muster/msgs/sensor_msgs"
	"github.com/muster-fleet/muster/msgs/tf2_msgs"
)

// Whatever source tells a number that is none, no pose carries it on, and the next
// sound sample gives a sound pose.
func TestASampleThatIsNotFiniteSpoilsNoLaterPose(t *testing.T) {
	nan, huge := math.NaN(), math.MaxFloat64
	state := func(x, yaw float64) *rmf_fleet_msgs.RobotState {
		return &rmf_fleet_msgs.RobotState{Name: "r", Location: rmf_fleet_msgs.Location{X: float32(x), Yaw: float32(yaw), LevelName: "L1"}}
	}
	fix := func(latitude, longitude float64) *sensor_msgs.NavSatFix {
		return &sensor_msgs.NavSatFix{Latitude: latitude, Longitude: longitude}
	}
	tf := func(edges ...geometry_msgs.TransformStamped) *tf2_msgs.TFMessage {
		return &tf2_msgs.TFMessage{Transforms: edges}
	}
	odom := func(x float64) *nav_msgs.Odometry {
		m := nav_msgs.NewOdometry()
		m.Header.FrameID, m.Pose.Pose.Position.X, m.Pose.Pose.Orientation.W = "odom", x, 1
		return &m
	}
	amcl := func(x float64) *geometry_msgs.PoseWithCovarianceStamped {
		m := geometry_msgs.NewPoseWithCovarianceStamped()
		m.Header.FrameID, m.Pose.Pose.Position.X, m.Pose.Pose.Orientation.W = "map", x, 1
		return &m
	}
	type said struct {
		role Role
		m    message
	}
	for name, all := range map[string][]said{
		"robot state":          {{RoleRobotState, state(nan, 0)}, {RoleRobotState, state(1, 0)}},
		"a state's yaw":        {{RoleRobotState, state(1, math.Inf(1))}, {RoleRobotState, state(1, 0)}},
		"fleet state":          {{RoleFleetState, &rmf_fleet_msgs.FleetState{Robots: []rmf_fleet_msgs.RobotState{*state(nan, 0)}}}, {RoleFleetState, &rmf_fleet_msgs.FleetState{Robots: []rmf_fleet_msgs.RobotState{*state(1, 0)}}}},
		"fix":                  {{RoleFix, fix(nan, 0)}, {RoleFix, fix(48, 11)}},
		"a fix off the earth":  {{RoleFix, fix(huge, -huge)}, {RoleFix, fix(48, 11)}},
		"odometry":             {{RoleOdometry, odom(nan)}, {RoleOdometry, odom(1)}},
		"pose":                 {{RolePose, amcl(nan)}, {RolePose, amcl(1)}},
		"a pose, corrected":    {{RoleOdometry, odom(-huge)}, {RolePose, amcl(huge)}, {RoleOdometry, odom(1)}},
		"odometry, corrected":  {{RoleTF, tf(planarEdge("map", "odom", huge))}, {RoleOdometry, odom(huge)}, {RoleOdometry, odom(1)}},
		"transforms":           {{RoleTF, tf(planarEdge("odom", "base_link", nan))}, {RoleTF, tf(planarEdge("odom", "base_link", 1))}},
		"transforms, composed": {{RoleTF, tf(planarEdge("map", "odom", huge), planarEdge("odom", "base_link", huge))}, {RoleTF, tf(planarEdge("map", "odom", 1), planarEdge("odom", "base_link", 1))}},
		"a speed":              {{RoleTF, tf(planarEdge("map", "base_link", -huge))}, {RoleTF, tf(planarEdge("map", "base_link", huge))}, {RoleTF, tf(planarEdge("map", "base_link", 1))}},
	} {
		t.Run(name, func(t *testing.T) {
			f := feeder()
			var last []fleet.PoseObserved
			for i, s := range all {
				last = f.feed(t, s.role, "/a", time.Unix(100, int64(i)*1e8), s.m)
				for _, p := range last {
					_, err := json.Marshal(p.Pose)
					require.NoError(t, err, "sample %d gives %+v", i, p.Pose)
				}
			}
			require.Len(t, last, 1, "the sound sample at the end")
			assert.LessOrEqual(t, math.Abs(last[0].Pose.X), huge)
		})
	}
}

func planarEdge(parent, child string, x float64) (e geometry_msgs.TransformStamped) {
	e.Header.FrameID, e.ChildFrameID = parent, child
	e.Transform.Translation.X, e.Transform.Rotation.W = x, 1
	return e
}

// fed is a follower that is given samples by hand; all namespaces are robots'.
type fed struct {
	*Follower
	from map[roleKey]*source
}

// alone is a transport of which nothing is asked but the domain's id.
type alone struct{ Transport }

func (alone) DomainID() int { return 0 }

func feeder() fed {
	f := NewFollower(alone{}, nil, FollowerOptions{})
	f.places.robots = map[string]bool{"/a": true, "/r": true}
	return fed{f, make(map[roleKey]*source)}
}

// feed gives one sample and returns the poses that it told.
func (f fed) feed(t *testing.T, role Role, namespace string, at time.Time, m message) []fleet.PoseObserved {
	t.Helper()
	cdr, err := m.MarshalCDR(nil)
	require.NoError(t, err)
	key := roleKey{namespace, role}
	if f.from[key] == nil {
		f.from[key] = &source{part: &part{specOf(role), namespace}, at: fleet.At{Namespace: namespace}}
	}
	f.told.poses, f.told.rest = nil, nil
	if err := f.observe(f.from[key], &Sample{Source: at.UnixNano(), Receive: at.UnixNano(), CDR: cdr}); err != nil {
		var number notFinite
		var place offEarth
		require.True(t, errors.As(err, &number) || errors.As(err, &place), "%v", err)
	}
	return f.told.poses
}
