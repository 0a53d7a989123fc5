package main_test

import (
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
