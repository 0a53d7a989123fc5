package ros

import (
	"hash/maphash"
	"math"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/msgs/diagnostic_msgs"
	"github.com/muster-fleet/muster/msgs/geometry_msgs"
	"github.com/muster-fleet/muster/msgs/nav_msgs"
	"github.com/muster-fleet/muster/msgs/rmf_fleet_msgs"
	"github.com/muster-fleet/muster/msgs/rosgraph_msgs"
	"github.com/muster-fleet/muster/msgs/sensor_msgs"
	"github.com/muster-fleet/muster/msgs/std_msgs"
	"github.com/muster-fleet/muster/msgs/tf2_msgs"
)

// decoder turns samples of one domain into observations. Its messages are
// scratch memory that is used again; what leaves it is copied.
type decoder struct {
	pose        geometry_msgs.PoseWithCovarianceStamped
	battery     sensor_msgs.BatteryState
	diagnostics diagnostic_msgs.DiagnosticArray
	grid        nav_msgs.OccupancyGrid
	tf          tf2_msgs.TFMessage
	fix         sensor_msgs.NavSatFix
	robot       rmf_fleet_msgs.RobotState
	fleet       rmf_fleet_msgs.FleetState
	clock       rosgraph_msgs.Clock
	lock        std_msgs.Bool

	datum datum
	seed  maphash.Seed
	grids map[uint64]*fleet.Grid
}

// maxGrids bounds the grids that are recognised without hashing them anew.
const maxGrids = 64

func newDecoder() *decoder {
	return &decoder{seed: maphash.MakeSeed(), grids: make(map[uint64]*fleet.Grid)}
}

// motion is a robot's newest velocity, which a pose without one borrows.
type motion struct{ speed, turn float64 }

func (d *decoder) decodePose(s *Sample, v motion) (fleet.Pose, error) {
	m := &d.pose
	if err := m.UnmarshalCDR(s.CDR); err != nil {
		return fleet.Pose{}, err
	}
	p := planar(m.Pose.Pose, m.Header.FrameID, s)
	p.Speed, p.Turn, p.Localised = v.speed, v.turn, true
	return p, finite("geometry_msgs/msg/PoseWithCovarianceStamped", p.X, p.Y, p.Yaw)
}

func planar(p geometry_msgs.Pose, frame string, s *Sample) fleet.Pose {
	return fleet.Pose{
		X: p.Position.X, Y: p.Position.Y, Yaw: yaw(p.Orientation), Frame: frame,
		Source: time.Unix(0, s.Source).UTC(), Receive: receiveTime(s),
	}
}

// yaw is the rotation about z (REP-103); the quaternion need not be normalised.
func yaw(q geometry_msgs.Quaternion) float64 {
	return math.Atan2(2*(q.W*q.Z+q.X*q.Y), q.W*q.W+q.X*q.X-q.Y*q.Y-q.Z*q.Z)
}

// notFinite names the message that carries a NaN or an infinity.
type notFinite string

func (e notFinite) Error() string { return "read " + string(e) + ": a value is not finite" }

func finite(typ string, values ...float64) error {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return notFinite(typ)
		}
	}
	return nil
}

var powerStatus = map[uint8]string{
	sensor_msgs.BatteryStatePowerSupplyStatusCharging:    "charging",
	sensor_msgs.BatteryStatePowerSupplyStatusDischarging: "discharging",
	sensor_msgs.BatteryStatePowerSupplyStatusNotCharging: "not-charging",
	sensor_msgs.BatteryStatePowerSupplyStatusFull:        "full",
}

func (d *decoder) decodeBattery(s Sample) (fleet.Battery, error) {
	m := &d.battery
	if err := m.UnmarshalCDR(s.CDR); err != nil {
		return fleet.Battery{}, err
	}
	b := fleet.Battery{
		Charge: known(m.Percentage), Voltage: known(m.Voltage), Current: known(m.Current),
		Charging: m.PowerSupplyStatus == sensor_msgs.BatteryStatePowerSupplyStatusCharging,
		Status:   powerStatus[m.PowerSupplyStatus],
	}
	if b.Status == "" {
		b.Status = "unknown"
	}
	return b, nil
}

func (d *decoder) decodeLock(s Sample) (fleet.UpdateLock, error) {
	if err := d.lock.UnmarshalCDR(s.CDR); err != nil {
		return fleet.UpdateLock{}, err
	}
	return fleet.UpdateLock{Locked: d.lock.Data, Receive: receiveTime(&s)}, nil
}

// known is nil for what a driver does not measure (NaN, says BatteryState.msg).
func known(v float32) *float64 {
	f := float64(v)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

var levels = [...]fleet.Level{fleet.LevelOK, fleet.LevelWarn, fleet.LevelError, fleet.LevelStale}

// maxValues bounds the key-value pairs that are kept of a component.
const maxValues = 64

func (d *decoder) decodeDiagnostics(s Sample) ([]fleet.Diagnostic, error) {
	m := &d.diagnostics
	if err := m.UnmarshalCDR(s.CDR); err != nil {
		return nil, err
	}
	items := make([]fleet.Diagnostic, 0, len(m.Status))
	for _, st := range m.Status {
		item := fleet.Diagnostic{Name: st.Name, Level: fleet.LevelStale, Message: st.Message, Hardware: st.HardwareID}
		if int(st.Level) < len(levels) {
			item.Level = levels[st.Level]
		}
		if n := min(len(st.Values), maxValues); n > 0 {
			item.Values = make(map[string]string, n)
			for _, kv := range st.Values[:n] {
				item.Values[kv.Key] = kv.Value
			}
		}
		items = append(items, item)
	}
	return items, nil
}

// decodeGrid gives the grid; the same content gives the same pointer, so that a
// hall's map is hashed once and not for each robot.
func (d *decoder) decodeGrid(s Sample) (*fleet.Grid, error) {
	m := &d.grid
	if err := m.UnmarshalCDR(s.CDR); err != nil {
		return nil, err
	}
	key := d.gridKey(m)
	if g := d.grids[key]; g != nil {
		return g, nil
	}
	o := m.Info.Origin
	cells := append([]int8(nil), m.Data...)
	g, err := fleet.NewGrid(m.Header.FrameID, int(m.Info.Width), int(m.Info.Height), float64(m.Info.Resolution),
		o.Position.X, o.Position.Y, yaw(o.Orientation), cells)
	if err != nil {
		return nil, err
	}
	if len(d.grids) >= maxGrids {
		clear(d.grids)
	}
	d.grids[key] = g
	return g, nil
}

func (d *decoder) gridKey(m *nav_msgs.OccupancyGrid) uint64 {
	var h maphash.Hash
	h.SetSeed(d.seed)
	maphash.WriteComparable(&h, [3]float64{float64(m.Info.Width), float64(m.Info.Height), float64(m.Info.Resolution)})
	maphash.WriteComparable(&h, m.Info.Origin)
	h.WriteString(m.Header.FrameID)
	buf := make([]byte, 0, 4096)
	for i, c := range m.Data {
		if buf = append(buf, byte(c)); len(buf) == cap(buf) || i == len(m.Data)-1 {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	return h.Sum64()
}
