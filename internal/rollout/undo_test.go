package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

// undoOf is the rollback of a rollout that ended with three robots done; a test
// changes it.
func undoOf(t *testing.T, spec Spec) UndoInput {
	w := newWorld(3, spec)
	for i := 0; !w.status.State.Terminal(); i++ {
		require.Less(t, i, 100, "it does not end: %s", w.status.Reason)
		if _, waits := w.status.nextApproval(&w.plan); waits {
			w.wish(ActionApprove, "", "bob", "")
		}
		w.advance(10 * time.Second)
	}
	require.Equal(t, StateCompleted, w.status.State)
	return UndoInput{ID: "undo", Plan: w.plan, Status: w.status, By: "bob", Generation: 8, Fleet: w.snapshot(), Busy: make(map[string]string), Now: w.now}
}

// foundWith says what a robot ran when its replacement began, whatever it was
// when the plan was made.
func (in *UndoInput) foundWith(robot string, image fleet.Image) {
	rs := in.Status.Robots[robot]
	was := *rs.Was
	was.Image, rs.Was = image, &was
	in.Status.Robots[robot] = rs
}

func TestTheWayBack(t *testing.T) {
	in := undoOf(t, Spec{
		Waves: []Wave{"1", "2", "3"}, Soak: Duration(time.Second), Approval: Approval{Before: ApproveEach},
		Before: Before{Stationary: true}, MaxUnavailable: Robots(2), MaxPer: []GroupLimit{{Label: "station", Max: 1}},
	})
	in.Reason = "the arm shakes"
	p, err := NewUndo(in)
	require.NoError(t, err)
	assert.Equal(t, "ro", p.Undoes)
	assert.Equal(t, "bob", p.CreatedBy)
	assert.Equal(t, "roll back rollout ro: the arm shakes", p.Spec.Note)
	assert.EqualValues(t, 8, p.Generation)
	assert.Equal(t, [][]string{{"r1", "r2", "r3"}}, wavesOf(p), "one wave: the way back is urgent")
	assert.Equal(t, Approval{}, p.Spec.Approval)
	assert.Zero(t, p.Spec.Soak)
	assert.True(t, p.Spec.Before.Stationary, "through the same gates")
	assert.Equal(t, Robots(2), p.Spec.MaxUnavailable)
	assert.Equal(t, map[string]string{"station": "0"}, p.Robots[0].Groups)
	assert.True(t, p.Spec.KeepImages, "what is taken back may be asked for again")
	for i, rp := range p.Robots {
		was := in.Plan.Robots[i]
		assert.Equal(t, PinnedImage{Ref: "registry/amr:1", Repository: "registry/amr", Digest: oldDigest}, *p.image(i), rp.Robot)
		assert.Equal(t, newDigest, rp.From.Digest)
		assert.Equal(t, was.Nodes, rp.Nodes, "measured by how it was then")
		assert.Equal(t, was.Topics, rp.Topics)
		target := p.Target(i, RobotStatus{})
		assert.Equal(t, "registry/amr@"+oldDigest, target.Image.ByDigest())
		assert.Equal(t, newDigest, target.Previous)
	}
}

func TestWhoGoesBack(t *testing.T) {
	for name, test := range map[string]struct {
		change func(in *UndoInput)
		back   []string
		left   map[string]string
	}{
		"all that are done": {func(*UndoInput) {}, []string{"r1", "r2", "r3"}, nil},
		"not one that was rolled back": {func(in *UndoInput) {
			in.Status.Robots["r2"] = RobotStatus{Step: StepRolledBack, Tidy: true}
		}, []string{"r1", "r3"}, nil},
		"not one that failed, was skipped, or not begun": {func(in *UndoInput) {
			in.Status.Robots["r1"] = RobotStatus{Step: StepFailed, Tidy: true}
			in.Status.Robots["r2"] = RobotStatus{Step: StepSkipped, Tidy: true}
			delete(in.Status.Robots, "r3")
			in.Plan.Robots = append(in.Plan.Robots, RobotPlan{Robot: "r4", Container: "amr", From: fleet.Image{Ref: "x", Digest: oldDigest}})
			in.Status.Robots["r4"] = RobotStatus{Step: StepDone, Tidy: true}
		}, []string{"r4"}, nil},
		"not one that the plan left out": {func(in *UndoInput) { in.Plan.Robots[1].Skip = "is pinned" }, []string{"r1", "r3"}, nil},
		"not one whose image had no digest": {func(in *UndoInput) {
			in.foundWith("r2", fleet.Image{Ref: "local/amr:dev"})
		}, []string{"r1", "r3"}, map[string]string{"r2": "what it ran before, local/amr:dev, has no digest"}},
		"not one that a later rollout changed": {func(in *UndoInput) {
			in.Fleet.Robots[1].Containers[0].Generation = 9
		}, []string{"r1", "r3"}, map[string]string{"r2": "a later rollout has changed it"}},
		"one that is not seen now": {func(in *UndoInput) { in.Fleet.Robots = nil }, []string{"r1", "r2", "r3"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			in := undoOf(t, Spec{})
			test.change(&in)
			p, err := NewUndo(in)
			require.NoError(t, err)
			assert.Equal(t, test.back, wavesOf(p)[0])
			left := make(map[string]string)
			for _, rp := range p.Robots {
				if rp.Skip != "" {
					left[rp.Robot] = rp.Skip
				}
			}
			if test.left == nil {
				test.left = map[string]string{}
			}
			assert.Equal(t, test.left, left)
		})
	}
}

// Each robot goes back to what it had, not to what the first of them had.
func TestEachRobotGoesBackToItsOwnImage(t *testing.T) {
	in := undoOf(t, Spec{})
	const another = "sha256:3333333333333333333333333333333333333333333333333333333333333333"
	in.foundWith("r2", fleet.Image{Ref: "host:5000/fork:7", Digest: another})
	p, err := NewUndo(in)
	require.NoError(t, err)
	assert.Equal(t, "registry/amr@"+oldDigest, p.Target(0, RobotStatus{}).Image.ByDigest())
	assert.Equal(t, "host:5000/fork@"+another, p.Target(1, RobotStatus{}).Image.ByDigest())
}

func TestARollbackIsRefused(t *testing.T) {
	in := undoOf(t, Spec{})
	in.Busy["r2"] = "later"
	_, err := NewUndo(in)
	assert.ErrorIs(t, err, ErrConflict)
	assert.ErrorContains(t, err, "robot r2 is in rollout later")

	in = undoOf(t, Spec{})
	for id := range in.Status.Robots {
		in.Status.Robots[id] = RobotStatus{Step: StepRolledBack, Tidy: true}
	}
	_, err = NewUndo(in)
	assert.ErrorContains(t, err, "nothing to roll back")

	in = undoOf(t, Spec{})
	in.Generation = 3 // a store that was lost
	p, err := NewUndo(in)
	require.NoError(t, err)
	assert.EqualValues(t, 8, p.Generation, "greater than that of the rollout")
}
