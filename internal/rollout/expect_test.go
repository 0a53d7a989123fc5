package rollout

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/muster-fleet/muster/internal/fleet"
)

func TestWhatIsLearnedOfARobot(t *testing.T) {
	robot := fleet.Robot{
		Namespace: "/r1",
		Nodes: []fleet.Node{
			{Name: "nav", Namespace: "/r1"},
			{Name: "driver", Namespace: "/r1"},
			{Name: "driver", Namespace: "/r1"},
			{Name: "_ros2cli_daemon_0", Namespace: "/r1"},
			{Name: "rviz2_4711", Namespace: "/r1"},
			{Name: "transform_listener_impl_5f3a9c01d2", Namespace: "/r1"},
			{Name: "camera_2", Namespace: "/r1"},
			{Name: "clock", Namespace: "/"},
		},
		Topics: []fleet.Topic{
			{Name: "/r1/odom", Type: "nav_msgs/msg/Odometry", Hz: 3, UsualHz: 10},
			{Name: "/r1/wheel/odom", Type: "nav_msgs/msg/Odometry", Hz: 20},
			{Name: "/r1/slow", Type: "nav_msgs/msg/Odometry", UsualHz: 0.4},
			{Name: "/r1/unheard", Type: "nav_msgs/msg/Odometry"},
			{Name: "/r1/scan", Type: "sensor_msgs/msg/LaserScan", UsualHz: 15},
		},
		Diagnostics: &fleet.Diagnostics{Items: []fleet.Diagnostic{
			{Name: "lidar", Level: fleet.LevelError}, {Name: "motor", Level: fleet.LevelWarn}, {Name: "imu", Level: fleet.LevelStale},
		}},
	}
	nodes := []string{"/clock", "/r1/camera_2", "/r1/driver", "/r1/nav"}
	odom := []TopicExpect{{Name: "/r1/odom", Hz: 10}, {Name: "/r1/wheel/odom", Hz: 20}}
	for name, test := range map[string]struct {
		after After
		want  Expect
	}{
		"all":     {After{}, Expect{Nodes: nodes, Topics: odom, Diagnosed: true, Faults: []string{"lidar", "imu"}}},
		"nothing": {After{SkipNodes: true, SkipTopics: true, SkipDiagnostics: true}, Expect{}},
		"listed nodes besides": {After{Nodes: []string{"arm", "/map_server", "driver"}, SkipTopics: true, SkipDiagnostics: true}, Expect{
			Nodes: []string{"/clock", "/map_server", "/r1/arm", "/r1/camera_2", "/r1/driver", "/r1/nav"},
		}},
		"listed nodes alone": {After{Nodes: []string{"arm"}, SkipNodes: true, SkipTopics: true, SkipDiagnostics: true}, Expect{Nodes: []string{"/r1/arm"}}},
		"listed topics instead of what was": {After{Topics: []TopicExpect{{Name: "odom", Hz: 5}, {Name: "/tf", Hz: 1}}, SkipNodes: true, SkipDiagnostics: true}, Expect{
			Topics: []TopicExpect{{Name: "/r1/wheel/odom", Hz: 20}, {Name: "/r1/odom", Hz: 5, Listed: true}, {Name: "/tf", Hz: 1, Listed: true}},
		}},
	} {
		assert.Equal(t, test.want, test.after.expect(&robot), name)
	}
	assert.Equal(t, Expect{}, After{}.expect(&fleet.Robot{Namespace: "/r2"}), "of a robot that says nothing")
}

func TestNamesAreResolvedAsRosDoes(t *testing.T) {
	assert.Equal(t, "/r1/odom", inNamespace("/r1", "odom"))
	assert.Equal(t, "/r1/wheel/odom", inNamespace("/r1", "wheel/odom"))
	assert.Equal(t, "/odom", inNamespace("/r1", "/odom"))
	assert.Equal(t, "/odom", inNamespace("/", "odom"))
}
