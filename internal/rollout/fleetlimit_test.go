package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

// The fleet's limit counts the robots of all rollouts, whosever they are, each once.
func TestTheFleetsLimit(t *testing.T) {
	const full = "as many robots of the whole fleet as rollouts.max_unavailable allows (2) are being replaced, robot "
	x := func(robot string, helpless bool) Elsewhere {
		return Elsewhere{Robot: robot, Rollout: "night", Helpless: helpless}
	}
	for name, test := range map[string]struct {
		limit     int
		elsewhere []Elsewhere
		down      []string // of r1, r2 and r3, which the plan lets go down together
		why       string   // of the first of the others
	}{
		"none is set":             {0, []Elsewhere{x("x1", false), x("x2", false)}, []string{"r1", "r2", "r3"}, ""},
		"wider than the plan's":   {4, []Elsewhere{x("x1", false)}, []string{"r1", "r2", "r3"}, ""},
		"narrower than its own":   {2, nil, []string{"r1", "r2"}, full + "r1"},
		"one is left":             {2, []Elsewhere{x("x1", false)}, []string{"r1"}, full + "x1 in rollout night"},
		"others have it all":      {2, []Elsewhere{x("x1", false), x("x2", false)}, nil, full + "x1 in rollout night"},
		"others have more":        {2, []Elsewhere{x("x1", false), x("x2", false), x("x3", false)}, nil, full + "x1 in rollout night"},
		"left for an operator":    {2, []Elsewhere{x("x1", true), x("x2", true)}, nil, full + "x1 in rollout night"},
		"a robot counts once":     {2, []Elsewhere{x("x1", true), {Robot: "x1", Rollout: "other"}}, []string{"r1"}, full + "x1 in rollout night"},
		"to be rolled back":       {2, []Elsewhere{{Robot: "x1", Rollout: "night", Undo: true}, x("x2", false)}, nil, full + "x1 in rollout night, which is to be rolled back"},
		"it is down already":      {2, []Elsewhere{x("r1", true), x("x1", false)}, []string{"r1"}, full + "x1 in rollout night"},
		"its own of another's":    {2, []Elsewhere{x("r3", true)}, []string{"r1", "r3"}, full + "r1"},
		"counted here, and there": {3, []Elsewhere{x("r1", true), x("x1", false)}, []string{"r1", "r2"}, "as many robots of the whole fleet as rollouts.max_unavailable allows (3) are being replaced, robot x1 in rollout night"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(3, Spec{Waves: []Wave{"3"}, MaxUnavailable: Robots(4), PullAhead: new(3)})
			w.fleetLimit, w.elsewhere = test.limit, test.elsewhere
			w.settle()
			var down []string
			why := ""
			for _, rp := range w.plan.Robots {
				if w.status.Robot(rp.Robot).Step.Down() {
					down = append(down, rp.Robot)
				} else if why == "" {
					why = w.last.Why[rp.Robot].Text
				}
			}
			assert.Equal(t, test.down, down)
			assert.Equal(t, test.why, why)
			assert.Equal(t, StateRunning, w.status.State, w.status.Reason)
			if len(down) > 0 {
				return
			}
			w.elsewhere = nil
			w.advance(time.Minute)
			assert.Equal(t, StateCompleted, w.status.State, "it has only waited")
		})
	}
}

// A rollback waits for robots that others have down, and for none that is left to a
// person.
func TestARollbackUnderTheFleetsLimit(t *testing.T) {
	for _, o := range []Elsewhere{{}, {Helpless: true}, {Undo: true}} {
		w := newWorld(1, Spec{Soak: Duration(time.Hour)})
		w.fleetLimit = 1
		w.until(t, "r1", StepDone)
		o.Robot, o.Rollout = "x9", "other"
		w.elsewhere = []Elsewhere{o}
		w.wish(ActionRollback, "r1", "bob", "")
		w.advance(time.Minute)
		if !o.Helpless && !o.Undo {
			require.Equal(t, StepDone, w.status.Robot("r1").Step)
			assert.Contains(t, w.last.Why["r1"].Text, "rollouts.max_unavailable allows (1) are being replaced, robot x9 in rollout other")
			w.elsewhere = nil
			w.advance(time.Minute)
		}
		assert.Equal(t, StepRolledBack, w.status.Robot("r1").Step)
	}
}

// Robots that wait for an operator pause a rollout that they alone hold up. While
// other rollouts have robots down, to wait may be enough.
func TestAFullFleetPausesNobody(t *testing.T) {
	for name, spec := range map[string]Spec{
		"the fleet's limit":  {MaxUnavailable: Robots(3)},
		"the rollout's own":  {MaxUnavailable: Robots(2)},
		"the limit by label": {MaxUnavailable: Robots(3), MaxPer: []GroupLimit{{Label: "station", Max: 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			spec.Waves, spec.MaxFailures, spec.Before.Moving = []Wave{"3"}, Robots(3), true
			w := newWorld(3, spec)
			if name == "the fleet's limit" {
				w.fleetLimit = 2
			}
			w.status.Robots = map[string]RobotStatus{
				"r1": {Step: StepNeedsOperator, Since: w.now, Reason: "no one knows", Tidy: true},
				"r2": {Step: StepDone, Since: w.now, Tidy: true},
			}
			w.elsewhere = []Elsewhere{{Robot: "r2", Rollout: "night", Labels: map[string]string{"station": "0"}}}
			w.advance(10 * time.Second)
			require.Equal(t, StepWaiting, w.status.Robot("r3").Step)
			assert.Equal(t, StateRunning, w.status.State, w.status.Reason)
			w.elsewhere = nil
			w.advance(time.Minute)
			assert.Equal(t, StepDone, w.status.Robot("r3").Step)
		})
	}
}

// Robots pull ahead of those that may be down, not of those that the plan alone lets.
func TestRobotsInHandAreThoseThatMayBeDownAndAFew(t *testing.T) {
	w := newWorld(5, Spec{Waves: []Wave{"5"}, MaxUnavailable: Robots(4), PullAhead: new(1)})
	w.fleetLimit = 2
	w.settle()
	assert.Equal(t, StepWaiting, w.status.Robot("r3").Step)
	assert.Equal(t, StepQueued, w.status.Robot("r4").Step)
	assert.Equal(t, "as many robots as may be (3) are in hand", w.last.Why["r4"].Text)
}

// A dry run says that the fleet is full, and who takes the room.
func TestExplainTellsOfTheFleetsLimit(t *testing.T) {
	w := newWorld(1, Spec{})
	f := w.facts()
	f.FleetLimit, f.DownElsewhere = 1, []Elsewhere{{Robot: "x9", Rollout: "other"}}
	assert.Equal(t, "as many robots of the whole fleet as rollouts.max_unavailable allows (1) are being replaced, robot x9 in rollout other",
		Explain(w.plan, f, w.now)["r1"].Text)
	f.FleetLimit = 2
	assert.Empty(t, Explain(w.plan, f, w.now)["r1"].Text)
}

// A robot that another rollout tries again, and that is without its container, is
// down whatever its step.
func TestARobotThatLiesElsewhereCounts(t *testing.T) {
	reg := fleet.NewRegistry(&fleet.Journal{})
	reg.Apply(t0, fleet.InventoryObserved{ID: "r1", Namespace: "/r1"}, fleet.InventoryObserved{ID: "r2", Namespace: "/r2"})
	require.Equal(t, 2, reg.Size())
	for name, tc := range map[string]struct {
		rs   RobotStatus
		want []Elsewhere
	}{
		"never begun":       {RobotStatus{Step: StepPulling}, nil},
		"tried again":       {RobotStatus{Step: StepQueued, Begun: t0}, []Elsewhere{{Robot: "r1", Rollout: "a"}}},
		"replacing":         {RobotStatus{Step: StepReplacing, Begun: t0}, []Elsewhere{{Robot: "r1", Rollout: "a"}}},
		"needs an operator": {RobotStatus{Step: StepNeedsOperator, Begun: t0}, []Elsewhere{{Robot: "r1", Rollout: "a", Helpless: true}}},
		"done":              {RobotStatus{Step: StepDone, Begun: t0}, nil},
		"to be rolled back": {RobotStatus{Step: StepDone, Begun: t0, Undo: true}, []Elsewhere{{Robot: "r1", Rollout: "a", Undo: true}}},
	} {
		a := storedAs("a", 1, t0, map[string]RobotStatus{"r1": tc.rs})
		assert.Equal(t, tc.want, downElsewhere(reg, "b", []*Stored{a}, nil, t0), name)
		assert.Empty(t, downElsewhere(reg, "a", []*Stored{a}, nil, t0), name)
	}
	a := storedAs("a", 1, t0, map[string]RobotStatus{"r1": {Step: StepDone, Begun: t0, Undo: true}})
	held := map[string]*Hold{"r1": {Robot: "r1", By: "bob"}}
	assert.Empty(t, downElsewhere(reg, "b", []*Stored{a}, held, t0), "it may not be rolled back now")
}
