package app

import (
	"bytes"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/config"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
	"github.com/muster-fleet/muster/msgs/sensor_msgs"
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

func TestTheDoctorTriesMulticast(t *testing.T) {
	var out bytes.Buffer
	d := &doctor{out: &out}
	d.interfaces(echoMulticast)
	assert.Contains(t, out.String(), "\nNetwork interfaces\n")
	assert.Regexp(t, `ok +lo +127\.0\.0\.1/8.*\(this host only; a multicast datagram came back\)`, out.String())

	require.Error(t, echoMulticast(&net.Interface{Index: 1 << 20, Name: "none"}))
	out.Reset()
	lo, err := net.InterfaceByName("lo")
	require.NoError(t, err)
	wired := *lo
	wired.Flags = net.FlagUp | net.FlagRunning | net.FlagMulticast
	assert.True(t, d.networkInterface(&wired, echoMulticast))
	assert.Contains(t, out.String(), "(multicast: a datagram to 239.255.0.1 came back)")
	require.Zero(t, d.faults)
	assert.False(t, d.networkInterface(&wired, func(*net.Interface) error { return errNoEcho }))
	assert.Equal(t, 1, d.faults)
	assert.Regexp(t, `FAULT +lo .*multicast to 239\.255\.0\.1: what we send does not come back to us`, out.String())
	wired.Flags &^= net.FlagMulticast
	assert.False(t, d.networkInterface(&wired, echoMulticast))
	assert.Contains(t, out.String(), "no multicast: robots there need static peers")
}

// The doctor looks with the manager's eyes: at the robots and topics that are
// configured.
func TestTheDoctorLooksAtConfiguredTopics(t *testing.T) {
	domain := rostest.NewDomain(5)
	r := domain.Join()
	q := ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1, Liveliness: ros.Automatic}
	pack, err := r.Advertise(ros.Publication{Topic: "/r1/pack", Type: "sensor_msgs/msg/BatteryState", QoS: q})
	require.NoError(t, err)
	m := sensor_msgs.BatteryState{}
	sample, err := m.MarshalCDR(nil)
	require.NoError(t, err)
	require.NoError(t, pack.Write(sample))
	id := 5
	look := func(c *config.Config) string {
		var out bytes.Buffer
		d := &doctor{out: &out, cfg: c, join: func(config.Domain, config.Security, *slog.Logger) (Domain, error) {
			return Domain{Transport: domain.Join(), Close: func() error { return nil }}, nil
		}}
		d.domain(t.Context(), config.Domain{ID: id}, time.Second)
		return out.String()
	}
	assert.Contains(t, look(&config.Config{}), "set robots[].topics where the names are others")
	said := look(&config.Config{Robots: []config.Robot{
		{ID: "r1", Namespace: "/r1", Domain: &id, Topics: map[string]string{"battery": "pack"}},
		{ID: "r2", Namespace: "/r2", Domain: &id},
	}})
	assert.Regexp(t, `ok +robot /r1: 1 samples`, said)
	assert.Regexp(t, `FAULT +robot /r2 is listed, and neither a node nor a topic of it is seen`, said)
}

// A transport that does not end must not keep the process.
func TestLeavingADomainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		stuck := Domain{Close: func() error { <-hold; return nil }}
		require.ErrorIs(t, stuck.leave(), errStays)
		close(hold)
		require.NoError(t, stuck.leave())
	})
}
