package ros

import (
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/msgs/rmf_fleet_msgs"
)

// poseOf is a robot's pose as Open-RMF tells it: on a level of a building, which
// is its frame.
func poseOf(r *rmf_fleet_msgs.RobotState, s *Sample) fleet.Pose {
	l := &r.Location
	return fleet.Pose{
		X: float64(l.X), Y: float64(l.Y), Yaw: wrap(float64(l.Yaw)), Frame: l.LevelName, Localised: true,
		Source: time.Unix(0, s.Source).UTC(), Receive: receiveTime(s),
	}
}

// batteryOf is its battery; Open-RMF counts in percent.
func batteryOf(r *rmf_fleet_msgs.RobotState, s *Sample) fleet.Battery {
	b := fleet.Battery{Charge: known(r.BatteryPercent / 100), Status: "discharging", Receive: receiveTime(s)}
	if r.Mode.Mode == rmf_fleet_msgs.RobotModeModeCharging {
		b.Charging, b.Status = true, "charging"
	}
	return b
}
