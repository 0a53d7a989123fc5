package msgs_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/msgs"
)

func TestLookup(t *testing.T) {
	odom, ok := msgs.Lookup("nav_msgs/msg/Odometry")
	require.True(t, ok)
	require.Equal(t, "nav_msgs/msg/Odometry", odom.Name)
	require.Equal(t, "RIHS01_3cc97dc7fb7502f8714462c526d369e35b603cfc34d946e3f2eda2766dfec6e0", odom.Hash)
	require.Len(t, odom.Definition.Fields, 4)
	parts := strings.Split(odom.Text, "\n"+strings.Repeat("=", 80)+"\n")
	var names []string
	for _, part := range parts[1:] {
		name, _, _ := strings.Cut(part, "\n")
		names = append(names, name)
	}
	require.Contains(t, parts[0], "string child_frame_id")
	require.Equal(t, []string{
		"MSG: std_msgs/Header", "MSG: builtin_interfaces/Time", "MSG: geometry_msgs/PoseWithCovariance",
		"MSG: geometry_msgs/Pose", "MSG: geometry_msgs/Point", "MSG: geometry_msgs/Quaternion",
		"MSG: geometry_msgs/TwistWithCovariance", "MSG: geometry_msgs/Twist", "MSG: geometry_msgs/Vector3",
	}, names)

	_, ok = msgs.Lookup("nav_msgs/msg/Nothing")
	require.False(t, ok)
}

func TestLookupService(t *testing.T) {
	s, ok := msgs.LookupService("rcl_interfaces/srv/GetParameters")
	require.True(t, ok)
	require.Equal(t, "RIHS01_bf9803d5c74cf989a5de3e0c2e99444599a627c7ff75f97b8c05b01003675cbc", s.Hash)
	require.Equal(t, "rcl_interfaces/srv/GetParameters_Request", s.Request.Name)
	require.Contains(t, s.Request.Text, "string[] names\n")
	require.Contains(t, s.Response.Text, "MSG: rcl_interfaces/ParameterValue\n")
	require.Contains(t, s.Event.Text, "rcl_interfaces/GetParameters_Request[<=1] request\n")
	_, ok = msgs.LookupService("nav_msgs/msg/Odometry")
	require.False(t, ok)
}

// Humble has other bytes for a few types; all others are the same in both.
func TestHumble(t *testing.T) {
	var differ []string
	for _, m := range msgs.Default().Set().Messages() {
		now, _ := msgs.Lookup(m.Name)
		then, ok := msgs.Humble().Lookup(m.Name)
		require.True(t, ok, m.Name)
		if now.Hash != then.Hash {
			differ = append(differ, m.Name)
		}
	}
	require.Equal(t, []string{
		"rmw_dds_common/msg/Gid", "rmw_dds_common/msg/NodeEntitiesInfo",
		"rmw_dds_common/msg/ParticipantEntitiesInfo", "sensor_msgs/msg/Range",
	}, differ)
}
