// Package robot is a simulated robot: one participant of a ROS 2 domain with
// three nodes in its namespace, which publishes odometry, battery, diagnostics
// and its map as a real one does. cmd/muster-sim runs one per process, or many in
// one. Run owns one goroutine.
package robot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/msgs/builtin_interfaces"
	"github.com/muster-fleet/muster/msgs/diagnostic_msgs"
	"github.com/muster-fleet/muster/msgs/geometry_msgs"
	"github.com/muster-fleet/muster/msgs/nav_msgs"
	"github.com/muster-fleet/muster/msgs/sensor_msgs"
	"github.com/muster-fleet/muster/sim/world"
)

// Fault is what is wrong with a robot's software, to try a rollout's gates.
type Fault string

// The faults.
const (
	FaultNone   Fault = ""
	FaultSilent Fault = "silent" // runs, and never joins the domain
	FaultCrash  Fault = "crash"  // ends after a second
	FaultMute   Fault = "mute"   // its nodes are there, its odometry is not
	FaultFlat   Fault = "flat"   // its battery's state never comes
)

// Options describe a robot.
type Options struct {
	ID        string
	Namespace string // absolute
	Domain    int
	Index     int // its way through the hall
	Version   string
	Fault     Fault
	Hz        int    // of its odometry; 10 when 0
	NoMap     bool   // publishes no map
	Journal   string // directory for its account of itself; none when empty
	// Security lets it into a secured domain; nil joins an open one.
	Security *dds.Security
	Log      *slog.Logger
}

// FromEnvironment reads the variables that users' compose files set (ROBOT_ID,
// ROBOT_NAMESPACE, ROS_DOMAIN_ID) and those of the simulation.
func FromEnvironment(get func(string) string) (Options, error) {
	o := Options{
		ID: get("ROBOT_ID"), Namespace: get("ROBOT_NAMESPACE"),
		Version: get("SIM_VERSION"), Fault: Fault(get("SIM_FAULT")), Journal: get("SIM_JOURNAL"),
	}
	if o.ID == "" {
		return o, fmt.Errorf("ROBOT_ID is not set")
	}
	if o.Namespace == "" {
		o.Namespace = "/" + o.ID
	}
	if !ros.ValidName(o.Namespace) {
		return o, fmt.Errorf("ROBOT_NAMESPACE: %q is not an absolute ROS namespace", o.Namespace)
	}
	for name, field := range map[string]*int{"ROS_DOMAIN_ID": &o.Domain, "SIM_INDEX": &o.Index, "SIM_HZ": &o.Hz} {
		v := get(name)
		if v == "" {
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return o, fmt.Errorf("%s: %q is not a number", name, v)
		}
		*field = n
	}
	if o.Hz > maxHz {
		return o, fmt.Errorf("SIM_HZ: %d is more than %d", o.Hz, maxHz)
	}
	switch o.Fault {
	case FaultNone, FaultSilent, FaultCrash, FaultMute, FaultFlat:
	default:
		return o, fmt.Errorf("SIM_FAULT: %q is none of silent, crash, mute, flat", o.Fault)
	}
	var err error
	o.Security, err = Security(get)
	return o, err
}

// Security is the enclave that SROS 2's variables name; nil when they ask for none.
func Security(get func(string) string) (*dds.Security, error) {
	if !strings.EqualFold(get("ROS_SECURITY_ENABLE"), "true") {
		return nil, nil
	}
	s := &dds.Security{Keystore: get("ROS_SECURITY_KEYSTORE"), Enclave: cmp.Or(get("ROS_SECURITY_ENCLAVE_OVERRIDE"), "/")}
	if s.Keystore == "" {
		return nil, errors.New("ROS_SECURITY_KEYSTORE is not set, and ROS_SECURITY_ENABLE is true")
	}
	return s, nil
}

// Rates of a robot's odometry in Hz. Battery and diagnostics come once a second.
const (
	usualHz = 10
	maxHz   = 1000
)

var (
	telemetry = ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, History: ros.KeepLast, Depth: 10, Liveliness: ros.Automatic}
	latched   = ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1, Liveliness: ros.Automatic}
)

// message is a generated ROS message.
type message interface {
	TypeName() string
	TypeHash() string
	MarshalCDR(dst []byte) ([]byte, error)
}

// node is a ROS node with its writers.
type node struct {
	name   string
	topics []topic
}

type topic struct {
	name string
	of   message
	qos  ros.QoS
}

// Run is the robot, until ctx ends.
func Run(ctx context.Context, o Options) error {
	o.Log.Info("robot begins", "robot", o.ID, "namespace", o.Namespace, "domain", o.Domain, "version", o.Version)
	if o.Journal != "" {
		j, err := openJournal(o.Journal, o.ID)
		if err != nil {
			return fmt.Errorf("robot %s: %w", o.ID, err)
		}
		defer j.close()
	}
	switch o.Fault {
	case FaultSilent:
		<-ctx.Done()
		return nil
	case FaultCrash:
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
			return fmt.Errorf("robot %s: the simulated fault", o.ID)
		}
	case FaultNone, FaultMute, FaultFlat:
	}
	p, err := dds.Open(dds.Options{Domain: o.Domain, Config: dds.LoopbackConfig(), Security: o.Security, Log: o.Log})
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	r := &robot{Options: o, p: p, route: world.NewRoute(o.Index), writers: make(map[string]ros.Writer)}
	if err := r.join(); err != nil {
		return fmt.Errorf("robot %s: %w", o.ID, err)
	}
	if err := r.publish(ctx); err != nil {
		return fmt.Errorf("robot %s: %w", o.ID, err)
	}
	return nil
}

type robot struct {
	Options
	p       *dds.Participant
	route   *world.Route
	writers map[string]ros.Writer // by topic
	buf     []byte
}

func (r *robot) nodes() []node {
	localization := node{name: "localization"}
	if r.Fault != FaultMute {
		localization.topics = append(localization.topics, topic{"odom", &nav_msgs.Odometry{}, telemetry})
	}
	if !r.NoMap {
		localization.topics = append(localization.topics, topic{"map", &nav_msgs.OccupancyGrid{}, latched})
	}
	battery := node{"battery_monitor", []topic{{"battery_state", &sensor_msgs.BatteryState{}, telemetry}}}
	if r.Fault == FaultFlat {
		battery.topics = nil
	}
	return []node{
		{"driver", []topic{{"diagnostics", &diagnostic_msgs.DiagnosticArray{}, telemetry}}},
		localization,
		battery,
	}
}

// join opens the writers, tells the domain the nodes' names and writes the map.
func (r *robot) join() error {
	info := ros.NodesFact{Participant: r.p.Participant()}
	for _, n := range r.nodes() {
		e := ros.NodeEntities{Namespace: r.Namespace, Name: n.name}
		for _, t := range n.topics {
			w, err := r.p.Advertise(ros.Publication{
				Topic: ros.Join(r.Namespace, t.name), Type: t.of.TypeName(), TypeHash: t.of.TypeHash(), QoS: t.qos,
			})
			if err != nil {
				return err
			}
			r.writers[t.name] = w
			e.Writers = append(e.Writers, w.GUID())
		}
		info.Nodes = append(info.Nodes, e)
	}
	own, err := r.p.Advertise(ros.Publication{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoWriterQoS()})
	if err != nil {
		return err
	}
	sample, err := ros.EncodeInfo(info, ros.GIDIron)
	if err != nil {
		return err
	}
	if err := own.Write(sample); err != nil {
		return err
	}
	if r.NoMap {
		return nil
	}
	return r.write("map", grid())
}

func grid() *nav_msgs.OccupancyGrid {
	f := world.NewFloor()
	m := nav_msgs.NewOccupancyGrid()
	m.Header.FrameID = "map"
	m.Info.Resolution, m.Info.Width, m.Info.Height = float32(f.Resolution), uint32(f.Columns), uint32(f.Rows)
	m.Info.Origin.Position = geometry_msgs.Point{X: f.OriginX, Y: f.OriginY}
	m.Info.Origin.Orientation.W = 1
	m.Data = f.Cells
	return &m
}

func (r *robot) publish(ctx context.Context) error {
	hz := cmp.Or(r.Hz, usualHz)
	tick := time.NewTicker(time.Second / time.Duration(hz))
	defer tick.Stop()
	for n := 0; ; n++ {
		now := time.Now()
		if r.Fault != FaultMute {
			if err := r.write("odom", r.odometry(now)); err != nil {
				return err
			}
		}
		if n%hz == 0 {
			if r.Fault != FaultFlat {
				if err := r.write("battery_state", r.battery(now)); err != nil {
					return err
				}
			}
			if err := r.write("diagnostics", r.diagnostics(now)); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (r *robot) write(topic string, m message) error {
	var err error
	if r.buf, err = m.MarshalCDR(r.buf[:0]); err != nil {
		return err
	}
	return r.writers[topic].Write(r.buf)
}

func stamp(t time.Time) builtin_interfaces.Time {
	return builtin_interfaces.Time{Sec: int32(t.Unix()), Nanosec: uint32(t.Nanosecond())}
}

func (r *robot) odometry(now time.Time) *nav_msgs.Odometry {
	at := r.route.At(now)
	m := nav_msgs.NewOdometry()
	m.Header.Stamp, m.Header.FrameID, m.ChildFrameID = stamp(now), "map", "base_link"
	m.Pose.Pose.Position = geometry_msgs.Point{X: at.X, Y: at.Y}
	sin, cos := math.Sincos(at.Yaw / 2)
	m.Pose.Pose.Orientation = geometry_msgs.Quaternion{Z: sin, W: cos}
	m.Twist.Twist.Linear.X, m.Twist.Twist.Angular.Z = at.Speed, at.Turn
	return &m
}

func (r *robot) battery(now time.Time) *sensor_msgs.BatteryState {
	charge, charging := world.Battery(r.Index, now)
	unmeasured := float32(math.NaN()) // as BatteryState.msg has it
	m := sensor_msgs.BatteryState{Temperature: unmeasured, Charge: unmeasured, Capacity: unmeasured, DesignCapacity: unmeasured}
	m.Header.Stamp = stamp(now)
	m.Percentage, m.Voltage, m.Current = float32(charge), float32(22+4*charge), -3.5
	m.PowerSupplyStatus, m.Present = sensor_msgs.BatteryStatePowerSupplyStatusDischarging, true
	if charging {
		m.Current, m.PowerSupplyStatus = 12, sensor_msgs.BatteryStatePowerSupplyStatusCharging
	}
	return &m
}

func (r *robot) diagnostics(now time.Time) *diagnostic_msgs.DiagnosticArray {
	at := r.route.At(now)
	temperature := 38 + 6*math.Sin(float64(now.Unix()%600)/600*2*math.Pi)
	status := func(name, message string, values ...diagnostic_msgs.KeyValue) diagnostic_msgs.DiagnosticStatus {
		return diagnostic_msgs.DiagnosticStatus{Name: name, Message: message, HardwareID: r.ID, Values: values}
	}
	m := diagnostic_msgs.DiagnosticArray{Status: []diagnostic_msgs.DiagnosticStatus{
		status("driver: motors", "turning freely",
			diagnostic_msgs.KeyValue{Key: "temperature", Value: fmt.Sprintf("%.1f °C", temperature)},
			diagnostic_msgs.KeyValue{Key: "speed", Value: fmt.Sprintf("%.2f m/s", at.Speed)}),
		status("driver: software", "running", diagnostic_msgs.KeyValue{Key: "version", Value: r.Version}),
	}}
	m.Header.Stamp = stamp(now)
	return &m
}
