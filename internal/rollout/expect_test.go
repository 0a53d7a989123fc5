package rollout

import (
	"testing"
	"time"

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
		assert.Equal(t, test.want, test.after.expect(&robot, t0, time.Time{}), name)
	}
	assert.Equal(t, Expect{}, After{}.expect(&fleet.Robot{Namespace: "/r2"}, t0, time.Time{}), "of a robot that says nothing")
}

// Of a topic that is followed the rate is learned that it has just now, where the
// verify window is long enough to tell whether it is reached again.
func TestWhichRatesAreLearned(t *testing.T) {
	type topic = fleet.Topic
	battery := func(change func(f *topic)) topic {
		f := topic{Name: "/r1/power", Type: "sensor_msgs/msg/BatteryState", Role: "battery", Hz: 1.1, UsualHz: 1, Last: ago(time.Second)}
		change(&f)
		return f
	}
	as := func(role string) topic { return battery(func(f *topic) { f.Role = role }) }
	expected := []TopicExpect{{Name: "/r1/power", Hz: 1}}
	for name, test := range map[string]struct {
		topic topic
		after After
		want  []TopicExpect
	}{
		"as it is":                  {battery(func(*topic) {}), After{}, expected},
		"slower than usual":         {battery(func(f *topic) { f.Hz = 0.9 }), After{}, []TopicExpect{{Name: "/r1/power", Hz: 0.9}}},
		"that has just come":        {battery(func(f *topic) { f.UsualHz = 0 }), After{}, nil},
		"that has stopped":          {battery(func(f *topic) { f.Hz = 0 }), After{}, nil},
		"that has just stopped":     {battery(func(f *topic) { f.Last = ago(4 * time.Second) }), After{}, nil},
		"never heard":               {battery(func(f *topic) { f.Last = time.Time{} }), After{}, nil},
		"four samples in a window":  {battery(func(f *topic) { f.UsualHz = 0.8 }), After{}, []TopicExpect{{Name: "/r1/power", Hz: 0.8}}},
		"fewer in a window":         {battery(func(f *topic) { f.UsualHz = 0.79 }), After{}, nil},
		"enough in a longer one":    {battery(func(f *topic) { f.UsualHz = 0.6 }), After{Window: new(Duration(10 * time.Second))}, []TopicExpect{{Name: "/r1/power", Hz: 0.6}}},
		"too slow for any":          {battery(func(f *topic) { f.UsualHz = 0.49 }), After{Window: new(Duration(time.Hour))}, nil},
		"once a minute":             {battery(func(f *topic) { f.UsualHz = 1. / 60 }), After{}, nil},
		"a window of none":          {battery(func(f *topic) { f.Hz, f.UsualHz = 50, 50 }), After{Window: new(Duration(0))}, nil},
		"topics are skipped":        {battery(func(*topic) {}), After{SkipTopics: true}, nil},
		"listed":                    {battery(func(*topic) {}), After{Topics: []TopicExpect{{Name: "power", Hz: 5}}}, nil},
		"nobody follows it":         {as(""), After{}, nil},
		"diagnostics":               {as("diagnostics"), After{}, expected},
		"diagnostics, to be let be": {as("diagnostics"), After{SkipDiagnostics: true}, nil},
		"transforms":                {as("tf"), After{}, expected},
		"a satellite's position":    {as("fix"), After{}, expected},
		"Open-RMF's state":          {as("robot_state"), After{}, expected},
		"a pose":                    {as("pose"), After{}, expected},
		"a map comes once":          {as("map"), After{}, nil},
		"so do fixed transforms":    {as("tf_static"), After{}, nil},
		"a lock comes at will":      {as("update_lock"), After{}, nil},
		"the domain's clock":        {as("clock"), After{}, nil},
		"a whole fleet's state":     {as("fleet_state"), After{}, nil},
	} {
		r := fleet.Robot{Namespace: "/r1", Topics: []topic{test.topic}, StillSince: ago(time.Minute)}
		if test.after.Window == nil {
			test.after.Window = Defaults.After.Window
		}
		assert.ElementsMatch(t, test.want, test.after.expect(&r, t0, ago(time.Hour)).Followed, name)
	}
}

// A localiser that speaks only while the robot moves is silent after a replacement
// for that alone: its rate is learned of a robot that has stood still.
func TestAPosesRateIsLearnedOfARobotThatStands(t *testing.T) {
	for name, test := range map[string]struct {
		still, since time.Time
		learned      bool
	}{
		"stands":         {ago(10 * time.Second), ago(time.Hour), true},
		"not for long":   {ago(9 * time.Second), ago(time.Hour), false},
		"drives":         {time.Time{}, ago(time.Hour), false},
		"nobody watched": {ago(time.Hour), ago(9 * time.Second), false},
	} {
		r := fleet.Robot{Namespace: "/r1", StillSince: test.still, Topics: []fleet.Topic{
			{Name: "/r1/amcl_pose", Type: "geometry_msgs/msg/PoseWithCovarianceStamped", Role: "pose", Hz: 2, UsualHz: 2, Last: t0},
		}}
		after := After{Window: Defaults.After.Window}
		assert.Equal(t, test.learned, len(after.expect(&r, t0, test.since).Followed) == 1, name)
	}
}

func TestNamesAreResolvedAsRosDoes(t *testing.T) {
	assert.Equal(t, "/r1/odom", inNamespace("/r1", "odom"))
	assert.Equal(t, "/r1/wheel/odom", inNamespace("/r1", "wheel/odom"))
	assert.Equal(t, "/odom", inNamespace("/r1", "/odom"))
	assert.Equal(t, "/odom", inNamespace("/", "odom"))
}
