package ros

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/msgs/rmf_fleet_msgs"
	"github.com/muster-fleet/muster/msgs/sensor_msgs"
)

// poseOf is a robot's pose as Open-RMF tells it: on a level of a building, which
// is its frame.
func poseOf(r *rmf_fleet_msgs.RobotState, s Sample) fleet.Pose {
	l := &r.Location
	return fleet.Pose{
		X: float64(l.X), Y: float64(l.Y), Yaw: wrap(float64(l.Yaw)), Frame: l.LevelName, Localised: true,
		Source: time.Unix(0, s.Source).UTC(), Receive: receiveTime(s),
	}
}

func finitePose(r *rmf_fleet_msgs.RobotState) error {
	return finite(r.TypeName(), float64(r.Location.X), float64(r.Location.Y), float64(r.Location.Yaw))
}

// batteryOf is its battery; Open-RMF counts in percent.
func batteryOf(r *rmf_fleet_msgs.RobotState, s Sample) fleet.Battery {
	b := fleet.Battery{Charge: known(r.BatteryPercent / 100), Status: "discharging", Receive: receiveTime(s)}
	if r.Mode.Mode == rmf_fleet_msgs.RobotModeModeCharging {
		b.Charging, b.Status = true, "charging"
	}
	return b
}

// datum is the origin of a domain's satellite positions: the first fix.
type datum struct {
	set      bool
	lat, lon float64 // degrees
}

// earth is the mean radius in metres (IUGG).
const earth = 6_371_008.8

// decodeFix gives a position in metres east and north of the domain's first fix
// (REP-103: x east, y north); false without a fix. A hall is small enough for a
// plane.
func (d *decoder) decodeFix(s Sample) (p fleet.Pose, ok bool, err error) {
	m := &d.fix
	if err := m.UnmarshalCDR(s.CDR); err != nil {
		return p, false, err
	}
	if m.Status.Status < sensor_msgs.NavSatStatusStatusFix {
		return p, false, nil
	}
	if err := finite(m.TypeName(), m.Latitude, m.Longitude); err != nil {
		return p, false, err
	}
	if !d.datum.set {
		d.datum = datum{true, m.Latitude, m.Longitude}
	}
	const rad = math.Pi / 180
	return fleet.Pose{
		X: (m.Longitude - d.datum.lon) * rad * earth * math.Cos(d.datum.lat*rad), Y: (m.Latitude - d.datum.lat) * rad * earth,
		Frame: "gps", Localised: true, Source: time.Unix(0, s.Source).UTC(), Receive: receiveTime(s),
	}, true, nil
}

// decodeClock gives the simulated time in ns.
func (d *decoder) decodeClock(s Sample) (int64, error) {
	if err := d.clock.UnmarshalCDR(s.CDR); err != nil {
		return 0, err
	}
	return int64(d.clock.Clock.Sec)*int64(time.Second) + int64(d.clock.Clock.Nanosec), nil
}

// simClock is a domain's simulated time. While it is published, rates are counted
// in it: a simulation that runs at half speed makes no topic slow, and one that
// is paused makes none silent.
type simClock struct {
	sim, received atomic.Int64 // ns; received on our clock
}

// clockFresh is how long a clock counts after its last sample.
const clockFresh = 30 * time.Second

func (c *simClock) set(sim, received int64) {
	c.sim.Store(sim)
	c.received.Store(received)
}

// now is the time in which rates are counted.
func (c *simClock) now(wall time.Time) time.Time {
	if received := c.received.Load(); received != 0 && wall.Sub(time.Unix(0, received)) < clockFresh {
		return time.Unix(0, c.sim.Load())
	}
	return wall
}
