package rollout

import (
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// Facts are what Next knows of the world. They are gathered anew for each
// decision.
type Facts struct {
	// Since is when this runner began to watch. What it has not seen in the time
	// after that is not yet known, rather than absent.
	Since time.Time
	// Set is by how much this runner's clock was set since its last decision about
	// this rollout: what is stored is of the clock before.
	Set time.Duration
	// DomainOK says that the ROS domain is joined and answers.
	DomainOK bool
	// Robots has those that the decision may depend on, see Needed.
	Robots map[string]RobotFacts
	// DownElsewhere are the robots that other rollouts have down, or will have before
	// any other robot.
	DownElsewhere []Elsewhere
	// FleetLimit is how many robots all rollouts together may have down at one time;
	// 0 sets no limit.
	FleetLimit int
}

// Elsewhere is a robot that another rollout has down.
type Elsewhere struct {
	Robot, Rollout string
	Labels         map[string]string
	Helpless       bool // it is left for an operator
	Undo           bool // it is at work, and to be rolled back as soon as there is room
}

// RobotFacts are what is known of one robot of the plan.
type RobotFacts struct {
	Known  bool
	Robot  fleet.Robot
	Engine fleet.Engine // of the plan's engine name; zero when unknown

	Held        bool      // we hold the robot's lease
	LockedBy    string    // who held it when we last tried
	LockRetryAt time.Time // not before
	Busy        Verb      // the verb in flight, empty when none
	Result      *Result   // of the last verb, given to Next once
	Progress    Progress  // of the pull in flight

	Probes   []Gate    // the newest answers to the spec's checks
	ProbedAt time.Time // when they were asked for
	Hold     *Hold     // an operator's lock
	Claimed  string    // an earlier rollout that is not through with this robot
}

// inPlace is the container that has a name.
func (f *RobotFacts) inPlace(name string) *fleet.Container {
	for i := range f.Robot.Containers {
		if c := &f.Robot.Containers[i]; c.Name == name {
			return c
		}
	}
	return nil
}

// Verb is one effect on a robot.
type Verb string

// The verbs; Lock and Unlock are about the robot's lease, the others are those
// of Engine.
const (
	VerbLock     Verb = "lock"
	VerbUnlock   Verb = "unlock"
	VerbPull     Verb = "pull"
	VerbReplace  Verb = "replace"
	VerbRollback Verb = "rollback"
	VerbCommit   Verb = "commit"
	VerbDiscard  Verb = "discard"
	VerbProbe    Verb = "probe" // asks the spec's checks; its result is a fact
)

// Result is how an Engine verb ended. An empty Err is success.
type Result struct {
	Verb  Verb
	Err   string
	Fatal bool // no retry can mend it
	Stale bool // a newer generation was there
	// NotNow: nothing was touched, because the robot was not ready any more.
	NotNow bool
}

// Command is a verb to be carried out now.
type Command struct {
	Robot    int // index into Plan.Robots
	Verb     Verb
	Deadline time.Time
}

// Decision is the answer of Next.
type Decision struct {
	Status   Status
	Commands []Command
	// Cancel names robots whose verb in flight is no longer wanted.
	Cancel []string
	// Refused says which wishes were not taken in, and why.
	Refused []string
	// WakeAt is when to decide again at the latest; zero means only when facts
	// change.
	WakeAt time.Time
	// Why says for each robot that has not ended what it waits for, with the
	// present answers of its gates.
	Why map[string]Waiting
}

// Waiting is why a robot is not further.
type Waiting struct {
	Text  string
	Gates []Gate
}

// Hold is an operator's lock on a robot: no rollout touches it.
type Hold struct {
	Robot  string    `json:"robot"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Needed reports whether a decision may depend on what is known of robot i: one
// that has ended for good does not, nor one whose wave is far away.
func Needed(p *Plan, s *Status) func(i int) bool {
	open := s.openWave(p)
	return func(i int) bool {
		r := &p.Robots[i]
		if r.Skip != "" {
			return false
		}
		switch rs := s.Robot(r.Robot); {
		case rs.Step == StepQueued:
			return r.Wave <= open+1
		case rs.Step == StepNeedsOperator:
			return rs.Undo
		case rs.Step == StepDone && !rs.Tidy:
			return s.Closing || s.Undo != UndoNone || rs.Undo || p.Spec.Soak > 0
		default:
			return !rs.Tidy
		}
	}
}
