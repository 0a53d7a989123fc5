package main_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var everyFault = flag.Bool("faults", false, "in TestFaults, strike with every fault at every point: takes an hour")

// strike is a row of the table: a fault, at a point, on a robot.
type strike struct {
	fault fault
	point string // "STEP: NAME"
	robot int    // by its place in the rollout; the first is the canary
}

// Every step with a manager and with an engine that is killed there, and each
// other fault once. -faults has them all at every point.
var strikes = []struct {
	name string
	rows []strike
}{
	{"managers", []strike{
		{managerKilled, "pulling: before the pull", 0},
		{managerKilled, "waiting: while the rollout is paused", 0},
		{managerKilled, "replacing: after the old one is stopped", 1},
		{managerKilled, "verifying: while the new one is watched", 2},
		{managerKilled, "closing: after the old one is removed", 0},
		{managerKilled, "rolling back: after the new one is stopped", 0},
		{managerKilled, "discarding: before the new one is removed", 0},
		{managerFrozen, "replacing: before the new one is started", 0},
		{managerCut, "replacing: before the old one is stopped", 1},
	}},
	{"engines and etcd", []strike{
		{engineKilled, "pulling: while the image comes", 0},
		{engineKilled, "waiting: while the rollout is paused", 0},
		{engineKilled, "replacing: after the new one is renamed", 1},
		{engineKilled, "verifying: while the new one is watched", 2},
		{engineKilled, "closing: before the old one is removed", 0},
		{engineKilled, "rolling back: after the old one is renamed", 0},
		{engineKilled, "discarding: after the new one is removed", 0},
		{engineCut, "replacing: after the old one is stopped", 0},
		{leaderKilled, "replacing: after the new one is created", 0},
		{leaderFrozen, "replacing: before the new one is started", 1},
		{leaderCut, "rolling back: before the old one is started", 0},
	}},
}

// However a rollout is struck, and wherever, it ends as if it had not been.
func TestFaults(t *testing.T) {
	for _, group := range strikes {
		rows := group.rows
		if *everyFault {
			rows = crossProduct(rows[0].fault.name == managerKilled.name)
		}
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			for _, row := range rows {
				t.Run(row.fault.name+", "+row.point, func(t *testing.T) {
					defer s.at(s.t)
					s.try(t, named(t, row.point), row.fault, row.robot)
				})
			}
			s.figureTakeover(t)
		})
	}
}

// figureTakeover prints how long the site's robots were left alone, and insists
// that it was no longer than promised.
func (s *site) figureTakeover(t *testing.T) {
	t.Logf("figure: no robot was without its container for longer than %v", s.dead.Round(time.Millisecond))
	if s.kills == 0 {
		return
	}
	require.NotEmpty(t, s.takeover)
	median, text := summary(s.takeover)
	t.Logf("figure: from the acting manager's SIGKILL to its successor's next action: %s; the lease is %v", text, leaseTTL)
	assert.LessOrEqual(t, median, leaseTTL+2*time.Second)
}

// crossProduct is every fault of managers, or of the other parts, at every point.
func crossProduct(managers bool) (all []strike) {
	faults := []fault{engineKilled, engineCut, leaderKilled, leaderFrozen, leaderCut}
	if managers {
		faults = []fault{managerKilled, managerFrozen, managerCut}
	}
	for _, f := range faults {
		for _, p := range points() {
			all = append(all, strike{f, string(p.step) + ": " + p.name, 0})
		}
	}
	return all
}

func named(t *testing.T, name string) point {
	t.Helper()
	for _, p := range points() {
		if string(p.step)+": "+p.name == name {
			return p
		}
	}
	require.Fail(t, "there is no such point", name)
	return point{}
}

func summary(all []time.Duration) (median time.Duration, text string) {
	slices.Sort(all)
	median = all[len(all)/2]
	return median, fmt.Sprintf("%v (%v … %v)", median.Round(time.Millisecond),
		all[0].Round(time.Millisecond), all[len(all)-1].Round(time.Millisecond))
}
