package ros_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/msgs/geometry_msgs"
	"github.com/muster-fleet/muster/msgs/tf2_msgs"
)

func transform(parent, child string, x, y, z, w float64) geometry_msgs.TransformStamped {
	var t geometry_msgs.TransformStamped
	t.Header.FrameID, t.ChildFrameID = parent, child
	t.Transform.Translation = geometry_msgs.Vector3{X: x, Y: y}
	t.Transform.Rotation = geometry_msgs.Quaternion{Z: z, W: w}
	return t
}

func TestTransformsOfTheRobotsOwnTopicCorrectItsOdometry(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	r.advertise("tf", "tf2_msgs/msg/TFMessage", plain)
	require.Eventually(t, func() bool { return h.own.Readers("/robot1/odom") == 1 && h.own.Readers("/robot1/tf") == 1 },
		10*time.Second, time.Millisecond)
	r.write("tf", &tf2_msgs.TFMessage{Transforms: []geometry_msgs.TransformStamped{transform("map", "odom", 10, 20, 1, 0)}})
	r.write("odom", odometry("odom", 3, 0, 0, 1))
	h.eventually("it is on the map", func(r fleet.Robot) bool { return r.Pose != nil && r.Pose.Localised }, "robot1")
	got, _ := h.registry.Robot("robot1")
	assert.InDelta(t, 7, got.Pose.X, 1e-9, "turned by half a turn")
	assert.InDelta(t, 20, got.Pose.Y, 1e-9)
	assert.InDelta(t, 0.5, got.Pose.Speed, 1e-9, "the odometry's velocity")
	assert.Equal(t, "map", got.Pose.Frame)
}

func TestTransformsOnTheDomainsTopicAreSharedOutByPrefix(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	a, b := h.robot("/a"), h.robot("/b")
	for _, r := range []*robot{a, b} {
		r.advertise("battery", "sensor_msgs/msg/BatteryState", plain) // makes it a robot
		r.advertise("/tf", "tf2_msgs/msg/TFMessage", plain)
	}
	require.Eventually(t, func() bool { return h.own.Readers("/tf") == 1 && h.own.Readers("/b/battery") == 1 }, 10*time.Second, time.Millisecond)
	for i, r := range []*robot{a, b} {
		p := r.ns[1:] + "/"
		r.write("/tf", &tf2_msgs.TFMessage{Transforms: []geometry_msgs.TransformStamped{
			transform("map", p+"odom", 100*float64(i), 0, 0, 1),
			transform(p+"base_link", p+"laser", 1, 1, 0, 1), // of no interest
			transform(p+"odom", p+"base_link", 1, 2, 0, 1),
		}})
	}
	for i, id := range []string{"a", "b"} {
		h.eventually("a pose of "+id, func(r fleet.Robot) bool { return r.Pose != nil }, id)
		got, _ := h.registry.Robot(id)
		assert.InDelta(t, 100*float64(i)+1, got.Pose.X, 1e-9)
		assert.InDelta(t, 2, got.Pose.Y, 1e-9)
		assert.True(t, got.Pose.Localised)
	}
}
