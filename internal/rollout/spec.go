package rollout

import (
	"fmt"
	"time"
)

// Spec is what an engineer asks for. The same fields are read from JSON, YAML,
// the command's flags and the app's form. What is not said takes Defaults: a field
// whose zero means something else than its default is a pointer, nil until it is
// said. In a stored plan nil is zero, which is how older managers wrote it.
type Spec struct {
	Image     string `json:"image"`               // image reference: tag or digest
	Robots    string `json:"robots"`              // selector, see ParseSelector
	Container string `json:"container,omitempty"` // container name or compose service, where a robot has several

	// Canary is how many robots make up wave 0 when Waves are not given; with 0 all
	// robots are in one wave.
	Canary *int   `json:"canary,omitempty"`
	Waves  []Wave `json:"waves,omitempty"`
	// Soak is how long a wave rests after its last robot is done. Its robots are
	// watched meanwhile, and one that fails counts as a failure.
	Soak Duration `json:"soak,omitempty"`

	// MaxUnavailable bounds the robots that are being replaced, verified or
	// rolled back at one time; a share is of those that take part. A robot of
	// Robots counts while another rollout has it down, too, also when this one
	// leaves it out.
	MaxUnavailable Share `json:"max_unavailable,omitzero"`
	// MaxPer bounds them besides for robots that have the same value of a label,
	// over all rollouts: never two of one charging station.
	MaxPer []GroupLimit `json:"max_per,omitempty"`
	// PullAhead is how many robots beyond MaxUnavailable may pull and wait.
	PullAhead *int `json:"pull_ahead,omitempty"`

	// MaxFailures is how many robots may fail before the rollout stops; a share
	// is of the robots tried so far, rounded up. A canary may never fail.
	MaxFailures Share     `json:"max_failures,omitzero"`
	OnFailure   OnFailure `json:"on_failure,omitempty"`
	Offline     Offline   `json:"offline,omitempty"`
	Conflict    Conflict  `json:"conflict,omitempty"`

	Before   Before   `json:"before,omitzero"` // gates that a robot passes before it is touched
	After    After    `json:"after,omitzero"`  // gates that the new container passes, for a whole window
	Approval Approval `json:"approval,omitzero"`

	// KeepImages leaves images on the robots that no container uses any more.
	KeepImages bool `json:"keep_images,omitempty"`

	Deadlines Deadlines `json:"deadlines,omitzero"`
	Note      string    `json:"note,omitempty"` // why, for the audit log
}

// GroupLimit bounds the robots that are down at one time among those that have
// the same value of a label. Robots without the label are not bound.
type GroupLimit struct {
	Label string `json:"label"`
	Max   int    `json:"max"`
}

// OnFailure says what happens when a robot fails (beyond MaxFailures, or a
// canary).
type OnFailure string

// The answers to a failure.
const (
	RollBackRobot OnFailure = "roll-back-robot" // the robot that failed; those that are done stay
	RollBackWave  OnFailure = "roll-back-wave"  // also those of its wave
	RollBackAll   OnFailure = "roll-back-all"   // all that were changed
	PauseOnly     OnFailure = "pause"           // nothing is rolled back, nor ended, before a person decides
)

// Offline says what becomes of robots that are offline.
type Offline string

// The answers to a robot that is offline.
const (
	OfflineSkip  Offline = "skip"  // left out when the plan is made, or after the wait deadline
	OfflineWait  Offline = "wait"  // waited for, others go first; left out after the wait deadline
	OfflineBlock Offline = "block" // waited for; the deadline pauses the rollout
)

// Conflict says what happens when another rollout has a robot.
type Conflict string

// The answers to a conflict.
const (
	ConflictRefuse Conflict = "refuse" // the plan is refused
	ConflictQueue  Conflict = "queue"  // the robot waits until the other rollout is through with it
)

// Before are the gates that must pass on fresh facts before a robot's
// container is touched.
type Before struct {
	// Stationary: it neither drives nor turns. That is asked for unless the spec
	// says Moving.
	Stationary bool     `json:"stationary,omitempty"`
	Moving     bool     `json:"moving,omitempty"`      // it may be touched while it drives
	Idle       Duration `json:"idle,omitempty"`        // has stood still for so long
	Charging   bool     `json:"charging,omitempty"`    // the battery reports charging or full: it is docked
	MinBattery float64  `json:"min_battery,omitempty"` // 0 … 1; 0 asks nothing
	// Windows are the times in which robots may be touched, like "mon-fri
	// 22:00-05:00"; none means always. TimeZone is theirs, UTC when empty.
	Windows  []string `json:"windows,omitempty"`
	TimeZone string   `json:"time_zone,omitempty"`
	// WavePulled waits until the image is on all robots of the wave.
	WavePulled bool `json:"wave_pulled,omitempty"`
	// MinFree is what must stay free on the engine's disk, in bytes.
	MinFree int64 `json:"min_free,omitempty"`
}

// After are the gates over the verify window.
type After struct {
	// Window is for how long all gates must pass without a break; 0 is once.
	Window *Duration `json:"window,omitempty"`
	// MinRate is the share of a topic's usual rate that must be reached again
	// (0 … 1); 0 asks that it is published at all.
	MinRate *float64 `json:"min_rate,omitempty"`
	// MaxRestarts is how often the new container may restart.
	MaxRestarts int `json:"max_restarts,omitempty"`
	// Nodes and Topics are expected besides those that were there before. A
	// name without a leading slash is in the robot's namespace.
	Nodes  []string      `json:"nodes,omitempty"`
	Topics []TopicExpect `json:"topics,omitempty"`
	Checks []Check       `json:"checks,omitempty"`
	// SkipNodes, SkipTopics and SkipDiagnostics turn off the gates that are
	// learned from how the robot was before.
	SkipNodes       bool `json:"skip_nodes,omitempty"`
	SkipTopics      bool `json:"skip_topics,omitempty"`
	SkipDiagnostics bool `json:"skip_diagnostics,omitempty"`
}

// Deadlines bound each step of a robot.
type Deadlines struct {
	Pull     Duration `json:"pull,omitempty"`
	Wait     Duration `json:"wait,omitempty"`
	Replace  Duration `json:"replace,omitempty"`
	Verify   Duration `json:"verify,omitempty"`
	Rollback Duration `json:"rollback,omitempty"`
}

// Defaults are the values that a Spec's fields take when they are not said.
var Defaults = Spec{
	Canary:         new(1),
	MaxUnavailable: Robots(1),
	PullAhead:      new(1),
	OnFailure:      RollBackRobot,
	Offline:        OfflineSkip,
	Conflict:       ConflictRefuse,
	Before:         Before{Stationary: true}, // unless Moving is set
	After:          After{Window: new(Duration(5 * time.Second)), MinRate: new(0.8)},
	Deadlines: Deadlines{
		Pull:     Duration(15 * time.Minute),
		Wait:     Duration(30 * time.Minute),
		Replace:  Duration(time.Minute),
		Verify:   Duration(time.Minute),
		Rollback: Duration(2 * time.Minute),
	},
}

// Duration is a time.Duration that is written as text ("90s") in JSON and YAML.
type Duration time.Duration

// MarshalText writes the duration in Go's syntax.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads Go's syntax and refuses a negative duration.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("duration %q: want a number with a unit, like \"90s\"", b)
	}
	if v < 0 {
		return fmt.Errorf("duration %q is negative", b)
	}
	*d = Duration(v)
	return nil
}

func (d Duration) String() string { return time.Duration(d).String() }

// Set and Type make a Duration a command-line flag.
func (d *Duration) Set(text string) error { return d.UnmarshalText([]byte(text)) }

// Type names the flag's value.
func (*Duration) Type() string { return "duration" }

// FieldError says which field of a request is wrong, and why.
type FieldError struct {
	Field string
	Why   string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Why }

func fieldErrorf(field, format string, args ...any) error {
	return &FieldError{Field: field, Why: fmt.Sprintf(format, args...)}
}

// withDefaults fills the fields that are not said.
func (s Spec) withDefaults() Spec {
	if len(s.Waves) == 0 {
		orDefault(&s.Canary, Defaults.Canary)
	}
	orDefault(&s.MaxUnavailable, Defaults.MaxUnavailable)
	orDefault(&s.PullAhead, Defaults.PullAhead)
	orDefault(&s.OnFailure, Defaults.OnFailure)
	orDefault(&s.Offline, Defaults.Offline)
	orDefault(&s.Conflict, Defaults.Conflict)
	s.Before.Stationary = s.Before.Stationary || !s.Before.Moving
	orDefault(&s.After.Window, Defaults.After.Window)
	orDefault(&s.After.MinRate, Defaults.After.MinRate)
	d := Defaults.Deadlines
	orDefault(&s.Deadlines.Pull, d.Pull)
	orDefault(&s.Deadlines.Wait, d.Wait)
	orDefault(&s.Deadlines.Replace, d.Replace)
	orDefault(&s.Deadlines.Verify, d.Verify)
	orDefault(&s.Deadlines.Rollback, d.Rollback)
	return s
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// OrZero is what a field of a spec says, or zero when it says nothing.
func OrZero[T any](said *T) T {
	if said == nil {
		var zero T
		return zero
	}
	return *said
}

// ParseSpec reads a spec from JSON. An unknown field is an error that names it.
func ParseSpec(b []byte) (Spec, error) {
	var s Spec
	if err := unmarshalStrict(b, &s); err != nil {
		return Spec{}, fmt.Errorf("read rollout: %w", err)
	}
	return s, nil
}
