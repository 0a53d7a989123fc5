package fleet

import "time"

// Container is a container on a robot's engine that belongs to a robot.
type Container struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Engine    string `json:"engine"`
	RobotID   string `json:"robot_id,omitempty"`  // from ROBOT_ID or the label muster.robot
	Namespace string `json:"namespace,omitempty"` // from ROBOT_NAMESPACE
	Domain    int    `json:"domain"`              // from ROS_DOMAIN_ID, else 0

	Image   Image  `json:"image"`
	Role    Role   `json:"role"`
	State   string `json:"state"`            // the Engine's: created, running, paused, restarting, removing, exited, dead
	Health  string `json:"health,omitempty"` // the Engine's: starting, healthy, unhealthy; empty without a health check
	Service string `json:"service,omitempty"`

	Restarts   int       `json:"restarts"`
	ExitCode   int       `json:"exit_code"`
	OOMKilled  bool      `json:"oom_killed,omitempty"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`

	Devices     []Device `json:"devices,omitempty"`
	Lock        string   `json:"lock,omitempty"` // label muster.lock: why no rollout may touch it
	NetworkMode string   `json:"network_mode,omitempty"`

	Rollout    string `json:"rollout,omitempty"`    // label muster.rollout
	Generation uint64 `json:"generation,omitempty"` // label muster.generation
	Digest     string `json:"digest,omitempty"`     // label muster.digest
}

// Running reports whether the container's process runs.
func (c *Container) Running() bool { return c.State == "running" }

// Role says which part a container plays for its robot.
type Role string

// The roles of a container. At most one container per robot and name is
// current; the others exist only while a rollout works on the robot.
const (
	RoleCurrent   Role = "current"
	RoleSuccessor Role = "successor" // created for a rollout, not yet in the current one's place
	RolePrevious  Role = "previous"  // kept until the rollout is sure of its successor
)

// Image names what a container runs.
type Image struct {
	Ref    string `json:"ref"`              // as the container was created with
	ID     string `json:"id,omitempty"`     // the Engine's image id (config digest)
	Digest string `json:"digest,omitempty"` // sha256:… of the manifest in its repository, when known
}

// Device is a device attached to a container, of one of three kinds: a device
// node mapped from the host, a request to a device driver (GPU), or a cgroup
// rule.
type Device struct {
	Kind        DeviceKind `json:"kind"`
	Host        string     `json:"host,omitempty"`        // path on the host, for node
	Container   string     `json:"container,omitempty"`   // path in the container, for node
	Permissions string     `json:"permissions,omitempty"` // r, w, m, for node
	Request     string     `json:"request,omitempty"`     // "nvidia: all [gpu]", for request
	Rule        string     `json:"rule,omitempty"`        // "c 13:* rmw", for cgroup-rule
}

// DeviceKind is the way in which a device is attached.
type DeviceKind string

// The kinds of a Device, after the Engine's HostConfig fields.
const (
	DeviceNode       DeviceKind = "node"        // HostConfig.Devices
	DeviceRequest    DeviceKind = "request"     // HostConfig.DeviceRequests
	DeviceCgroupRule DeviceKind = "cgroup-rule" // HostConfig.DeviceCgroupRules
)

// Engine is one Docker Engine as the manager sees it.
type Engine struct {
	Name     string      `json:"name"`
	Endpoint string      `json:"endpoint"`
	State    EngineState `json:"state"`
	Error    string      `json:"error,omitempty"` // why it is not up, in words
	Since    time.Time   `json:"since"`           // when State was entered
	LastSeen time.Time   `json:"last_seen,omitzero"`
	Version  string      `json:"version,omitempty"`
	API      string      `json:"api,omitempty"`
	OS       string      `json:"os,omitempty"`
	Arch     string      `json:"arch,omitempty"`
}

// EngineState says whether an engine answers.
type EngineState string

// The states of an engine.
const (
	EngineConnecting EngineState = "connecting"
	EngineUp         EngineState = "up"
	EngineHung       EngineState = "hung" // accepts a connection and does not answer in time
	EngineDown       EngineState = "down"
)
