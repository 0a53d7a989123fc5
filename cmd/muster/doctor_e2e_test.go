package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/ros"
)

// examine runs the doctor with a configuration, and variables.
func examine(t *testing.T, config string, env ...string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "muster.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	cmd := exec.Command(program(t, "muster"), "doctor", "--wait", "4s", "--config", file)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func onDomain(id int, cyclone string) string {
	return "domains: [{id: " + strconv.Itoa(id) + ", cyclone: '" + cyclone + "'}]\n"
}

func TestTheDoctorFindsWhatIsAmiss(t *testing.T) {
	examine := func(config string) (string, error) { return examine(t, config) }
	w := newWorld(t, 1)
	domain := func(id int) string { return onDomain(id, dds.LoopbackConfig()) }
	out, err := examine(domain(w.domain) + "engines: [{name: engine, url: '" + w.engine.URL() + "'}]\n")
	require.NoError(t, err, out)
	assert.Regexp(t, `ok +lo +127\.0\.0\.1/8.*a multicast datagram came back`, out)
	assert.Contains(t, out, "participants on Cyclone DDS")
	assert.Regexp(t, `robot /robot1: \d\d+ samples`, out)
	assert.Contains(t, out, "1 containers of robots")
	assert.Contains(t, out, "live-restore is off")

	p := ddstest.Join(t, w.domain)
	q := ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1, Liveliness: ros.Automatic}
	_, err = p.Subscribe(ros.Subscription{Topic: "/robot1/odom", Type: "nav_msgs/msg/Odometry", QoS: q})
	require.NoError(t, err)
	out, err = examine(domain(w.domain) + "engines: [{name: engine, url: 'unix:///nowhere/docker.sock'}]\n")
	require.Error(t, err)
	assert.Contains(t, out, "/robot1/odom: DURABILITY: published volatile, subscribed to transient-local")
	assert.Regexp(t, `FAULT +engine \(unix:///nowhere`, out)

	out, err = examine(domain(ddstest.FreeDomain(t)))
	require.Error(t, err)
	assert.Contains(t, out, "nobody else is here")
}

// A host whose firewall drops multicast finds nobody, and its interfaces look well.
func TestTheDoctorFindsAFirewall(t *testing.T) {
	host := ddstest.NewNetwork(t).Host()
	file := filepath.Join(t.TempDir(), "muster.yaml")
	require.NoError(t, os.WriteFile(file, []byte("domains: [{id: 1}]\nengines: [{name: none, url: 'unix:///nowhere.sock'}]\n"), 0o600))
	run := func(words ...string) string {
		words = append(host.Exec(), words...)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		out, _ := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
		require.NoError(t, ctx.Err(), "%v does not end: %s", words, out)
		return string(out)
	}
	doctor := []string{program(t, "muster"), "doctor", "--wait", "100ms", "--config", file}
	assert.Regexp(t, `ok +eth0 +10\.77\.0\.1/24.*\(multicast: a datagram to 239\.255\.0\.1 came back\)`, run(doctor...))
	require.Empty(t, run("iptables", "-A", "INPUT", "-d", "239.255.0.1", "-j", "DROP"))
	out := run(doctor...)
	assert.Regexp(t, `FAULT +eth0 .*multicast to 239\.255\.0\.1: what we send does not come back to us: a firewall`, out)
	assert.Contains(t, out, "no interface to other machines has multicast")
	assert.Contains(t, out, "leaving the domain: the transport does not end") // Cyclone waits for a datagram of its own
}
