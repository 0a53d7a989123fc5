package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

func TestDiagnosticsMustComeAndBeNoWorse(t *testing.T) {
	began := t0.Add(-time.Minute)
	item := func(name string, l fleet.Level) fleet.Diagnostic { return fleet.Diagnostic{Name: name, Level: l} }
	for name, tc := range map[string]struct {
		diag *fleet.Diagnostics
		down bool // the domain does not answer
		want Outcome
	}{
		"none":            {nil, false, Inconclusive},
		"from before":     {&fleet.Diagnostics{Receive: began.Add(-time.Second)}, false, Inconclusive},
		"stopped to come": {&fleet.Diagnostics{Receive: t0.Add(-11 * time.Second)}, false, Inconclusive},
		"from the future": {&fleet.Diagnostics{Receive: t0.Add(time.Hour)}, false, Inconclusive},
		"no domain":       {&fleet.Diagnostics{Receive: t0}, true, Inconclusive},
		"all well":        {&fleet.Diagnostics{Receive: t0, Items: []fleet.Diagnostic{item("lidar", fleet.LevelOK), item("wifi", fleet.LevelWarn)}}, false, Pass},
		"an error":        {&fleet.Diagnostics{Receive: t0, Items: []fleet.Diagnostic{item("lidar", fleet.LevelError)}}, false, Fail},
		"a stale one":     {&fleet.Diagnostics{Receive: t0, Items: []fleet.Diagnostic{item("lidar", fleet.LevelStale)}}, false, Fail},
		"one from before": {&fleet.Diagnostics{Receive: t0, Items: []fleet.Diagnostic{item("old", fleet.LevelStale)}}, false, Pass},
	} {
		f := RobotFacts{Robot: fleet.Robot{Diagnostics: tc.diag}}
		g := diagnosticsGate(&Expect{Diagnosed: true, Faults: []string{"old"}}, RobotStatus{Step: StepVerifying, Since: began}, f, Facts{DomainOK: !tc.down}, t0)
		assert.Equal(t, tc.want, g.Outcome, "%s: %s", name, g.Reason)
	}
}

// A component that is gone is no success: nobody knows how it is.
func TestAComponentMustReportAgain(t *testing.T) {
	registry := fleet.NewRegistry(new(fleet.Journal))
	say := func(at time.Time, names ...string) *fleet.Diagnostics {
		var items []fleet.Diagnostic
		for _, n := range names {
			items = append(items, fleet.Diagnostic{Name: n, Level: fleet.LevelOK})
		}
		here := fleet.At{Namespace: "/r1"}
		registry.Apply(at, fleet.PoseObserved{At: here, Pose: fleet.Pose{Receive: at}}, fleet.DiagnosticsObserved{At: here, Items: items, Receive: at})
		r, found := registry.Robot("r1")
		require.True(t, found)
		return r.Diagnostics
	}
	say(t0.Add(-2*time.Minute), "at start")
	before := say(t0, "lidar", "wheels")
	want := &Expect{Diagnosed: true, Components: reporting(before, t0.Add(time.Second))}
	require.Equal(t, []string{"lidar", "wheels"}, want.Components)
	runs := t0.Add(5 * time.Second)
	ask := func(step Step, d *fleet.Diagnostics, at time.Time) Gate {
		rs := RobotStatus{Step: step, Begun: t0.Add(time.Second), Since: runs}
		return diagnosticsGate(want, rs, RobotFacts{Robot: fleet.Robot{Diagnostics: d}}, Facts{DomainOK: true}, at)
	}
	half := say(runs.Add(time.Second), "wheels")
	g := ask(StepVerifying, half, runs.Add(2*time.Second))
	assert.Equal(t, Inconclusive, g.Outcome)
	assert.Equal(t, "lidar has not reported since the new container runs", g.Reason)
	whole := say(runs.Add(3*time.Second), "lidar")
	assert.Equal(t, Pass, ask(StepVerifying, whole, runs.Add(4*time.Second)).Outcome)
	assert.Equal(t, Pass, ask(StepDone, whole, runs.Add(4*time.Second)).Outcome)
	assert.Equal(t, Inconclusive, ask(StepDone, before, t0.Add(2*time.Second)).Outcome)
}
