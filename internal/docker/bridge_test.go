package docker

import (
	"crypto/rand"
	"os/exec"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
)

// newBridge makes the default network of an engine.
func newBridge(t *testing.T, address string) string {
	name := "mst" + strings.ToLower(rand.Text()[:8]) // at most 15 bytes
	ip := func(args ...string) {
		t.Helper()
		out, err := exec.Command("ip", args...).CombinedOutput()
		require.NoError(t, err, "ip %v: %s", args, out)
	}
	ip("link", "add", name, "type", "bridge")
	t.Cleanup(func() { ip("link", "del", name) })
	ip("addr", "add", address, "dev", name)
	ip("link", "set", name, "up")
	return name
}

// What docker run makes without a word about networks.
func TestReplaceInTheDefaultNetwork(t *testing.T) {
	t.Parallel()
	bridge := newBridge(t, "10.217.0.1/24")
	own := dockertest.StartEngine(t, "--bridge", bridge)
	r := newRigAt(t, own, own.URL(), dockertest.Image{}, dockertest.Image{})
	further := r.net()
	o := agent()
	o.HostConfig.NetworkMode = "default"
	other := r.another("-map", o)
	o = agent()
	o.HostConfig.NetworkMode = "default"
	o.HostConfig.Links = []string{other + ":map"}
	old := r.run(o)
	_, err := r.api.NetworkConnect(r.ctx(), further, client.NetworkConnectOptions{Container: old})
	require.NoError(t, err)
	before := r.inspect(old)
	require.NotEmpty(t, before.Container.HostConfig.Links)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	after := r.inspect(r.t1.Container)
	require.True(t, after.Container.State.Running)
	networks := after.Container.NetworkSettings.Networks
	require.Len(t, networks, 2)
	require.True(t, networks["bridge"].IPAddress.IsValid())
	require.True(t, networks[further].IPAddress.IsValid())
	require.Equal(t, before.Container.HostConfig.NetworkMode, after.Container.HostConfig.NetworkMode)
	for _, d := range differences(t, before, after) {
		require.NotContains(t, d, "HostConfig.")
	}
	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	require.NoError(t, r.c.Discard(r.ctx(), r.t1))
	require.Equal(t, old, r.inspect(r.t1.Container).Container.ID)
	require.Equal(t, before.Container.HostConfig.Links, r.inspect(old).Container.HostConfig.Links)
}
