package rollout

import (
	"fmt"
	"time"
)

// Spec is what an engineer asks for. The same fields are read from JSON, YAML,
// the command's flags and the app's form. Zero values take Defaults.
type Spec struct {
	Image     string `json:"image"`               // image reference: tag or digest
	Robots    string `json:"robots"`              // selector, see ParseSelector
	Container string `json:"container,omitempty"` // container name or compose service, where a robot has several

	// Canary is how many robots make up wave 0.
	Canary int `json:"canary,omitempty"`
	// MaxUnavailable bounds the robots that are being replaced, verified or
	// rolled back at one time.
	MaxUnavailable int `json:"max_unavailable,omitempty"`
	// PullAhead is how many robots beyond MaxUnavailable may pull and wait.
	PullAhead int `json:"pull_ahead,omitempty"`
	// MaxFailures is how many robots may fail before the rollout stops.
	MaxFailures int `json:"max_failures,omitempty"`

	Before Before `json:"before,omitzero"` // gates that a robot passes before it is touched
	After  After  `json:"after,omitzero"`  // gates that the new container passes, for a whole window

	Deadlines Deadlines `json:"deadlines,omitzero"`
	Note      string    `json:"note,omitempty"` // why, for the audit log
}

// Before are the gates that must pass on fresh facts before a robot's
// container is touched.
type Before struct {
	Stationary bool    `json:"stationary,omitempty"`  // neither drives nor turns
	Charging   bool    `json:"charging,omitempty"`    // the battery reports charging or full
	MinBattery float64 `json:"min_battery,omitempty"` // 0 … 1; 0 asks nothing
}

// After are the gates over the verify window.
type After struct {
	Window Duration `json:"window,omitempty"` // for how long all gates must pass without a break
	// MinRate is the share of a topic's usual rate that must be reached again
	// (0 … 1).
	MinRate float64 `json:"min_rate,omitempty"`
	// SkipNodes and SkipTopics turn off the gates that expect the robot's nodes
	// and its pose topic back.
	SkipNodes  bool `json:"skip_nodes,omitempty"`
	SkipTopics bool `json:"skip_topics,omitempty"`
}

// Deadlines bound each step of a robot.
type Deadlines struct {
	Pull     Duration `json:"pull,omitempty"`
	Wait     Duration `json:"wait,omitempty"`
	Replace  Duration `json:"replace,omitempty"`
	Verify   Duration `json:"verify,omitempty"`
	Rollback Duration `json:"rollback,omitempty"`
}

// Defaults are the values that a Spec's zero fields take.
var Defaults = Spec{
	Canary:         1,
	MaxUnavailable: 1,
	PullAhead:      1,
	After:          After{Window: Duration(5 * time.Second), MinRate: 0.8},
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

// FieldError says which field of a request is wrong, and why.
type FieldError struct {
	Field string
	Why   string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Why }

func fieldErrorf(field, format string, args ...any) error {
	return &FieldError{Field: field, Why: fmt.Sprintf(format, args...)}
}

// withDefaults fills the zero fields.
func (s Spec) withDefaults() Spec {
	orInt(&s.Canary, Defaults.Canary)
	orInt(&s.MaxUnavailable, Defaults.MaxUnavailable)
	orInt(&s.PullAhead, Defaults.PullAhead)
	orDuration(&s.After.Window, Defaults.After.Window)
	if s.After.MinRate == 0 {
		s.After.MinRate = Defaults.After.MinRate
	}
	d := Defaults.Deadlines
	orDuration(&s.Deadlines.Pull, d.Pull)
	orDuration(&s.Deadlines.Wait, d.Wait)
	orDuration(&s.Deadlines.Replace, d.Replace)
	orDuration(&s.Deadlines.Verify, d.Verify)
	orDuration(&s.Deadlines.Rollback, d.Rollback)
	return s
}

// validate checks a spec that has its defaults.
func (s Spec) validate() error {
	switch {
	case s.Image == "":
		return fieldErrorf("image", "is missing")
	case s.Robots == "":
		return fieldErrorf("robots", "is missing; \"all\" means every robot")
	case s.Canary < 0:
		return fieldErrorf("canary", "%d is negative", s.Canary)
	case s.MaxUnavailable < 1:
		return fieldErrorf("max_unavailable", "%d: at least 1", s.MaxUnavailable)
	case s.PullAhead < 0:
		return fieldErrorf("pull_ahead", "%d is negative", s.PullAhead)
	case s.MaxFailures < 0:
		return fieldErrorf("max_failures", "%d is negative", s.MaxFailures)
	case s.Before.MinBattery < 0 || s.Before.MinBattery > 1:
		return fieldErrorf("before.min_battery", "%v is not within 0 and 1", s.Before.MinBattery)
	case s.After.MinRate < 0 || s.After.MinRate > 1:
		return fieldErrorf("after.min_rate", "%v is not within 0 and 1", s.After.MinRate)
	case s.After.Window >= s.Deadlines.Verify:
		return fieldErrorf("after.window", "%v does not fit into deadlines.verify, %v",
			time.Duration(s.After.Window), time.Duration(s.Deadlines.Verify))
	}
	return nil
}

func orInt(v *int, def int) {
	if *v == 0 {
		*v = def
	}
}

func orDuration(v *Duration, def Duration) {
	if *v == 0 {
		*v = def
	}
}

// ParseSpec reads a spec from JSON. An unknown field is an error that names it.
func ParseSpec(b []byte) (Spec, error) {
	var s Spec
	if err := unmarshalStrict(b, &s); err != nil {
		return Spec{}, fmt.Errorf("read rollout: %w", err)
	}
	return s, nil
}
