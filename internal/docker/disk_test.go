package docker

import (
	"testing"

	"github.com/moby/moby/api/types/system"
	"github.com/stretchr/testify/require"
)

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
