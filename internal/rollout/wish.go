package rollout

import (
	"fmt"
	"slices"
	"time"
)

// Wish is what an operator wants of a rollout. Any manager writes it, the
// runner takes them in, in their order, and each once.
type Wish struct {
	Seq    uint64    `json:"seq"`
	Action Action    `json:"action"`
	Robot  string    `json:"robot,omitempty"` // for skip, retry, override; a rollback of one robot
	Wave   *int      `json:"wave,omitempty"`  // for approve: the one that the person looked at
	By     string    `json:"by"`
	Role   string    `json:"role"` // of By, at the time
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// MaxWishes bounds the wishes of a rollout that nobody has taken in yet.
const MaxWishes = 64

// Action is an operator's action on a rollout or on one of its robots.
type Action string

// The operator's actions.
const (
	ActionPause    Action = "pause"
	ActionResume   Action = "resume"
	ActionAbort    Action = "abort"    // finish the robots in hand, start no other
	ActionRollback Action = "rollback" // put back what each robot had; of a robot, or of all
	ActionApprove  Action = "approve"  // let the next wave that waits for it begin
	ActionSkip     Action = "skip"     // leave a robot out, or take it as it is
	ActionRetry    Action = "retry"    // try a robot again, now
	ActionOverride Action = "override" // go on although the robot is locked
)

// Actions are all of them.
var Actions = []Action{
	ActionPause, ActionResume, ActionAbort, ActionRollback, ActionApprove, ActionSkip, ActionRetry, ActionOverride,
}

// because is who wants it, and why.
func (w Wish) because() string {
	if w.Reason == "" {
		return w.By
	}
	return w.By + ": " + w.Reason
}

// CheckWish says why a wish can not be granted now: a *FieldError for one that
// makes no sense, ErrConflict for one that does not fit where the rollout or
// robot stands, ErrForbidden for one that another person must make.
func CheckWish(p *Plan, s *Status, w Wish) error {
	if len(w.Reason) > maxReason {
		return fieldErrorf("reason", "is longer than %d bytes", maxReason)
	}
	if w.Robot != "" {
		return checkRobotWish(p, s, w)
	}
	if !slices.Contains(actions(p, s), w.Action) {
		if slices.Contains([]Action{ActionSkip, ActionRetry, ActionOverride}, w.Action) {
			return fieldErrorf("robot", "is missing: %s is about one robot", w.Action)
		}
		if !slices.Contains(Actions, w.Action) {
			return fieldErrorf("action", "%q is not known", w.Action)
		}
		return conflictf("%s: %s", w.Action, s.standing(p, w.Action))
	}
	if w.Action == ActionApprove {
		return checkApproval(p, s, w)
	}
	return nil
}

const maxReason = 1000

func checkApproval(p *Plan, s *Status, w Wish) error {
	a := p.Spec.Approval
	switch wave, _ := s.nextApproval(p); {
	case w.Wave == nil:
		return fieldErrorf("wave", "is missing: say which wave is approved")
	case *w.Wave != wave:
		return conflictf("approve wave %d: it is wave %d that waits now", *w.Wave, wave)
	case !a.mayApprove(w.Role):
		return fmt.Errorf("approve wave %d: %s is %s, and the plan asks for %s: %w", wave, w.By, w.Role, a.least(), ErrForbidden)
	case a.OtherPerson && w.By == p.CreatedBy:
		return fmt.Errorf("approve wave %d: %s started the rollout, and the plan asks for another person: %w", wave, w.By, ErrForbidden)
	default:
		return nil
	}
}

func checkRobotWish(p *Plan, s *Status, w Wish) error {
	i := slices.IndexFunc(p.Robots, func(r RobotPlan) bool { return r.Robot == w.Robot })
	switch {
	case i < 0:
		return fieldErrorf("robot", "%s is not in rollout %s", w.Robot, p.ID)
	case w.Action == ActionOverride && w.Reason == "":
		return fieldErrorf("reason", "is missing: say why the robot's lock is overridden")
	case slices.Contains(robotActions(p, s, i), w.Action):
		return nil
	case !slices.Contains([]Action{ActionSkip, ActionRetry, ActionOverride, ActionRollback}, w.Action):
		return fieldErrorf("robot", "%s is about the whole rollout", w.Action)
	case s.State.Terminal():
		return conflictf("%s robot %s: the rollout is %s", w.Action, w.Robot, s.State)
	case p.Robots[i].Skip != "":
		return conflictf("%s robot %s: the plan leaves it out: %s", w.Action, w.Robot, p.Robots[i].Skip)
	case s.Closing && slices.Contains(robotActions(p, s.reopened(), i), w.Action):
		return conflictf("%s robot %s: %s", w.Action, w.Robot, s.standing(p, w.Action))
	default:
		return conflictf("%s robot %s: it is %s", w.Action, w.Robot, s.Robot(w.Robot).Step)
	}
}

// standing is where a rollout stands, in words, for one who wants an action.
func (s *Status) standing(p *Plan, wanted Action) string {
	switch {
	case s.Closing && wanted == ActionRollback && p.touched(s):
		return "the rollout removes what is no longer needed and ends; it can be rolled back then, by a rollout of its own"
	case s.Closing:
		return "the rollout removes what is no longer needed and ends"
	case s.State == StateRunning && s.soaksBefore(p, s.openWave(p)):
		return "the wave before still soaks"
	case s.State == StateRunning && p.Spec.Approval.Before != ApproveNone:
		return "the rollout is running, and no wave waits for an approval"
	default:
		return "the rollout is " + string(s.State)
	}
}

// reopened is a status that was not closing yet.
func (s *Status) reopened() *Status {
	open := *s
	open.Closing = false
	return &open
}

// actions are what an operator may do with a rollout where it stands.
func actions(p *Plan, s *Status) []Action {
	var can []Action
	if _, waits := s.nextApproval(p); waits && (s.State == StateRunning || s.State == StatePaused) {
		can = append(can, ActionApprove)
	}
	switch {
	case s.State == StateRunning && !s.Closing:
		can = append(can, ActionPause, ActionAbort, ActionRollback)
	case s.State == StatePaused && !s.Closing:
		can = append(can, ActionResume, ActionAbort, ActionRollback)
	case s.State == StateStopping && s.Undo != UndoAll && !s.Closing:
		can = append(can, ActionRollback)
	case s.State.Terminal() && p.touched(s):
		can = append(can, ActionRollback) // by a rollout of its own
	}
	return can
}

// touched reports whether a robot has been changed and still is.
func (p *Plan) touched(s *Status) bool {
	return slices.ContainsFunc(p.Robots, func(r RobotPlan) bool {
		return r.Skip == "" && s.Robot(r.Robot).Step.changed()
	})
}

// robotActions are what an operator may do with robot i where it stands.
func robotActions(p *Plan, s *Status, i int) []Action {
	if s.State.Terminal() || s.Closing || p.Robots[i].Skip != "" {
		return nil
	}
	rs := s.Robot(p.Robots[i].Robot)
	goesOn := s.State != StateStopping
	switch rs.Step {
	case StepQueued, StepPulling, StepWaiting:
		can := []Action{ActionSkip}
		if rs.RetryAt.After(rs.Since) {
			can = append(can, ActionRetry)
		}
		if rs.Override == "" && goesOn {
			can = append(can, ActionOverride)
		}
		return can
	case StepReplacing, StepVerifying, StepRollingBack:
		can := []Action{ActionRetry}
		if rs.Step != StepRollingBack {
			can = append(can, ActionRollback)
		}
		if !rs.Lost.IsZero() {
			can = append(can, ActionSkip) // give up: its engine may never answer again
		}
		return can
	case StepDone:
		return []Action{ActionRollback}
	case StepFailed, StepRolledBack, StepSkipped, StepNeedsOperator:
		var can []Action
		if goesOn && rs.Tidy {
			can = append(can, ActionRetry)
		}
		if rs.Step == StepNeedsOperator {
			can = append(can, ActionSkip, ActionRollback) // a person has put it right, or wants it tried again
		}
		return can
	default:
		return nil
	}
}
