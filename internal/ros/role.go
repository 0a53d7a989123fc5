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
	RoleTF          Role = "tf"          // transforms: map → odom → base_link (REP-105)
	RoleTFStatic    Role = "tf_static"   // the same, latched
	RoleFix         Role = "fix"         // a position by satellite
	RoleRobotState  Role = "robot_state" // Open-RMF's state of one robot
	RoleFleetState  Role = "fleet_state" // Open-RMF's state of many; the robots are in it
	RoleClock       Role = "clock"       // simulated time
	RoleUpdateLock  Role = "update_lock" // true while no rollout may touch the robot
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
	{RoleTF, "tf2_msgs/msg/TFMessage", []string{"tf"}, 200}, // many writers share it
	{RoleTFStatic, "tf2_msgs/msg/TFMessage", []string{"tf_static"}, 200},
	{RoleFix, "sensor_msgs/msg/NavSatFix", []string{"fix", "gps/fix", "navsat"}, 1},
	{RoleRobotState, "rmf_fleet_msgs/msg/RobotState", []string{"robot_state"}, 5},
	{RoleFleetState, "rmf_fleet_msgs/msg/FleetState", []string{"fleet_states", "fleet_state"}, 10},
	{RoleClock, "rosgraph_msgs/msg/Clock", []string{"clock"}, 1},
	{RoleUpdateLock, "std_msgs/msg/Bool", []string{"update_lock"}, 1},
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
	longest := -1 // "gps/fix" rather than "fix"
	for i := range roleSpecs {
		s := &roleSpecs[i]
		if s.typ != typ {
			continue
		}
		for r, name := range s.names {
			if ns, found := strings.CutSuffix(topic, "/"+name); found && len(name) > longest {
				longest = len(name)
				namespace, spec, rank, ok = rootIfEmpty(ns), s, r, true
			}
		}
	}
	return namespace, spec, rank, ok
}

func rootIfEmpty(namespace string) string {
	if namespace == "" {
		return "/"
	}
	return namespace
}

// makesRobot reports whether a namespace with a topic of this role is a robot's.
func (r Role) makesRobot() bool {
	switch r {
	case RolePose, RoleOdometry, RoleBattery, RoleFix, RoleRobotState:
		return true
	case RoleDiagnostics, RoleMap, RoleTF, RoleTFStatic, RoleFleetState, RoleClock, RoleUpdateLock:
	}
	return false
}
