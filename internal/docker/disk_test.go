package docker

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/moby/moby/api/types/system"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
)

// What the image in place has already needs no space and is not fetched.
func TestLayersInPlaceAreNotNeeded(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	var err error
	r.t1.Image, err = new(Resolver).Resolve(r.ctx(), r.repo+":2")
	require.NoError(t, err)
	m := r.t1.Image.Manifests[0]
	require.Len(t, m.Layers, 2, "the agent, which both images have, and a file")
	require.NotEmpty(t, m.Layers[0].DiffID)

	p, err := r.c.Preview(r.ctx(), r.t1)
	require.NoError(t, err)
	require.Equal(t, m.Size, p.Need, "there is no container yet")
	r.run(agent())
	p, err = r.c.Preview(r.ctx(), r.t1)
	require.NoError(t, err)
	require.Equal(t, m.Size-m.Layers[0].Size, p.Need)
	require.Less(t, p.Need, m.Size/10)
}

// An engine far away does not tell its free space; the df in the robot's
// container does.
func TestFreeSpaceOfAFarEngine(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	proxy := dockertest.StartProxyAt(t, l, shared(t).Socket())
	r := newRigAt(t, shared(t), proxy.URL(), dockertest.Image{}, dockertest.Image{})
	o := agent()
	for _, path := range []string{"/usr/bin/df", "/lib", "/lib64"} { // of the host
		real, err := filepath.EvalSymlinks(path)
		require.NoError(t, err)
		o.HostConfig.Binds = append(o.HostConfig.Binds, real+":"+path+":ro")
	}
	r.run(o)
	p, err := r.c.Preview(r.ctx(), r.t1)
	require.NoError(t, err)
	var fs unix.Statfs_t
	require.NoError(t, unix.Statfs(filepath.Dir(shared(t).Socket()), &fs))
	require.InEpsilon(t, int64(fs.Bavail)*fs.Bsize, p.Free, 0.2)
	r.t1.MinFree = 1 << 60
	require.ErrorContains(t, r.c.Pull(r.ctx(), r.t1, noReport), "no space on engine e")

	r.clean()
	r.run(agent())
	p, err = r.c.Preview(r.ctx(), r.t1)
	require.NoError(t, err)
	require.Equal(t, int64(unknownFree), p.Free, "its image has no df")
	require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport))
}

// An engine from 29 on keeps images in containerd's store, which is elsewhere
// when the system runs containerd.
func TestWhereAnEngineKeepsImages(t *testing.T) {
	store := [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}
	at := func(address string) *system.ContainerdInfo { return &system.ContainerdInfo{Address: address} }
	for want, i := range map[string]system.Info{
		"/data/graph":         {Containerd: at("/run/containerd/containerd.sock"), DriverStatus: [][2]string{{"Backing Filesystem", "extfs"}}},
		"/var/lib/containerd": {Containerd: at("/run/containerd/containerd.sock"), DriverStatus: store},
		"/data/own":           {Containerd: at("/var/run/docker/containerd/containerd.sock"), DriverStatus: store},
		"/data/untold":        {DriverStatus: store},
	} {
		i.DockerRootDir = want
		if want == "/var/lib/containerd" {
			i.DockerRootDir = "/var/lib/docker"
		}
		require.Equal(t, want, imageRoot(i))
	}
}
