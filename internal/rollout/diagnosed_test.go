package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

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
