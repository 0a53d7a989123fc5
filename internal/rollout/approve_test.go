package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two engineers who approve the canary at one moment do not approve the next
// wave, which nobody has looked at.
func TestTwoApprovalsOfOneWaveAreOne(t *testing.T) {
	w := newWorld(2, Spec{Approval: Approval{Before: ApproveEach}})
	w.advance(5 * time.Second)
	w.wish(ActionApprove, "", "bob", "")
	w.wish(ActionApprove, "", "eve", "")
	w.decide()
	require.Len(t, w.last.Refused, 1)
	assert.Contains(t, w.last.Refused[0], "approve by eve")
	w.advance(5 * time.Minute)
	require.Len(t, w.status.Approved, 1)
	assert.Equal(t, 0, w.status.Approved[0].Wave)
	assert.Equal(t, StepDone, w.status.Robot("r1").Step)
	assert.True(t, w.robots["r2"].oldRuns)
}

// The fleet is not approved before the canary has shown what it does.
func TestAWaveIsApprovedWhenItIsTheNext(t *testing.T) {
	w := newWorld(3, Spec{Approval: Approval{Before: ApproveFleet}})
	one, two := 1, 2
	wish := Wish{Action: ActionApprove, By: "bob", Role: "engineer", Wave: &one}
	require.ErrorIs(t, CheckWish(&w.plan, &w.status, wish), ErrConflict)
	assert.NotContains(t, actions(&w.plan, &w.status), ActionApprove)
	w.until(t, "r1", StepDone)
	w.advance(time.Second)
	assert.Contains(t, actions(&w.plan, &w.status), ActionApprove)
	require.NoError(t, CheckWish(&w.plan, &w.status, wish))
	wish.Wave = &two
	require.ErrorIs(t, CheckWish(&w.plan, &w.status, wish), ErrConflict)
	wish.Wave = nil
	var field *FieldError
	require.ErrorAs(t, CheckWish(&w.plan, &w.status, wish), &field)
	assert.Equal(t, "wave", field.Field)
	w.wish(ActionApprove, "", "bob", "")
	w.advance(5 * time.Minute)
	assert.Equal(t, StateCompleted, w.status.State)
}
