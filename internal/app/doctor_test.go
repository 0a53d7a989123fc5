package app

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
)

func TestTheDoctorTellsOfClocksAndSilence(t *testing.T) {
	w := &watched{robot: make(map[string]bool), data: make(map[string]int), skew: make(map[string][]time.Duration)}
	now := time.Now()
	for ns, late := range map[string]time.Duration{"/good": 5 * time.Millisecond, "/slow": -90 * time.Second} {
		w.apply(now, fleet.GraphObserved{At: fleet.At{Namespace: ns}, Robot: true})
		w.apply(now, fleet.PosesObserved{Poses: []fleet.PoseObserved{{At: fleet.At{Namespace: ns}, Pose: fleet.Pose{Source: now.Add(-late), Receive: now}}}})
	}
	w.apply(now, fleet.GraphObserved{At: fleet.At{Namespace: "/mute"}, Robot: true})
	var out bytes.Buffer
	d := &doctor{out: &out}
	d.robots(w)
	assert.Equal(t, 2, d.faults)
	assert.Regexp(t, `ok +robot /good: 1 samples`, out.String())
	assert.Regexp(t, `FAULT +robot /slow: 1 samples, and its clock is 1m30s off ours`, out.String())
	assert.Regexp(t, `FAULT +robot /mute: its topics are there, and no data comes`, out.String())

	out.Reset()
	d.participants([]ros.ParticipantView{{Vendor: "Fast DDS", Endpoints: 3}, {Vendor: "Fast DDS", Nodes: []string{"/a"}}})
	assert.Contains(t, out.String(), "2 participants on Fast DDS")
	assert.Contains(t, out.String(), "1 participants have told no nodes")
	d.environment(func(name string) string { return map[string]string{"RMW_IMPLEMENTATION": "rmw_zenoh_cpp"}[name] })
	assert.Contains(t, out.String(), "rmw_zenoh_cpp")
}
