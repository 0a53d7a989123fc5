package docker

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// createOld creates a container as a docker command of the time of 20.10 does.
func (r *rig) createOld(body map[string]any) {
	r.t.Helper()
	s, err := r.c.get(r.ctx())
	require.NoError(r.t, err)
	b, err := json.Marshal(body)
	require.NoError(r.t, err)
	at := s.base[:strings.LastIndex(s.base, "/")] + "/v1.41/containers/create?name=" + r.t1.Container
	req, err := http.NewRequestWithContext(r.ctx(), http.MethodPost, at, bytes.NewReader(b))
	require.NoError(r.t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	require.NoError(r.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(r.t, http.StatusCreated, resp.StatusCode)
}

// mac is the hardware address that the robot's container has on a network.
func (r *rig) mac(network string) string {
	r.t.Helper()
	return r.inspect(r.t1.Container).Container.NetworkSettings.Networks[network].MacAddress.String()
}

// Before API 1.44 a user's hardware address is one of the container, not of its
// networks. What an old docker command made is kept by a new engine, too.
func TestMACAddressIsKept(t *testing.T) {
	t.Parallel()
	const mine = "02:42:ac:00:00:99"
	for name, stopped := range map[string]bool{"running": false, "stopped": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, dockertest.Image{}, dockertest.Image{})
			on := r.net()
			r.createOld(map[string]any{
				"Image": r.repo + ":1", "MacAddress": mine, "HostConfig": map[string]any{"NetworkMode": on},
			})
			_, err := r.api.ContainerStart(r.ctx(), r.t1.Container, client.ContainerStartOptions{})
			require.NoError(t, err)
			require.Equal(t, mine, r.mac(on))
			if stopped {
				_, err := r.api.ContainerStop(r.ctx(), r.t1.Container, client.ContainerStopOptions{})
				require.NoError(t, err)
			}
			require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
			require.Equal(t, mine, r.mac(on))
		})
	}
}

// nets makes two networks, on subnets of their own.
func (r *rig) nets(a, b string) (first, further string) {
	for suffix, subnet := range map[string]string{"-a": a, "-b": b} {
		name := r.t1.Container + suffix
		_, err := r.api.NetworkCreate(r.ctx(), name, client.NetworkCreateOptions{
			Driver: "bridge", IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.MustParsePrefix(subnet)}}},
		})
		require.NoError(r.t, err)
		r.t.Cleanup(func() {
			r.clean()
			_, _ = r.api.NetworkRemove(r.ctx(), name, client.NetworkRemoveOptions{})
		})
	}
	return r.t1.Container + "-a", r.t1.Container + "-b"
}

// From API 1.44 on each network has a hardware address of its own. Of a
// container that is stopped the engine tells that of the first network only.
func TestMACAddressPerNetworkIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.since("1.48")
	first, further := r.nets("10.216.1.0/24", "10.216.2.0/24")
	mine := map[string]string{first: "06:00:00:00:00:0a", further: "06:00:00:00:00:0b"}
	ends := make(map[string]*network.EndpointSettings)
	for name, mac := range mine {
		ends[name] = new(network.EndpointSettings)
		require.NoError(t, ends[name].MacAddress.UnmarshalText([]byte(mac)))
	}
	ends[further].GwPriority = 7
	r.run(client.ContainerCreateOptions{
		HostConfig:       &container.HostConfig{NetworkMode: container.NetworkMode(first)},
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: ends},
	})
	kept := func() {
		for name, mac := range mine {
			require.Equal(t, mac, r.mac(name))
		}
		require.Equal(t, 7, r.inspect(r.t1.Container).Container.NetworkSettings.Networks[further].GwPriority)
	}
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	kept()
	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	kept()
	require.NoError(t, r.c.Discard(r.ctx(), r.t1))

	_, err := r.api.ContainerStop(r.ctx(), r.t1.Container, client.ContainerStopOptions{})
	require.NoError(t, err)
	err = r.c.Replace(r.ctx(), r.t1, isReady)
	require.ErrorContains(t, err, "NetworkSettings.Networks."+further+".MacAddress")
	require.True(t, rollout.IsFatal(err))
	_, err = r.api.NetworkDisconnect(r.ctx(), further, client.NetworkDisconnectOptions{Container: r.t1.Container})
	require.NoError(t, err)
	delete(mine, further)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	require.Equal(t, mine[first], r.mac(first))
}

// A network mode may have the id of its network.
func TestMACAddressByANetworksIDIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.since("1.48")
	on := r.net()
	n, err := r.api.NetworkInspect(r.ctx(), on, client.NetworkInspectOptions{})
	require.NoError(t, err)
	e := new(network.EndpointSettings)
	require.NoError(t, e.MacAddress.UnmarshalText([]byte("06:00:00:00:00:0c")))
	r.run(client.ContainerCreateOptions{
		HostConfig:       &container.HostConfig{NetworkMode: container.NetworkMode(n.Network.ID)},
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{n.Network.ID: e}},
	})
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	require.Equal(t, "06:00:00:00:00:0c", r.mac(on))
	require.Len(t, r.inspect(r.t1.Container).Container.NetworkSettings.Networks, 1)
}

// A generated address is generated anew: two containers of one robot never meet.
func TestGeneratedMACAddressIsNotKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.since("1.52")
	on := r.net()
	r.run(client.ContainerCreateOptions{HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(on)}})
	was := r.mac(on)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	require.NotEqual(t, was, r.mac(on))
}

func TestEndpointKeepsAMACAddress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		api, endpoint string
		keeps         bool
	}{
		"1.41":                {"1.41", `{"MacAddress":"06:00:00:00:00:01","IPAddress":"10.0.0.7"}`, false},
		"1.45, the user's":    {"1.45", `{"MacAddress":"06:00:00:00:00:01","IPAddress":"10.0.0.7"}`, true},
		"1.45, generated":     {"1.45", `{"MacAddress":"02:42:0a:00:00:07","IPAddress":"10.0.0.7"}`, false},
		"1.45, not connected": {"1.45", `{"MacAddress":"06:00:00:00:00:01","IPAddress":""}`, true},
		"1.48":                {"1.48", `{"MacAddress":"06:00:00:00:00:01","IPAddress":"10.0.0.7"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			var e fields
			require.NoError(t, json.Unmarshal([]byte(c.endpoint), &e))
			o := original{api: c.api}
			o.seen.HostConfig = new(container.HostConfig)
			require.NoError(t, o.endpoint("hall", e))
			require.Equal(t, c.keeps, e["MacAddress"] != nil)
			require.NotContains(t, e, "IPAddress")
		})
	}
}
