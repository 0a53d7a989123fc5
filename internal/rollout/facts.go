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
	// DomainOK says that the ROS domain is joined and answers.
	DomainOK bool
	Robots   map[string]RobotFacts
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
)

// Result is how an Engine verb ended. An empty Err is success.
type Result struct {
	Verb  Verb
	Err   string
	Fatal bool // no retry can mend it
	Stale bool // a newer generation was there
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
