package main_test

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
)

// steering is what operators do, and what comes of it.
var steering = []struct {
	name   string
	robots int
	does   func(c *steered)
}{
	{"pause and resume", 2, pauseAndResume},
	{"abort", 2, abort},
	{"approve", 2, approve},
	{"roll back", 2, rollBack},
	{"roll back one robot", 2, rollBackOne},
	{"roll back what has ended", 1, rollBackEnded},
	{"skip and retry", 3, skipAndRetry},
	{"override a lock", 2, override},
	{"give up", 2, giveUp},
	{"lock and unlock", 3, lockAndUnlock},
}

// Every operator's action by the API and by the command line has the same effect
// on the robots, is offered before and refused with a reason otherwise; and why a
// robot waits can be read meanwhile. What every action does at every step is
// tested where it is decided.
func TestOperatorsSteerByAPIAndCommand(t *testing.T) {
	surfaces := map[string]surface{"api": byAPI{}, "command": byCommand{}}
	total := 0
	for _, s := range steering {
		total += s.robots * len(surfaces)
	}
	w, m, robots := newSimulated(t, total)
	asked := newChecks(t)
	used := &actions{seen: make(map[string]map[rollout.Action]bool)}
	// All at the same time: they wait for the manager more than they work.
	var cases sync.WaitGroup
	for name, by := range surfaces {
		for _, s := range steering {
			mine := robots[:s.robots]
			robots = robots[s.robots:]
			cases.Go(func() {
				t.Run(s.name+" by "+name, func(t *testing.T) {
					own := *m
					own.t = t
					s.does(newSteered(&own, used.noting(name, by), w, asked, mine))
				})
			})
		}
	}
	cases.Wait()
	for name := range surfaces {
		assert.ElementsMatch(t, rollout.Actions, slices.Collect(maps.Keys(used.seen[name])), "tried by %s", name)
	}
}

// A person does it by the app's buttons, see web/e2e/steered.spec.ts: the first
// robot is updated and waits there for the approval of the others, of which the last
// one is skipped; then all is taken back.
func TestAPersonSteersInABrowser(t *testing.T) {
	w, m, robots := newSimulated(t, 3)
	c := newSteered(m, byAPI{}, w, newChecks(t), robots)
	c.starts(func(s *rollout.Spec) { s.Approval.Before = rollout.ApproveFleet })
	c.well(0, 1, 2)
	inBrowser(t, m, "steered.spec.ts", "MUSTER_E2E_ROLLOUT="+c.id)
	was := c.rollout(c.id)
	require.Len(t, was.Approved, 1)
	assert.Equal(t, "anonymous", was.Approved[0].By)
	assert.Equal(t, rollout.StepDone, c.report(1).Step)
	assert.Equal(t, rollout.StepSkipped, c.report(2).Step)
	c.runs(0, "v1")
	c.runs(1, "v1")
	c.restored(2) // it was never touched
}

func pauseAndResume(c *steered) {
	c.starts(nil)
	watch := c.watch()
	c.waitsForItsLock(1, "wheel")
	watch.tells("now: waits for its gates: locked by anonymous: wheel")
	c.does(rollout.ActionPause, -1, "lunch")
	c.is(rollout.StatePaused, "paused by anonymous: lunch")
	c.refused(rollout.Wish{Action: rollout.ActionPause}, "the rollout is paused")
	c.unlocks(1)
	c.waits(1, "the rollout is paused")
	watch.tells("paused by anonymous: lunch")
	watch.tells("now: the rollout is paused")
	c.runs(1, "v1")
	c.does(rollout.ActionResume, -1, "back")
	c.ends(rollout.StateCompleted)
	c.runs(0, "v2")
	c.runs(1, "v2")
	watch.ends("completed")
}

// The robot in hand is finished, the other one is not begun.
func abort(c *steered) {
	c.starts(nil)
	c.until(0, rollout.StepVerifying)
	c.waits(0, "not yet")
	c.does(rollout.ActionAbort, -1, "smoke")
	c.is(rollout.StateStopping, "aborted by anonymous: smoke")
	c.refused(rollout.Wish{Action: rollout.ActionPause}, "the rollout is stopping")
	c.well(0)
	c.ends(rollout.StateAborted)
	c.runs(0, "v2")
	c.runs(1, "v1")
}

func approve(c *steered) {
	c.starts(func(s *rollout.Spec) { s.Approval.Before = rollout.ApproveFleet })
	c.well(0, 1)
	c.waits(1, "the wave waits for the approval of a person who is engineer")
	c.offers(rollout.ActionApprove, -1)
	c.refused(rollout.Wish{Action: rollout.ActionApprove, Wave: new(int)}, "it is wave 1 that waits now")
	c.runs(1, "v1")
	c.does(rollout.ActionApprove, -1, "the canary is well")
	end := c.ends(rollout.StateCompleted)
	c.runs(1, "v2")
	require.Len(c.t, end.Approved, 1)
	assert.Equal(c.t, "anonymous", end.Approved[0].By)
}

func rollBack(c *steered) {
	c.starts(nil)
	c.waitsForItsLock(1, "wheel")
	c.does(rollout.ActionRollback, -1, "it limps")
	assert.Equal(c.t, "rolled back by anonymous: it limps", c.ends(rollout.StateRolledBack).Reason)
	c.restored(0)
	c.runs(1, "v1")
}

// The others go on.
func rollBackOne(c *steered) {
	c.starts(nil)
	c.waitsForItsLock(1, "wheel")
	c.does(rollout.ActionRollback, 0, "it limps")
	c.until(0, rollout.StepRolledBack)
	c.restored(0)
	c.unlocks(1)
	c.ends(rollout.StateCompleted)
	c.runs(1, "v2")
	c.restored(0)
}

// By a rollout of its own, which gives each robot what it had.
func rollBackEnded(c *steered) {
	c.starts(nil)
	c.well(0)
	c.ends(rollout.StateCompleted)
	c.runs(0, "v2")
	was := c.id
	c.refused(rollout.Wish{Action: rollout.ActionRollback, Robot: c.robots[0].robot}, "the rollout is completed")
	c.does(rollout.ActionRollback, -1, "it limps")
	require.NotEqual(c.t, was, c.id)
	assert.Equal(c.t, was, c.ends(rollout.StateCompleted).Undoes)
	c.runs(0, "v1")
}

// One robot is left out and taken in again, another one is left out.
func skipAndRetry(c *steered) {
	c.starts(func(s *rollout.Spec) { s.PullAhead = new(2) })
	c.locks(2, "arm")
	c.waitsForItsLock(1, "wheel")
	c.refused(rollout.Wish{Action: rollout.ActionRetry, Robot: c.robots[1].robot}, "it is waiting")
	c.does(rollout.ActionSkip, 1, "the wheel is off")
	c.until(1, rollout.StepSkipped)
	c.runs(1, "v1")
	c.unlocks(1)
	c.does(rollout.ActionRetry, 1, "the wheel is on")
	c.until(1, rollout.StepDone)
	c.waits(2, "locked by anonymous: arm")
	c.does(rollout.ActionSkip, 2, "the arm is off")
	c.ends(rollout.StateCompleted)
	c.runs(1, "v2")
	c.runs(2, "v1")
}

func override(c *steered) {
	c.starts(nil)
	c.waitsForItsLock(1, "wheel")
	c.refused(rollout.Wish{Action: rollout.ActionOverride, Robot: c.robots[1].robot}, "say why the robot's lock is overridden")
	c.does(rollout.ActionOverride, 1, "it is a fix for the wheel")
	c.ends(rollout.StateCompleted)
	c.runs(1, "v2")
	assert.Regexp(c.t, c.robots[1].robot+`\b`, c.by.locks(c.manager), "the lock stays")
}

// An engine that is gone in the middle of a step holds a rollout up until a person
// gives its robot up.
func giveUp(c *steered) {
	c.starts(nil)
	c.until(0, rollout.StepVerifying)
	c.refused(rollout.Wish{Action: rollout.ActionSkip, Robot: c.robots[0].robot}, "it is verifying")
	c.robots[0].end()
	c.waits(0, "is down")
	c.does(rollout.ActionSkip, 0, "it burnt down")
	end := c.ends(rollout.StateFailed)
	assert.Equal(c.t, rollout.StepNeedsOperator, end.Robots[0].Step)
	assert.Contains(c.t, end.Robots[0].Reason, "given up while it was verifying: skipped by anonymous: it burnt down")
	c.runs(1, "v1")
}

// A robot that is locked before is left out, one that is locked meanwhile waits.
func lockAndUnlock(c *steered) {
	c.locks(2, "arm")
	c.starts(nil)
	c.waitsForItsLock(1, "wheel")
	for _, text := range []string{c.robots[1].robot, "wheel", "anonymous"} {
		assert.Contains(c.t, c.by.locks(c.manager), text)
	}
	c.runs(1, "v1")
	c.unlocks(1)
	assert.NotRegexp(c.t, c.robots[1].robot+`\b`, c.by.locks(c.manager))
	c.ends(rollout.StateCompleted)
	c.runs(1, "v2")
	c.runs(2, "v1")
	c.reads("is locked by anonymous: arm")
	_, err := c.by.lock(c.manager, "nobody", "x")
	assert.ErrorContains(c.t, err, "nobody is not known")
}
