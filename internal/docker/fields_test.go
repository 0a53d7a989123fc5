package docker

import (
	"net/netip"
	"path/filepath"

	"github.com/moby/moby/api/types/blkiodev"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
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
