package docker

import (
	"encoding/json"
	"maps"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/blkiodev"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// setting is one member that a user sets on a real engine, in a container of its
// own, which is then replaced.
type setting struct {
	set func(*rig, *client.ContainerCreateOptions)
	// kernel: an engine on a kernel that lacks it drops it at once; then there is
	// nothing to keep.
	kernel bool
	// since is the API version that brought it; an engine that speaks an older one
	// has nothing to keep.
	since string
	// stays: this host can not start such a container; its configuration is
	// compared all the same.
	stays bool
}

func host(set func(*rig, *container.HostConfig)) setting {
	return setting{set: func(r *rig, o *client.ContainerCreateOptions) { set(r, o.HostConfig) }}
}

func ofKernel(set func(*rig, *container.HostConfig)) setting {
	s := host(set)
	s.kernel, s.stays = true, true
	return s
}

func newer(since string, s setting) setting {
	s.since = since
	return s
}

func unstartable(set func(*rig, *container.HostConfig)) setting {
	s := host(set)
	s.stays = true
	return s
}

func config(set func(*rig, *container.Config)) setting {
	return setting{set: func(r *rig, o *client.ContainerCreateOptions) { set(r, o.Config) }}
}

func ptr[T any](v T) *T { return &v }

// net puts the container into a network of its own.
func (r *rig) net() string {
	name := r.t1.Container + "-net"
	_, err := r.api.NetworkCreate(r.ctx(), name, client.NetworkCreateOptions{Driver: "bridge"})
	require.NoError(r.t, err)
	r.t.Cleanup(func() {
		r.clean()
		_, _ = r.api.NetworkRemove(r.ctx(), name, client.NetworkRemoveOptions{})
	})
	return name
}

// another is a running container beside the robot's.
func (r *rig) another(suffix string, o client.ContainerCreateOptions) string {
	o.Name = r.t1.Container + suffix
	id := r.run(o)
	r.t.Cleanup(func() {
		r.clean()
		_, _ = r.api.ContainerRemove(r.ctx(), id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	})
	return o.Name
}

func throttle() []*blkiodev.ThrottleDevice {
	return []*blkiodev.ThrottleDevice{{Path: "/dev/null", Rate: 1 << 20}}
}

// hostSettings has every member of HostConfig that can be tried here.
var hostSettings = map[string]setting{
	"Binds":           host(func(r *rig, h *container.HostConfig) { h.Binds = []string{r.dir + ":/data:ro"} }),
	"ContainerIDFile": host(func(_ *rig, h *container.HostConfig) { h.ContainerIDFile = "/run/amr.id" }),
	"LogConfig": host(func(_ *rig, h *container.HostConfig) {
		h.LogConfig = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m"}}
	}),
	"NetworkMode": host(func(_ *rig, h *container.HostConfig) { h.NetworkMode = "none" }),
	"PortBindings": host(func(r *rig, h *container.HostConfig) {
		h.NetworkMode = container.NetworkMode(r.net())
		h.PortBindings = network.PortMap{network.MustParsePort("9090/tcp"): {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: "19093"}}}
	}),
	"PublishAllPorts": {set: func(r *rig, o *client.ContainerCreateOptions) {
		o.HostConfig.NetworkMode, o.HostConfig.PublishAllPorts = container.NetworkMode(r.net()), true
		o.Config.ExposedPorts = network.PortSet{network.MustParsePort("9091/tcp"): {}}
	}},
	"RestartPolicy": host(func(_ *rig, h *container.HostConfig) {
		h.RestartPolicy = container.RestartPolicy{Name: "on-failure", MaximumRetryCount: 3}
	}),
	"VolumeDriver": {set: func(_ *rig, o *client.ContainerCreateOptions) {
		o.HostConfig.VolumeDriver = "local"
		o.Config.Volumes = map[string]struct{}{"/log": {}}
	}},
	"VolumesFrom": host(func(r *rig, h *container.HostConfig) {
		from := agent()
		from.Config.Volumes = map[string]struct{}{"/shared": {}}
		h.VolumesFrom = []string{r.another("-from", from) + ":ro"}
	}),
	"ConsoleSize":  host(func(_ *rig, h *container.HostConfig) { h.ConsoleSize = [2]uint{40, 120} }),
	"CapAdd":       host(func(_ *rig, h *container.HostConfig) { h.CapAdd = []string{"SYS_NICE"} }),
	"CapDrop":      host(func(_ *rig, h *container.HostConfig) { h.CapDrop = []string{"MKNOD"} }),
	"CgroupnsMode": unstartable(func(_ *rig, h *container.HostConfig) { h.CgroupnsMode = "private" }),
	"Dns":          host(func(_ *rig, h *container.HostConfig) { h.DNS = []netip.Addr{netip.MustParseAddr("10.0.0.1")} }),
	"DnsOptions":   host(func(_ *rig, h *container.HostConfig) { h.DNSOptions = []string{"ndots:2"} }),
	"DnsSearch":    host(func(_ *rig, h *container.HostConfig) { h.DNSSearch = []string{"hall.example"} }),
	"ExtraHosts":   host(func(_ *rig, h *container.HostConfig) { h.ExtraHosts = []string{"dock:10.0.0.9"} }),
	"GroupAdd":     host(func(_ *rig, h *container.HostConfig) { h.GroupAdd = []string{"20"} }),
	"IpcMode":      host(func(_ *rig, h *container.HostConfig) { h.IpcMode = "host" }),
	"Cgroup": unstartable(func(r *rig, h *container.HostConfig) {
		h.Cgroup = container.CgroupSpec("container:" + r.another("-c", agent()))
	}),
	"OomScoreAdj":    host(func(_ *rig, h *container.HostConfig) { h.OomScoreAdj = 100 }),
	"PidMode":        host(func(_ *rig, h *container.HostConfig) { h.PidMode = "host" }),
	"Privileged":     unstartable(func(_ *rig, h *container.HostConfig) { h.Privileged = true }),
	"ReadonlyRootfs": host(func(_ *rig, h *container.HostConfig) { h.ReadonlyRootfs = true }),
	"SecurityOpt":    host(func(_ *rig, h *container.HostConfig) { h.SecurityOpt = []string{"no-new-privileges"} }),
	"Tmpfs":          host(func(_ *rig, h *container.HostConfig) { h.Tmpfs = map[string]string{"/run": "size=64k"} }),
	"UTSMode":        host(func(_ *rig, h *container.HostConfig) { h.UTSMode = "host" }),
	"UsernsMode":     host(func(_ *rig, h *container.HostConfig) { h.UsernsMode = "host" }),
	"ShmSize":        host(func(_ *rig, h *container.HostConfig) { h.ShmSize = 32 << 20 }),
	"Sysctls": host(func(_ *rig, h *container.HostConfig) {
		h.NetworkMode, h.Sysctls = "none", map[string]string{"net.ipv4.ip_unprivileged_port_start": "80"}
	}),
	"Runtime": host(func(_ *rig, h *container.HostConfig) { h.Runtime = secondRuntime }),
	"Mounts": host(func(_ *rig, h *container.HostConfig) {
		h.Mounts = []mount.Mount{{Type: mount.TypeTmpfs, Target: "/scratch"}}
	}),
	"MaskedPaths":   host(func(_ *rig, h *container.HostConfig) { h.MaskedPaths = []string{"/proc/keys"} }),
	"ReadonlyPaths": host(func(_ *rig, h *container.HostConfig) { h.ReadonlyPaths = []string{"/proc/bus"} }),
	"Annotations": newer("1.43", host(func(_ *rig, h *container.HostConfig) {
		h.Annotations = map[string]string{"com.example.site": "hall 4"}
	})),
	"Umask": newer("1.56", host(func(_ *rig, h *container.HostConfig) { h.Umask = ptr(uint32(0o027)) })),
	"Init":  host(func(_ *rig, h *container.HostConfig) { h.Init = ptr(true) }),

	"CpuShares": host(func(_ *rig, h *container.HostConfig) { h.CPUShares = 512 }),
	"Memory":    host(func(_ *rig, h *container.HostConfig) { h.Memory = 256 << 20 }),
	"NanoCpus":  ofKernel(func(_ *rig, h *container.HostConfig) { h.NanoCPUs = 5e8 }),
	"CgroupParent": host(func(r *rig, h *container.HostConfig) {
		h.CgroupParent = "/" + filepath.Base(filepath.Dir(shared(r.t).Socket())) + "/robots"
	}),
	"BlkioWeight": ofKernel(func(_ *rig, h *container.HostConfig) { h.BlkioWeight = 300 }),
	"BlkioWeightDevice": ofKernel(func(_ *rig, h *container.HostConfig) {
		h.BlkioWeightDevice = []*blkiodev.WeightDevice{{Path: "/dev/null", Weight: 300}}
	}),
	"BlkioDeviceReadBps":   ofKernel(func(_ *rig, h *container.HostConfig) { h.BlkioDeviceReadBps = throttle() }),
	"BlkioDeviceWriteBps":  ofKernel(func(_ *rig, h *container.HostConfig) { h.BlkioDeviceWriteBps = throttle() }),
	"BlkioDeviceReadIOps":  ofKernel(func(_ *rig, h *container.HostConfig) { h.BlkioDeviceReadIOps = throttle() }),
	"BlkioDeviceWriteIOps": ofKernel(func(_ *rig, h *container.HostConfig) { h.BlkioDeviceWriteIOps = throttle() }),
	"CpuPeriod":            ofKernel(func(_ *rig, h *container.HostConfig) { h.CPUPeriod = 50000 }),
	"CpuQuota":             ofKernel(func(_ *rig, h *container.HostConfig) { h.CPUQuota = 25000 }),
	"CpuRealtimePeriod":    ofKernel(func(_ *rig, h *container.HostConfig) { h.CPURealtimePeriod = 1000000 }),
	"CpuRealtimeRuntime":   ofKernel(func(_ *rig, h *container.HostConfig) { h.CPURealtimePeriod, h.CPURealtimeRuntime = 1000000, 1000 }),
	"CpusetCpus":           ofKernel(func(_ *rig, h *container.HostConfig) { h.CpusetCpus = "0" }),
	"CpusetMems":           ofKernel(func(_ *rig, h *container.HostConfig) { h.CpusetMems = "0" }),
	"Devices": host(func(_ *rig, h *container.HostConfig) {
		h.Devices = []container.DeviceMapping{{PathOnHost: "/dev/zero", PathInContainer: "/dev/ttyUSB0", CgroupPermissions: "rw"}}
	}),
	"DeviceCgroupRules": host(func(_ *rig, h *container.HostConfig) { h.DeviceCgroupRules = []string{"c 13:* rmw"} }),
	"DeviceRequests": unstartable(func(_ *rig, h *container.HostConfig) {
		h.DeviceRequests = []container.DeviceRequest{{Driver: "nvidia", Count: -1, Capabilities: [][]string{{"gpu"}}, Options: map[string]string{"a": "b"}}}
	}),
	"MemoryReservation": ofKernel(func(_ *rig, h *container.HostConfig) { h.MemoryReservation = 64 << 20 }),
	"MemorySwap":        ofKernel(func(_ *rig, h *container.HostConfig) { h.Memory, h.MemorySwap = 128<<20, 256<<20 }),
	"MemorySwappiness":  ofKernel(func(_ *rig, h *container.HostConfig) { h.MemorySwappiness = ptr(int64(10)) }),
	"OomKillDisable":    ofKernel(func(_ *rig, h *container.HostConfig) { h.Memory, h.OomKillDisable = 128<<20, ptr(true) }),
	"PidsLimit":         ofKernel(func(_ *rig, h *container.HostConfig) { h.PidsLimit = ptr(int64(200)) }),
	"Ulimits": host(func(_ *rig, h *container.HostConfig) {
		h.Ulimits = []*container.Ulimit{{Name: "nofile", Soft: 2000, Hard: 3000}}
	}),
}

// hostElsewhere are the members that no container here can have, with the
// reason. TestEveryMemberPassesThrough has them all the same.
var hostElsewhere = map[string]string{
	"AutoRemove":         "it is refused: TestReplaceRefuses",
	"Links":              "only between containers in the default network: TestReplaceInTheDefaultNetwork",
	"StorageOpt":         "wants overlay2 on XFS with project quotas, or another driver",
	"Isolation":          "Windows",
	"CpuCount":           "Windows",
	"CpuPercent":         "Windows",
	"IOMaximumIOps":      "Windows",
	"IOMaximumBandwidth": "Windows",
}

// configSettings has every member of Config that can be tried here.
var configSettings = map[string]setting{
	"Hostname": {set: func(_ *rig, o *client.ContainerCreateOptions) {
		o.HostConfig.NetworkMode, o.Config.Hostname = "none", "robot-one"
	}},
	"Domainname": {set: func(_ *rig, o *client.ContainerCreateOptions) {
		o.HostConfig.NetworkMode, o.Config.Domainname = "none", "hall"
	}},
	"User":         config(func(_ *rig, c *container.Config) { c.User = "0:0" }),
	"AttachStdin":  config(func(_ *rig, c *container.Config) { c.AttachStdin, c.OpenStdin = true, true }),
	"AttachStdout": config(func(_ *rig, c *container.Config) { c.AttachStdout = true }),
	"AttachStderr": config(func(_ *rig, c *container.Config) { c.AttachStderr = true }),
	"ExposedPorts": config(func(_ *rig, c *container.Config) {
		c.ExposedPorts = network.PortSet{network.MustParsePort("9/udp"): {}}
	}),
	"Tty":       config(func(_ *rig, c *container.Config) { c.Tty = true }),
	"OpenStdin": config(func(_ *rig, c *container.Config) { c.OpenStdin = true }),
	"StdinOnce": config(func(_ *rig, c *container.Config) { c.OpenStdin, c.StdinOnce = true, true }),
	"Env":       config(func(_ *rig, c *container.Config) { c.Env = []string{"ROBOT_ID=r1", "EMPTY="} }),
	"Cmd":       config(func(_ *rig, c *container.Config) { c.Cmd = []string{"-text", "mine"} }),
	"Healthcheck": config(func(_ *rig, c *container.Config) {
		c.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "/agent", "-exit", "0"}, Interval: 9e9, Timeout: 8e9, StartPeriod: 7e9, Retries: 6}
	}),
	"Volumes":     config(func(_ *rig, c *container.Config) { c.Volumes = map[string]struct{}{"/log": {}} }),
	"WorkingDir":  config(func(_ *rig, c *container.Config) { c.WorkingDir = "/etc" }),
	"Entrypoint":  config(func(_ *rig, c *container.Config) { c.Entrypoint = []string{"/agent", "-every", "50ms"} }),
	"Labels":      config(func(_ *rig, c *container.Config) { c.Labels = map[string]string{"site": "hall 4"} }),
	"StopSignal":  config(func(_ *rig, c *container.Config) { c.StopSignal = "SIGUSR1" }),
	"StopTimeout": config(func(_ *rig, c *container.Config) { c.StopTimeout = ptr(3) }),
	"Shell":       config(func(_ *rig, c *container.Config) { c.Shell = []string{"/bin/dash", "-c"} }),
	"NetworkDisabled": {set: func(_ *rig, o *client.ContainerCreateOptions) {
		o.HostConfig.NetworkMode, o.Config.NetworkDisabled = "none", true
	}},
}

var configElsewhere = map[string]string{
	"ArgsEscaped": "Windows",
	"Image":       "it is what a replacement changes",
	"OnBuild":     "an image's, which has no meaning in a container",
}

// endpointSettings has the members of a network's endpoint that a user sets.
var endpointSettings = map[string]setting{
	"IPAMConfig": endpoint(func(_ *rig, e *network.EndpointSettings) {
		e.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: netip.MustParseAddr("10.214.0.77"), LinkLocalIPs: []netip.Addr{netip.MustParseAddr("169.254.7.7")}}
	}),
	"Aliases":    endpoint(func(_ *rig, e *network.EndpointSettings) { e.Aliases = []string{"amr"} }),
	"DriverOpts": endpoint(func(_ *rig, e *network.EndpointSettings) { e.DriverOpts = map[string]string{"com.example.qos": "high"} }),
	"GwPriority": newer("1.48", endpoint(func(_ *rig, e *network.EndpointSettings) { e.GwPriority = 7 })),
	"Links":      endpoint(func(r *rig, e *network.EndpointSettings) { e.Links = []string{r.another("-link", agent()) + ":map"} }),
}

var endpointElsewhere = map[string]string{
	"MacAddress": "TestMACAddressIsKept, TestMACAddressPerNetworkIsKept and TestEndpointKeepsAMACAddress",
	"NetworkID":  "the engine's", "EndpointID": "the engine's", "Gateway": "the engine's", "IPAddress": "the engine's",
	"IPPrefixLen": "the engine's", "IPv6Gateway": "the engine's", "GlobalIPv6Address": "the engine's",
	"GlobalIPv6PrefixLen": "the engine's", "DNSNames": "the engine's",
}

func endpoint(set func(*rig, *network.EndpointSettings)) setting {
	return setting{set: func(r *rig, o *client.ContainerCreateOptions) {
		name := r.t1.Container + "-net"
		_, err := r.api.NetworkCreate(r.ctx(), name, client.NetworkCreateOptions{
			Driver: "bridge", IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.MustParsePrefix("10.214.0.0/24")}}},
		})
		require.NoError(r.t, err)
		r.t.Cleanup(func() {
			r.clean()
			_, _ = r.api.NetworkRemove(r.ctx(), name, client.NetworkRemoveOptions{})
		})
		e := new(network.EndpointSettings)
		set(r, e)
		o.HostConfig.NetworkMode = container.NetworkMode(name)
		o.NetworkingConfig = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{name: e}}
	}}
}

// members are the names of a struct's JSON members, embedded ones included.
func members(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			out = append(out, members(f.Type)...)
		case name != "":
			out = append(out, name)
		default:
			out = append(out, f.Name)
		}
	}
	return out
}

// A field that the Engine API gets must be put into one of the lists, so that
// none is forgotten.
func TestEveryMemberIsTriedOrSaysWhyNot(t *testing.T) {
	for _, c := range []struct {
		of        reflect.Type
		tried     map[string]setting
		elsewhere map[string]string
	}{
		{reflect.TypeFor[container.HostConfig](), hostSettings, hostElsewhere},
		{reflect.TypeFor[container.Config](), configSettings, configElsewhere},
		{reflect.TypeFor[network.EndpointSettings](), endpointSettings, endpointElsewhere},
	} {
		listed := append(slices.Collect(maps.Keys(c.tried)), slices.Collect(maps.Keys(c.elsewhere))...)
		require.ElementsMatch(t, members(c.of), listed, c.of)
	}
}

func TestReplaceKeepsEachMember(t *testing.T) {
	for part, settings := range map[string]map[string]setting{"HostConfig": hostSettings, "Config": configSettings} {
		for name, s := range settings {
			t.Run(part+"-"+name, func(t *testing.T) {
				t.Parallel()
				keeps(t, part, name, s)
			})
		}
	}
	for name, s := range endpointSettings { // they share a subnet
		t.Run("Endpoint-"+name, func(t *testing.T) { keeps(t, "", name, s) })
	}
}

// keeps sets one member, replaces the container and compares all.
func keeps(t *testing.T, part, name string, s setting) {
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.since(or(s.since, "1.40"))
	plain := r.create(client.ContainerCreateOptions{Name: r.t1.Container + ".muster-g1"}) // cleaned with the family
	o := client.ContainerCreateOptions{
		Config: new(container.Config), HostConfig: &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "unless-stopped"}},
	}
	s.set(r, &o)
	id := r.create(o)
	if part != "" && memberOfPart(t, r.inspect(plain), part, name) == memberOfPart(t, r.inspect(id), part, name) {
		require.True(t, s.kernel, "the engine did not take it")
		t.Skip("this host's kernel lacks it, so the engine dropped it at once")
	}
	if part == "" {
		require.Contains(t, string(r.inspect(id).Raw), `"`+name+`":`)
	}
	_, err := r.api.ContainerRemove(r.ctx(), plain, client.ContainerRemoveOptions{})
	require.NoError(t, err)
	if _, err := r.api.ContainerStart(r.ctx(), id, client.ContainerStartOptions{}); err != nil {
		require.True(t, s.stays, err)
	}
	before := r.inspect(id)
	if err := r.c.Replace(r.ctx(), r.t1, isReady); err != nil {
		require.True(t, s.stays, err)
	}
	after := r.inspect(r.t1.Container)
	require.NotEqual(t, id, after.Container.ID)
	diff := slices.DeleteFunc(differences(t, before, after), func(d string) bool {
		return d == "Config.Image: changed" || strings.HasPrefix(d, "Config.Labels.muster.") ||
			s.stays && d == "HostConfig.RestartPolicy: changed" ||
			d == "Config.Hostname: changed" && before.Container.Config.Hostname == shortID(id)
	})
	switch name { // an anonymous volume gets its name: the same volume
	case "VolumeDriver", "Volumes":
		require.Equal(t, volumes(before), volumes(after))
		require.NotEmpty(t, volumes(after))
		diff = slices.DeleteFunc(diff, func(d string) bool { return strings.HasPrefix(d, "HostConfig.Mounts: ") })
	case "VolumesFrom":
		require.Equal(t, volumes(before), volumes(after))
		require.Contains(t, volumes(after), "/shared")
	}
	require.Empty(t, diff)
	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	require.NoError(t, r.c.Discard(r.ctx(), r.t1))
	require.Equal(t, id, r.inspect(r.t1.Container).Container.ID)
}

func memberOfPart(t *testing.T, c client.ContainerInspectResult, part, name string) string {
	var all map[string]fields
	raw := make(map[string]json.RawMessage)
	require.NoError(t, json.Unmarshal(c.Raw, &raw))
	all = map[string]fields{part: nil}
	var f fields
	require.NoError(t, json.Unmarshal(raw[part], &f))
	all[part] = f
	return string(all[part][name])
}

// Every member of HostConfig passes, those of other systems and newer engines
// included.
func TestEveryMemberPassesThrough(t *testing.T) {
	t.Parallel()
	var h container.HostConfig
	fill(reflect.ValueOf(&h).Elem())
	h.NetworkMode, h.Mounts, h.AutoRemove = "none", nil, false
	raw, err := json.Marshal(map[string]any{"Id": "a", "Config": map[string]any{}, "State": map[string]any{}, "HostConfig": h, "NetworkSettings": map[string]any{}})
	require.NoError(t, err)
	o := original{api: "1.52"}
	require.NoError(t, json.Unmarshal(raw, &o.seen))
	require.NoError(t, json.Unmarshal(raw, &o.raw))
	s, err := newSuccessor(o, rollout.Target{Generation: 1, Container: "amr"})
	require.NoError(t, err)
	was, err := o.raw.part("HostConfig")
	require.NoError(t, err)
	is, err := s.body.part("HostConfig")
	require.NoError(t, err)
	for _, name := range members(reflect.TypeFor[container.HostConfig]()) {
		if name != "RestartPolicy" && name != "Mounts" {
			require.Contains(t, was, name, "it was filled")
			require.JSONEq(t, string(was[name]), string(is[name]), name)
		}
	}
}

// fill gives every field a value that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if a, ok := v.Addr().Interface().(*netip.Addr); ok {
			*a = netip.MustParseAddr("10.0.0.1")
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		key, val := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if p, ok := key.Addr().Interface().(*network.Port); ok {
			*p = network.MustParsePort("9/udp")
		} else {
			fill(key)
		}
		fill(val)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, val)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	default:
		panic("no value for a " + v.Kind().String())
	}
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

// Compose finds its containers by these labels, and leaves one alone as long as
// the hash of its configuration is the same.
func TestComposeKnowsTheSuccessor(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	compose := map[string]string{
		"com.docker.compose.project": "robot", "com.docker.compose.service": "amr", "com.docker.compose.oneoff": "False",
		"com.docker.compose.container-number": "1", "com.docker.compose.config-hash": "0123abcd",
		"com.docker.compose.project.working_dir": "/srv/robot", "com.docker.compose.project.config_files": "/srv/robot/compose.yaml",
		"com.docker.compose.depends_on": "", "com.docker.compose.version": "5.6.0",
		"com.docker.compose.image": "sha256:of-the-old-one",
	}
	o := agent()
	o.Config.Labels = maps.Clone(compose)
	r.run(o)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	now := r.inspect(r.t1.Container).Container
	compose["com.docker.compose.image"] = now.Image // compose compares it with the image of the file
	for k, v := range compose {
		require.Equal(t, v, now.Config.Labels[k], k)
	}
	list, err := r.api.ContainerList(r.ctx(), client.ContainerListOptions{Filters: make(client.Filters).Add("label",
		"com.docker.compose.project=robot", "com.docker.compose.service=amr", "com.docker.compose.oneoff=False")})
	require.NoError(t, err)
	require.Len(t, list.Items, 1, "the old one does not run")
	require.Equal(t, now.ID, list.Items[0].ID)
}

func TestReplaceRefusesVolumesOfAContainerThatIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	from := r.another("-from", agent())
	o := agent()
	o.HostConfig.VolumesFrom = []string{from}
	r.run(o)
	_, err := r.api.ContainerRemove(r.ctx(), from, client.ContainerRemoveOptions{Force: true})
	require.NoError(t, err)
	err = r.c.Replace(r.ctx(), r.t1, isReady)
	require.True(t, rollout.IsFatal(err), err)
	require.ErrorContains(t, err, "HostConfig.VolumesFrom")
	require.Equal(t, map[string]string{"": "running"}, r.family())
}
