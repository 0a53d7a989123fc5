package docker

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// everything is a container with an option of each kind set by the user.
func everything(r *rig) client.ContainerCreateOptions {
	timeout, pids, oomScore := 3, int64(200), 100
	initial := true
	return client.ContainerCreateOptions{
		Config: &container.Config{
			Hostname: "robot-one", Domainname: "hall", User: "0:0", Tty: true, OpenStdin: true,
			Env: []string{"ROBOT_ID=r1", "TOKEN=secret", "MODE=user"}, WorkingDir: "/etc",
			Entrypoint: []string{"/agent", "-every", "50ms"}, Cmd: []string{"-text", "mine"},
			Labels:     map[string]string{"com.docker.compose.service": "amr", "site": "hall 4", "muster.namespace": "/r1"},
			StopSignal: "SIGUSR1", StopTimeout: &timeout,
			ExposedPorts: network.PortSet{network.MustParsePort("9090/tcp"): {}},
			Volumes:      map[string]struct{}{"/anonymous": {}},
			Healthcheck:  &container.HealthConfig{Test: []string{"CMD", "/agent", "-exit", "0"}, Interval: 2e9, Retries: 4},
		},
		HostConfig: &container.HostConfig{
			NetworkMode:   container.NetworkMode(r.t1.Container + "-a"),
			RestartPolicy: container.RestartPolicy{Name: "on-failure", MaximumRetryCount: 5},
			Binds:         []string{r.dir + ":/data:ro", r.t1.Container + "-named:/maps"},
			Mounts: []mount.Mount{
				{Type: mount.TypeVolume, Target: "/log"},
				{Type: mount.TypeTmpfs, Target: "/scratch", TmpfsOptions: &mount.TmpfsOptions{SizeBytes: 1 << 20, Mode: 0o700}},
			},
			Tmpfs:      map[string]string{"/run": "size=64k"},
			CapAdd:     []string{"NET_ADMIN", "SYS_NICE"},
			CapDrop:    []string{"MKNOD"},
			ExtraHosts: []string{"dock:10.0.0.9"}, DNS: []netip.Addr{netip.MustParseAddr("10.0.0.1")},
			DNSOptions: []string{"ndots:2"}, DNSSearch: []string{"hall.example"},
			GroupAdd: []string{"20"}, SecurityOpt: []string{"no-new-privileges"},
			Sysctls: map[string]string{"net.ipv4.ip_unprivileged_port_start": "80"},
			ShmSize: 32 << 20, Init: &initial, OomScoreAdj: oomScore,
			LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m", "max-file": "2"}},
			Resources: container.Resources{
				Memory: 256 << 20, CPUShares: 512, PidsLimit: &pids,
				Ulimits:           []*container.Ulimit{{Name: "nofile", Soft: 2000, Hard: 3000}},
				DeviceCgroupRules: []string{"c 13:* rmw"},
				Devices: []container.DeviceMapping{
					{PathOnHost: "/dev/null", PathInContainer: "/dev/lidar", CgroupPermissions: "r"},
					{PathOnHost: "/dev/zero", PathInContainer: "/dev/ttyUSB0", CgroupPermissions: "rwm"},
				},
			},
		},
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			r.t1.Container + "-a": {
				Aliases:    []string{"amr"},
				IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: netip.MustParseAddr("10.213.1.77")},
			},
		}},
	}
}

// defaults are those of an image; each value has the version in it.
func defaults(v string) dockertest.Image {
	return dockertest.Image{
		Files: map[string][]byte{"/version": []byte(v)},
		Config: v1.Config{
			Env: []string{"PATH=/bin", "MODE=image", "VERSION=" + v}, Cmd: []string{"-text", v},
			Labels: map[string]string{"version": v}, WorkingDir: "/", User: "1" + v,
			ExposedPorts: map[string]struct{}{"100" + v + "/tcp": {}},
			Healthcheck:  &v1.HealthConfig{Test: []string{"CMD", "/agent", "-exit", v}},
		},
	}
}

func TestReplaceKeepsWhatTheUserSet(t *testing.T) {
	t.Parallel()
	r := newRig(t, defaults("1"), defaults("2"))
	for i, n := range []string{"-a", "-b"} {
		_, err := r.api.NetworkCreate(r.ctx(), r.t1.Container+n, client.NetworkCreateOptions{
			Driver: "bridge", IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.MustParsePrefix(fmt.Sprintf("10.213.%d.0/24", i+1))}}},
		})
		require.NoError(t, err)
		t.Cleanup(func() {
			r.clean()
			_, _ = r.api.NetworkRemove(r.ctx(), r.t1.Container+n, client.NetworkRemoveOptions{})
		})
	}
	old := r.create(everything(r))
	_, err := r.api.NetworkConnect(r.ctx(), r.t1.Container+"-b", client.NetworkConnectOptions{
		Container: old,
		EndpointConfig: &network.EndpointSettings{
			Aliases: []string{"amr-b"}, IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: netip.MustParseAddr("10.213.2.78")},
		},
	})
	require.NoError(t, err)
	_, err = r.api.ContainerStart(r.ctx(), old, client.ContainerStartOptions{})
	require.NoError(t, err)

	before := r.inspect(old)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	after := r.inspect(r.t1.Container)
	require.NotEqual(t, old, after.Container.ID)
	require.True(t, after.Container.State.Running)
	// The image's defaults that the user did not touch are the new image's.
	require.Equal(t, []string{
		`Config.Env: -"VERSION=1" +"VERSION=2"`,
		`Config.ExposedPorts.1001/tcp: gone`,
		`Config.ExposedPorts.1002/tcp: new`,
		`Config.Image: changed`,
		`Config.Labels.muster.container: new`,
		`Config.Labels.muster.digest: new`,
		`Config.Labels.muster.found: new`,
		`Config.Labels.muster.generation: new`,
		`Config.Labels.muster.restart: new`,
		`Config.Labels.muster.robot: new`,
		`Config.Labels.muster.rollout: new`,
		`Config.Labels.version: changed`,
		// The anonymous volume of the user's mount has a name now, and the one of
		// Config.Volumes is a mount: the same two volumes.
		`HostConfig.Mounts: changed`,
	}, differences(t, before, after))
	require.Equal(t, volumes(before), volumes(after))
	require.Len(t, volumes(after), 3)

	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	require.Empty(t, differences(t, before, r.inspect(r.t1.Container)))
	require.Equal(t, old, r.inspect(r.t1.Container).Container.ID)
	require.NoError(t, r.c.Discard(r.ctx(), r.t1))
	for _, name := range volumes(before) { // the successor's end took none along
		_, err := r.api.VolumeInspect(r.ctx(), name, client.VolumeInspectOptions{})
		require.NoError(t, err)
	}
}

// A second replacement starts from what the first one made.
func TestReplaceTwiceKeepsToo(t *testing.T) {
	t.Parallel()
	r := newRig(t, defaults("1"), defaults("2"))
	o := everything(r)
	o.HostConfig.NetworkMode, o.NetworkingConfig, o.HostConfig.Sysctls = "none", nil, nil
	r.run(o)
	before := r.inspect(r.t1.Container)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	require.NoError(t, r.c.Commit(r.ctx(), r.t1))
	t2 := r.t1
	t2.Generation, t2.Rollout = 8, "ro-2"
	t2.Image.Digest = dockertest.PushImage(t, images, r.t1.Container, "3", defaults("3"))
	require.NoError(t, r.c.Replace(r.ctx(), t2, isReady))
	require.NoError(t, r.c.Commit(r.ctx(), t2))
	after := r.inspect(r.t1.Container)
	diff := differences(t, before, after)
	require.Contains(t, diff, `Config.Env: -"VERSION=1" +"VERSION=3"`)
	require.Equal(t, "8", after.Container.Config.Labels[labelGeneration])
	require.Equal(t, volumes(before), volumes(after))
	diff = slices.DeleteFunc(diff, func(s string) bool {
		return strings.HasPrefix(s, "Config.Labels.") || strings.HasPrefix(s, "Config.ExposedPorts.100") || strings.HasPrefix(s, "Config.Env")
	})
	require.Equal(t, []string{`Config.Image: changed`, `HostConfig.Mounts: changed`}, diff)
	require.ErrorIs(t, r.c.Replace(r.ctx(), r.t1, isReady), rollout.ErrStale)
	require.ErrorIs(t, r.c.Rollback(r.ctx(), r.t1), rollout.ErrStale)
	require.ErrorIs(t, r.c.Commit(r.ctx(), r.t1), rollout.ErrStale)
	require.ErrorIs(t, r.c.Discard(r.ctx(), r.t1), rollout.ErrStale)
}

func TestDeviceRequestsAreKeptAndAFailedStartIsFatal(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	o := agent()
	o.HostConfig.DeviceRequests = []container.DeviceRequest{{
		Driver: "nvidia", Count: -1, Capabilities: [][]string{{"gpu"}}, Options: map[string]string{"a": "b"},
	}}
	old := r.create(o) // this machine has no such driver: it cannot be started
	err := r.c.Replace(r.ctx(), r.t1, isReady)
	require.True(t, rollout.IsFatal(err), err)
	require.ErrorContains(t, err, "device driver")
	next := r.inspect(r.t1.Container).Container
	require.NotEqual(t, old, next.ID)
	require.Equal(t, o.HostConfig.DeviceRequests, next.HostConfig.DeviceRequests)
	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	require.NoError(t, r.c.Discard(r.ctx(), r.t1))
	require.Equal(t, old, r.inspect(r.t1.Container).Container.ID)
	require.Equal(t, "unless-stopped", string(r.inspect(old).Container.HostConfig.RestartPolicy.Name))
}

// volumes are the names of a container's volumes by where they are mounted.
func volumes(c client.ContainerInspectResult) map[string]string {
	out := make(map[string]string)
	for _, m := range c.Container.Mounts {
		if m.Type == mount.TypeVolume {
			out[m.Destination] = fmt.Sprint(m.Name, m.RW)[:min(64, len(m.Name))]
		}
	}
	return out
}

// differences lists the members in which two containers differ, of those that
// a user can set. The engine's own answers are compared, byte for byte.
func differences(t testing.TB, a, b client.ContainerInspectResult) []string {
	t.Helper()
	x, y := settings(t, a), settings(t, b)
	var out []string
	for key, was := range x {
		is, ok := y[key]
		switch {
		case !ok:
			out = append(out, key+": gone")
		case was == is:
		case key == "Config.Env":
			out = append(out, key+": "+envDifference(t, was, is))
		default:
			out = append(out, key+": changed")
			t.Logf("%s: %s → %s", key, was, is)
		}
	}
	for key := range y {
		if _, ok := x[key]; !ok {
			out = append(out, key+": new")
		}
	}
	slices.Sort(out)
	return out
}

func settings(t testing.TB, c client.ContainerInspectResult) map[string]string {
	t.Helper()
	var all struct {
		Config, HostConfig fields
		NetworkSettings    struct{ Networks map[string]fields }
	}
	require.NoError(t, json.Unmarshal(c.Raw, &all))
	out := make(map[string]string)
	put := func(prefix string, f fields) {
		for k, v := range f {
			out[prefix+k] = string(v)
		}
	}
	put("HostConfig.", all.HostConfig)
	for _, key := range []string{"Labels", "ExposedPorts"} {
		part, err := all.Config.part(key)
		require.NoError(t, err)
		put("Config."+key+".", part)
		delete(all.Config, key)
	}
	put("Config.", all.Config)
	for name, e := range all.NetworkSettings.Networks {
		keep := maps.Clone(e)
		for _, k := range []string{"EndpointID", "MacAddress", "Gateway", "IPPrefixLen", "DNSNames"} {
			delete(keep, k) // the address itself is compared
		}
		var aliases []string // in no order
		require.NoError(t, json.Unmarshal(keep["Aliases"], &aliases))
		aliases = slices.DeleteFunc(aliases, func(a string) bool { return a == shortID(c.Container.ID) })
		slices.Sort(aliases)
		require.NoError(t, keep.set("Aliases", aliases))
		put("NetworkSettings.Networks."+name+".", keep)
	}
	return out
}

func envDifference(t testing.TB, was, is string) string {
	var a, b []string
	require.NoError(t, json.Unmarshal([]byte(was), &a))
	require.NoError(t, json.Unmarshal([]byte(is), &b))
	var out []string
	for _, v := range a {
		if !slices.Contains(b, v) {
			out = append(out, fmt.Sprintf("-%q", v))
		}
	}
	for _, v := range b {
		if !slices.Contains(a, v) {
			out = append(out, fmt.Sprintf("+%q", v))
		}
	}
	return strings.Join(out, " ")
}
