package fleet

import (
	"slices"
	"time"
)

// Robot is one machine with one ROS namespace. A Robot is a value: its slices
// and maps are never changed in place once it left the Registry, so a copy may
// be kept and read from any goroutine.
type Robot struct {
	ID        string            `json:"id"`
	Name      string            `json:"name,omitempty"`
	Namespace string            `json:"namespace"` // absolute ROS namespace, "/robot1"
	Domain    int               `json:"domain"`    // ROS domain id
	Engine    string            `json:"engine,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Sources   []Source          `json:"sources"` // who named this robot, strongest first

	Quality  Quality   `json:"quality"`
	LastSeen time.Time `json:"last_seen,omitzero"` // newest receive time of any of its data

	Pose        *Pose        `json:"pose,omitempty"`
	StillSince  time.Time    `json:"still_since,omitzero"` // since when it has not moved, by receive time
	UpdateLock  *UpdateLock  `json:"update_lock,omitempty"`
	Battery     *Battery     `json:"battery,omitempty"`
	Diagnostics *Diagnostics `json:"diagnostics,omitempty"`
	Map         string       `json:"map,omitempty"` // hash of the Grid it moves on

	Nodes      []Node      `json:"nodes,omitempty"`
	Topics     []Topic     `json:"topics,omitempty"`
	Containers []Container `json:"containers,omitempty"`

	// PoseVersion and StateVersion come from the registry's one counter: a
	// reader that has seen version v wants the robots whose versions exceed v.
	PoseVersion  uint64 `json:"-"`
	StateVersion uint64 `json:"-"`
}

// Source says where a robot's identity comes from.
type Source string

// The sources of a robot's identity, strongest first.
const (
	SourceInventory Source = "inventory" // the inventory file
	SourceContainer Source = "container" // ROBOT_ID, ROBOT_NAMESPACE or the label muster.robot
	SourceDomain    Source = "domain"    // a namespace seen in the ROS domain
)

// Quality says how fresh a robot's data is, judged by receive time alone
// because robot clocks drift.
type Quality string

// The qualities, from best to worst.
const (
	QualityLive    Quality = "live"
	QualityLate    Quality = "late"    // no pose for more than two of its periods
	QualityStale   Quality = "stale"   // no pose for more than 5 s
	QualityOffline Quality = "offline" // no data at all for more than 15 s
	QualityUnseen  Quality = "unseen"  // never any data
)

// Pose is a planar pose with its velocity (REP-103: metres, radians, x forward).
type Pose struct {
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	Yaw   float64 `json:"yaw"`   // counter-clockwise from +x, in (-π, π]
	Speed float64 `json:"speed"` // m/s along the robot's x
	Turn  float64 `json:"turn"`  // rad/s

	Frame     string    `json:"frame"`     // frame_id of the source, e.g. "map" or "odom"
	Localised bool      `json:"localised"` // false while only odometry is known
	Source    time.Time `json:"source_time"`
	Receive   time.Time `json:"receive_time"`
}

// Battery is a robot's battery (sensor_msgs/msg/BatteryState). An unknown
// value is nil, never NaN.
type Battery struct {
	Charge   *float64  `json:"charge"` // 0 … 1
	Voltage  *float64  `json:"voltage"`
	Current  *float64  `json:"current"` // A, negative while discharging
	Charging bool      `json:"charging"`
	Status   string    `json:"status"` // unknown, charging, discharging, not-charging, full
	Receive  time.Time `json:"receive_time"`
}

// forgetNotFinite makes unknown what JSON cannot hold.
func (b *Battery) forgetNotFinite() {
	for _, v := range []**float64{&b.Charge, &b.Voltage, &b.Current} {
		if *v != nil && !finite(**v) {
			*v = nil
		}
	}
}

// UpdateLock is what a robot says of being updated, on its topic update_lock
// (std_msgs/msg/Bool, true while it must not be touched).
type UpdateLock struct {
	Locked  bool      `json:"locked"`
	Receive time.Time `json:"receive_time"`
}

// Level is a diagnostic level (diagnostic_msgs/msg/DiagnosticStatus).
type Level string

// The diagnostic levels.
const (
	LevelOK    Level = "ok"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
	LevelStale Level = "stale"
)

// Diagnostics is the last word of each component, and the worst of them all.
type Diagnostics struct {
	Worst   Level        `json:"worst"`
	Items   []Diagnostic `json:"items"` // ordered by name
	Receive time.Time    `json:"receive_time"`

	newest []Diagnostic // what came last; it came at Receive
}

// Heard is when a component was last heard of, by receive time; zero when never.
func (d *Diagnostics) Heard(component string) time.Time {
	i, there := find(d.Items, component)
	switch {
	case !there:
		return time.Time{}
	case slices.ContainsFunc(d.newest, func(n Diagnostic) bool { return n.Name == component }):
		return d.Receive
	default:
		return d.Items[i].Receive
	}
}

// Diagnostic is the state of one component.
type Diagnostic struct {
	Name     string            `json:"name"`
	Level    Level             `json:"level"`
	Message  string            `json:"message"`
	Hardware string            `json:"hardware,omitempty"`
	Values   map[string]string `json:"values,omitempty"`
	// Receive is when it came; see Diagnostics.Heard.
	Receive time.Time `json:"-"`
}

// Node is a ROS node in the robot's namespace.
type Node struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Enclave   string `json:"enclave,omitempty"`
	Host      string `json:"host,omitempty"`
	// Since is when its participant was discovered, by receive time.
	Since time.Time `json:"-"`
}

// FullName is the node's fully qualified name, "/robot1/driver".
func (n Node) FullName() string {
	if n.Namespace == "/" || n.Namespace == "" {
		return "/" + n.Name
	}
	return n.Namespace + "/" + n.Name
}

// Topic is a topic that the robot publishes, with the rate at which samples
// reach the manager. Rates are 0 where nobody subscribes.
type Topic struct {
	Name       string    `json:"name"`
	Type       string    `json:"type"`
	Publishers int       `json:"publishers"`
	Hz         float64   `json:"hz"`       // over the last seconds
	UsualHz    float64   `json:"usual_hz"` // what it settled at before
	Last       time.Time `json:"last,omitzero"`
	Problem    string    `json:"problem,omitempty"` // e.g. an incompatible QoS, in words
	Role       string    `json:"role,omitempty"`    // for what the manager follows it, like "battery"
}

// Topic finds a topic by its full name.
func (r *Robot) Topic(name string) (Topic, bool) {
	for _, t := range r.Topics {
		if t.Name == name {
			return t, true
		}
	}
	return Topic{}, false
}

// Finite reports whether the pose has no NaN and no infinity, which JSON cannot
// hold.
func (p *Pose) Finite() bool {
	return finite(p.X) && finite(p.Y) && finite(p.Yaw) && finite(p.Speed) && finite(p.Turn)
}

func finite(v float64) bool { return v-v == 0 }

// Moving reports whether the robot drives or turns, with a threshold against
// the noise of odometry (0.02 m/s, 0.02 rad/s).
func (p *Pose) Moving() bool {
	const still = 0.02
	return p.Speed > still || p.Speed < -still || p.Turn > still || p.Turn < -still
}
