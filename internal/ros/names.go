package ros

import "strings"

// DDSTopic is the DDS name of a ROS topic: "/robot1/odom" → "rt/robot1/odom"
// (https://design.ros2.org/articles/topic_and_service_names.html).
func DDSTopic(topic string) string { return "rt/" + strings.TrimPrefix(topic, "/") }

// DDSType is the DDS name of a ROS type: "nav_msgs/msg/Odometry" →
// "nav_msgs::msg::dds_::Odometry_". Any other form is taken as it stands.
func DDSType(typ string) string {
	parts := strings.Split(typ, "/")
	if len(parts) != 3 {
		return typ
	}
	return parts[0] + "::" + parts[1] + "::dds_::" + parts[2] + "_"
}
