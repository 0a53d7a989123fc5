package rollout

import (
	"maps"
	"reflect"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// State is where a whole rollout stands.
type State string

// The states of a rollout. Stopping finishes the robots in hand and starts no
// other; its Outcome says how it will end.
const (
	StateRunning   State = "running"
	StatePaused    State = "paused"
	StateStopping  State = "stopping"
	StateCompleted State = "completed" // every robot is done or skipped
	StateFailed    State = "failed"    // stopped by failures
	StateAborted   State = "aborted"   // stopped by a person
	// StateRolledBack: a person had all robots rolled back.
	StateRolledBack State = "rolled-back"
)

// Terminal reports whether the state is final.
func (s State) Terminal() bool {
	return s == StateCompleted || s == StateFailed || s == StateAborted || s == StateRolledBack
}

// Step is where one robot stands.
type Step string

// The steps of a robot, see the table in the architecture.
const (
	StepQueued        Step = "queued"
	StepPulling       Step = "pulling"
	StepWaiting       Step = "waiting"
	StepReplacing     Step = "replacing"
	StepVerifying     Step = "verifying"
	StepRollingBack   Step = "rolling-back"
	StepDone          Step = "done"
	StepRolledBack    Step = "rolled-back"
	StepFailed        Step = "failed"
	StepSkipped       Step = "skipped"
	StepNeedsOperator Step = "needs-operator"
)

// Terminal reports whether the step is final.
func (s Step) Terminal() bool {
	switch s {
	case StepDone, StepRolledBack, StepFailed, StepSkipped, StepNeedsOperator:
		return true
	default:
		return false
	}
}

// Down reports whether a robot in this step may be without its container.
func (s Step) Down() bool {
	return s == StepReplacing || s == StepVerifying || s == StepRollingBack
}

// Bad reports whether the step counts as a failure.
func (s Step) Bad() bool {
	return s == StepRolledBack || s == StepFailed || s == StepNeedsOperator
}

// changed reports whether a robot that ended so may not be as it was before.
func (s Step) changed() bool { return s == StepDone || s == StepNeedsOperator }

// Status is how far a rollout came. Only Next makes a new one.
type Status struct {
	Version   int       `json:"version"` // of this format: 1
	Rollout   string    `json:"rollout"`
	State     State     `json:"state"`
	Reason    string    `json:"reason,omitempty"` // why it is in this state, in words
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	// Ending is the state that a stopping rollout will end in.
	Ending State `json:"ending,omitempty"`
	// Undo says which robots that are done are rolled back; UndoWave is their
	// wave when it is not all.
	Undo     Undo `json:"undo,omitempty"`
	UndoWave int  `json:"undo_wave,omitempty"`
	// Pardoned are the failures after which a person had the rollout go on.
	Pardoned int `json:"pardoned,omitempty"`
	// Unproven: a person goes on although no robot of the canary wave took the
	// image.
	Unproven bool `json:"unproven,omitempty"`
	// Closing: all robots have ended, and what is no longer needed is removed.
	Closing bool `json:"closing,omitempty"`
	// Proven is how many waves, from the first, have ended and soaked, where the
	// plan has a soak.
	Proven int `json:"proven,omitempty"`
	// Approved are the approvals given so far.
	Approved []Approved `json:"approved,omitempty"`
	// Wish is the number of the last operator's wish that was taken in.
	Wish uint64 `json:"wish,omitempty"`

	// Robots has an entry for each robot that left StepQueued; the store keeps
	// each under its own key.
	Robots map[string]RobotStatus `json:"robots,omitempty"`

	// Revision is the store's revision of this status; Next leaves it alone.
	Revision int64 `json:"revision"`
}

// RobotStatus is how far one robot came.
type RobotStatus struct {
	Step     Step      `json:"step"`
	Since    time.Time `json:"since"`              // when the step was entered
	Deadline time.Time `json:"deadline,omitzero"`  // of the step
	Reason   string    `json:"reason,omitempty"`   // why it is in this step, in words
	Attempt  int       `json:"attempt,omitempty"`  // failed tries of the step's action
	Error    string    `json:"error,omitempty"`    // of the last failed try
	RetryAt  time.Time `json:"retry_at,omitzero"`  // not before
	PassAt   time.Time `json:"pass_at,omitzero"`   // since when all gates pass, verifying only
	Acted    bool      `json:"acted,omitempty"`    // the step's action has succeeded
	Tidy     bool      `json:"tidy,omitempty"`     // terminal, and nothing is left to remove
	FailAt   time.Time `json:"fail_at,omitzero"`   // since when its gates fail, done and soaking only
	Excused  string    `json:"excused,omitempty"`  // who had the rollout go on while it fails, soaking only
	Undo     bool      `json:"undo,omitempty"`     // is rolled back by decision; it did not fail
	Skip     string    `json:"skip,omitempty"`     // who leaves it out, and why
	Override string    `json:"override,omitempty"` // who overrides the robot's lock, and why
	// Overridden is the lock that Override is about, in words.
	Overridden string `json:"overridden,omitempty"`
	// Unsure: since when its gates tell nothing, done and soaking only.
	Unsure   time.Time `json:"unsure,omitzero"`
	FailedAt time.Time `json:"failed_at,omitzero"` // when it began to be rolled back, or failed
	// Lost is since when its engine does not answer in the middle of a step.
	Lost time.Time `json:"lost,omitzero"`
	// Was is how the robot was when its replacement began. It is replaced, never
	// changed.
	Was *Was `json:"was,omitempty"`
	// Begun is when its replacement was begun: something of it may be on the robot.
	Begun time.Time `json:"begun,omitzero"`
}

// Was is how a robot was when its replacement began: what a rollback goes back to
// and what the new container is measured by.
type Was struct {
	Image fleet.Image `json:"image"`
	Found Found       `json:"found"`
	Expect
}

// Found is how a container was found.
type Found string

// The ways to find a container.
const (
	FoundRunning   Found = "running" // and healthy, where it has a health check
	FoundUnhealthy Found = "unhealthy"
	FoundStopped   Found = "stopped"
)

// Robot is the status of a robot, StepQueued when there is no entry.
func (s *Status) Robot(id string) RobotStatus {
	if r, ok := s.Robots[id]; ok {
		return r
	}
	return RobotStatus{Step: StepQueued, Since: s.StartedAt}
}

func (s Status) clone() Status {
	s.Robots = maps.Clone(s.Robots)
	if s.Robots == nil {
		s.Robots = make(map[string]RobotStatus)
	}
	return s
}

// same reports whether two statuses say the same. Most robots did not change, and
// those a plain comparison finds equal.
func (s Status) same(o Status) bool {
	robots, others := s.Robots, o.Robots
	s.Robots, o.Robots = nil, nil
	return reflect.DeepEqual(s, o) && maps.EqualFunc(robots, others, func(a, b RobotStatus) bool {
		return a == b || reflect.DeepEqual(a, b)
	})
}

// Undo is how far a rollback by decision reaches.
type Undo string

// The reaches of a rollback.
const (
	UndoNone Undo = ""
	UndoWave Undo = "wave"
	UndoAll  Undo = "all"
)
