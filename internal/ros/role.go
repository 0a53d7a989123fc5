package ros

import "strings"

// Role is what a topic tells of a robot.
type Role string

// The roles of topics.
const (
	RolePose        Role = "pose"        // a localised pose
	RoleOdometry    Role = "odometry"    // pose and velocity by dead reckoning
	RoleBattery     Role = "battery"     // its battery
	RoleDiagnostics Role = "diagnostics" // the state of its components
	RoleMap         Role = "map"         // the occupancy grid it moves on
)

// roleSpec says by which type and names a role is found (REP-105, Nav2 and
// robot_localization use these names).
type roleSpec struct {
	role  Role
	typ   string
	names []string // relative to the robot's namespace, the best first
	depth int
}

var roleSpecs = []roleSpec{
	{RolePose, "geometry_msgs/msg/PoseWithCovarianceStamped", []string{"amcl_pose", "pose"}, 1},
	{RoleOdometry, "nav_msgs/msg/Odometry", []string{"odometry/filtered", "odom", "odometry"}, 5},
	{RoleBattery, "sensor_msgs/msg/BatteryState", []string{"battery_state", "battery", "battery_status"}, 1},
	{RoleDiagnostics, "diagnostic_msgs/msg/DiagnosticArray", []string{"diagnostics_agg", "diagnostics"}, 10},
	{RoleMap, "nav_msgs/msg/OccupancyGrid", []string{"map"}, 1},
}

func specOf(role Role) *roleSpec {
	for i := range roleSpecs {
		if roleSpecs[i].role == role {
			return &roleSpecs[i]
		}
	}
	return nil
}

// robotTopic finds the namespace for which a topic plays a role by type and
// name. rank says how good the name is, 0 the best.
func robotTopic(topic, typ string) (namespace string, spec *roleSpec, rank int, ok bool) {
	for i := range roleSpecs {
		s := &roleSpecs[i]
		if s.typ != typ {
			continue
		}
		for rank, name := range s.names {
			if ns, found := strings.CutSuffix(topic, "/"+name); found {
				return rootIfEmpty(ns), s, rank, true
			}
		}
	}
	return "", nil, 0, false
}

func rootIfEmpty(namespace string) string {
	if namespace == "" {
		return "/"
	}
	return namespace
}

// makesRobot reports whether a namespace with a topic of this role is a robot's.
func (r Role) makesRobot() bool {
	return r == RolePose || r == RoleOdometry || r == RoleBattery
}
