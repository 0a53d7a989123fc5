package rollout

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhoMayApprove(t *testing.T) {
	for name, test := range map[string]struct {
		approval Approval
		by, role string
		refused  string
	}{
		"an engineer":             {Approval{Before: ApproveEach}, "bob", "engineer", ""},
		"the one who started it":  {Approval{Before: ApproveEach}, "ada", "engineer", ""},
		"an operator":             {Approval{Before: ApproveEach}, "bob", "operator", "bob is operator, and the plan asks for engineer"},
		"an operator, when asked": {Approval{Before: ApproveEach, Role: "operator"}, "bob", "operator", ""},
		"an engineer for one":     {Approval{Before: ApproveEach, Role: "operator"}, "bob", "engineer", ""},
		"a viewer":                {Approval{Before: ApproveEach, Role: "operator"}, "bob", "viewer", "bob is viewer, and the plan asks for operator"},
		"no role that is known":   {Approval{Before: ApproveEach, Role: "viewer"}, "bob", "root", "bob is root, and the plan asks for viewer"},
		"another person":          {Approval{Before: ApproveEach, OtherPerson: true}, "bob", "engineer", ""},
		"the same person":         {Approval{Before: ApproveEach, OtherPerson: true}, "ada", "engineer", "ada started the rollout, and the plan asks for another person"},
		"the same, and too low":   {Approval{Before: ApproveEach, OtherPerson: true}, "ada", "operator", "ada is operator, and the plan asks for engineer"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(2, Spec{Approval: test.approval})
			wish := Wish{Action: ActionApprove, Wave: of(0), By: test.by, Role: test.role}
			err := CheckWish(&w.plan, &w.status, wish)
			if test.refused == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, ErrForbidden)
			assert.ErrorContains(t, err, test.refused)
		})
	}
}

func TestWhichWavesWaitForAnApproval(t *testing.T) {
	for before, want := range map[ApprovalPoint][]int{
		ApproveNone: nil, ApproveCanary: {0}, ApproveFleet: {1}, ApproveEach: {0, 1, 2},
	} {
		p := Plan{Waves: 3, Spec: Spec{Approval: Approval{Before: before}}, Robots: []RobotPlan{
			{Robot: "r1"}, {Robot: "r2", Wave: 1}, {Robot: "r3", Wave: 2}, {Robot: "r4", Skip: "is pinned"},
		}}
		s := Status{Robots: make(map[string]RobotStatus)}
		var waves []int
		for _, robot := range []string{"r1", "r2", "r3"} { // each ends in its turn
			if w, waits := s.nextApproval(&p); waits {
				waves = append(waves, w)
				s.Approved = append(s.Approved, Approved{Wave: w})
			}
			w, waits := s.nextApproval(&p)
			assert.False(t, waits, "wave %d is not the next to open", w)
			s.Robots[robot] = RobotStatus{Step: StepDone}
		}
		assert.Equal(t, want, waves, "approval.before %q", before)
		_, waits := s.nextApproval(&p)
		assert.False(t, waits, "all have ended")
	}
}

func TestAWishThatMakesNoSenseNamesItsField(t *testing.T) {
	for name, test := range map[string]struct {
		wish  Wish
		field string
	}{
		"no such action":           {Wish{Action: "dance"}, "action"},
		"no such action of robots": {Wish{Action: "dance", Robot: "r1"}, "robot"},
		"no such robot":            {Wish{Action: ActionSkip, Robot: "r9"}, "robot"},
		"a robot is missing":       {Wish{Action: ActionSkip}, "robot"},
		"retry without a robot":    {Wish{Action: ActionRetry}, "robot"},
		"override without a robot": {Wish{Action: ActionOverride}, "robot"},
		"pause of one robot":       {Wish{Action: ActionPause, Robot: "r1"}, "robot"},
		"override without why":     {Wish{Action: ActionOverride, Robot: "r1"}, "reason"},
		"approve what":             {Wish{Action: ActionApprove, By: "bob", Role: "engineer"}, "wave"},
		"a book for a reason":      {Wish{Action: ActionPause, Reason: strings.Repeat("x", maxReason+1)}, "reason"},
	} {
		w := newWorld(1, Spec{Approval: Approval{Before: ApproveEach}})
		err := CheckWish(&w.plan, &w.status, test.wish)
		var field *FieldError
		if assert.True(t, errors.As(err, &field), "%s: %v", name, err) {
			assert.Equal(t, test.field, field.Field, name)
		}
	}
	w := newWorld(1, Spec{})
	assert.NoError(t, CheckWish(&w.plan, &w.status, Wish{Action: ActionPause, Reason: strings.Repeat("x", maxReason)}))
}

// A wish is taken in once, in its order, and its number is kept so that it is
// not taken in again.
func TestAWishIsTakenInOnce(t *testing.T) {
	w := newWorld(1, Spec{})
	wishes := []Wish{{Seq: 1, Action: ActionPause, By: "ada"}, {Seq: 2, Action: ActionResume, By: "bob", Reason: "back"}, {Seq: 3, Action: ActionResume, By: "eve"}}
	d := Next(w.plan, w.status, wishes, w.facts(), w.now)
	assert.Equal(t, StateRunning, d.Status.State)
	assert.Equal(t, "resumed by bob: back", d.Status.Reason)
	assert.EqualValues(t, 3, d.Status.Wish)
	require.Len(t, d.Refused, 1)
	assert.Contains(t, d.Refused[0], "resume by eve: ")
	again := Next(w.plan, d.Status, wishes, w.facts(), w.now)
	assert.Equal(t, StateRunning, again.Status.State)
	assert.Empty(t, again.Refused)
}

// What a wish notes is of the clock as it is now, also in the decision that learns
// that it was set.
func TestAWishIsOfThePresentClock(t *testing.T) {
	w := newWorld(1, Spec{})
	w.status.Robots = map[string]RobotStatus{"r1": {Step: StepFailed, Since: t0, FailedAt: t0, Tidy: true}}
	f := w.facts()
	f.Set = -time.Hour
	d := Next(w.plan, w.status, []Wish{{Seq: 1, Action: ActionRetry, Robot: "r1", By: "ada"}}, f, w.now)
	require.Empty(t, d.Refused)
	assert.Equal(t, StepQueued, d.Status.Robot("r1").Step)
	assert.Equal(t, w.now, d.Status.Robot("r1").Since)
}

func TestAnApprovalSaysWhoAndWhen(t *testing.T) {
	w := newWorld(2, Spec{Approval: Approval{Before: ApproveCanary}})
	d := Next(w.plan, w.status, []Wish{{Seq: 1, Action: ActionApprove, Wave: of(0), By: "bob", Role: "engineer", At: t0}}, w.facts(), w.now)
	assert.Equal(t, []Approved{{Wave: 0, By: "bob", At: t0}}, d.Status.Approved)
	err := CheckWish(&w.plan, &d.Status, Wish{Action: ActionApprove, Wave: of(0), By: "bob", Role: "engineer"})
	assert.ErrorIs(t, err, ErrConflict, "no other wave waits for one")
}

// What a report offers is what is granted, and nothing else.
func TestAReportOffersWhatIsGranted(t *testing.T) {
	for _, step := range steps {
		s := arrive(t, "running", step)
		r := MakeReport(s.plan, s.status, nil)
		for _, a := range Actions {
			wave, _ := s.status.nextApproval(&s.plan)
			granted := CheckWish(&s.plan, &s.status, Wish{Action: a, Wave: &wave, By: "eve", Role: "engineer", Reason: "x"}) == nil
			assert.Equal(t, slices.Contains(r.Actions, a), granted, "%s of the rollout, r2 is %s", a, step)
			for _, rr := range r.Robots {
				granted := CheckWish(&s.plan, &s.status, Wish{Action: a, Robot: rr.Robot, By: "eve", Role: "engineer", Reason: "x"}) == nil
				assert.Equal(t, slices.Contains(rr.Actions, a), granted, "%s of %s, which is %s", a, rr.Robot, rr.Step)
			}
		}
	}
}

// A rollout that only removes what is no longer needed says that it ends, not that
// its robots are done: that they are is no reason.
func TestARollbackIsRefusedUntilTheRolloutHasEnded(t *testing.T) {
	w := newWorld(1, Spec{})
	w.status.Closing = true
	w.status.Robots = map[string]RobotStatus{"r1": {Step: StepDone}}
	const then = "removes what is no longer needed and ends; it can be rolled back then"
	for _, robot := range []string{"", "r1"} {
		err := CheckWish(&w.plan, &w.status, Wish{Action: ActionRollback, Robot: robot, By: "bob"})
		assert.ErrorIs(t, err, ErrConflict)
		assert.ErrorContains(t, err, then, "of %q", robot)
	}
	err := CheckWish(&w.plan, &w.status, Wish{Action: ActionRetry, Robot: "r1", By: "bob"})
	assert.ErrorContains(t, err, "retry robot r1: it is done", "which is why, closing or not")
	w.status.Robots["r1"] = RobotStatus{Step: StepFailed, Tidy: true}
	err = CheckWish(&w.plan, &w.status, Wish{Action: ActionRetry, Robot: "r1", By: "bob"})
	assert.ErrorContains(t, err, "retry robot r1: the rollout removes what is no longer needed and ends")
	err = CheckWish(&w.plan, &w.status, Wish{Action: ActionRollback, Robot: "r1", By: "bob"})
	assert.ErrorContains(t, err, "it is failed", "there will be nothing to roll back")
	w.status.Robots["r1"] = RobotStatus{Step: StepDone}
	w.status.Closing, w.status.State = false, StateCompleted
	assert.NoError(t, CheckWish(&w.plan, &w.status, Wish{Action: ActionRollback, By: "bob"}), "and then it can")
}
