package main_test

import (
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/sim/images"
)

var missesBattery = regexp.MustCompile(`fail +topic /robot1/battery_state: no sample since the new container runs`)

// The rates of all topics that the manager follows are asked for again: an image whose
// battery tells nothing is taken back, and the reason names the topic. A dry run tells
// of them, and of the configuration's limit over the whole fleet.
func TestAnImageWithoutItsBatteryIsRolledBack(t *testing.T) {
	w := newWorld(t, 2)
	layer, err := images.Layer(program(t, "muster-sim"))
	require.NoError(t, err)
	flat, err := images.Image(layer, "flat", "flat")
	require.NoError(t, err)
	_, err = images.Push(t.Context(), w.image("flat"), flat)
	require.NoError(t, err)
	m := w.manager(settings{"rollouts": settings{"max_unavailable": "50%"}})
	m.awaitFleet(w.robots...)
	m.eventually("the rates of what comes once a second are known", func() bool {
		return !slices.ContainsFunc(w.robots, func(id string) bool {
			r, _ := m.robot(id)
			battery, _ := r.Topic("/" + id + "/battery_state")
			diagnostics, _ := r.Topic("/" + id + "/diagnostics")
			return min(battery.Hz, battery.UsualHz, diagnostics.Hz, diagnostics.UsualHz) < 0.8
		})
	})

	spec := w.spec("flat")
	spec.After.Window = nil // five seconds, by default
	spec.Deadlines.Verify = rollout.Duration(15 * time.Second)
	var plan rollout.Report
	status, body := m.call(http.MethodPost, "/rollouts?dry_run=1", spec, &plan)
	require.Equal(t, http.StatusOK, status, body)
	assert.Equal(t, 1, plan.FleetLimit, "half of two robots")
	var expected []string
	for _, topic := range plan.Robots[0].Topics {
		expected = append(expected, topic.Name)
	}
	assert.ElementsMatch(t, []string{"/robot1/odom", "/robot1/battery_state", "/robot1/diagnostics"}, expected)

	id := m.rollOut(spec)
	m.eventually("its battery is missed", func() bool {
		out, err := exec.Command(program(t, "muster"), "rollout", "show", id, "--server", m.url).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return missesBattery.Match(out)
	})
	r := m.awaitEnd(id)
	assert.Equal(t, rollout.StateFailed, r.State, r.Reason)
	assert.Contains(t, r.Reason, "robot robot1 is rolled back: after 15s: /robot1/battery_state: no sample since the new container runs")
	assert.Equal(t, rollout.StepSkipped, r.Robots[1].Step)
}
