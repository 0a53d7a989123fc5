package docker

import (
	"testing"

	"github.com/moby/moby/api/types/mount"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
)

// An image that is mounted as a volume is needed as long as its container is, and
// it is of the repository whose images a commit removes.
func TestAMountedImageIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.since("1.48")
	maps := r.repo + "@" + dockertest.PushImage(t, images, r.t1.Container, "maps", dockertest.Image{
		Bare: true, Files: map[string][]byte{"/hall": []byte("4")},
	})
	r.pull(maps)
	o := agent()
	o.HostConfig.Mounts = []mount.Mount{{Type: mount.TypeImage, Source: maps, Target: "/maps", ImageOptions: &mount.ImageOptions{}}}
	old := r.run(o)
	before := r.inspect(old)
	require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport))
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	after := r.inspect(r.t1.Container)
	require.Equal(t, before.Container.HostConfig.Mounts, after.Container.HostConfig.Mounts)
	r.t1.Prune, r.t1.Previous = true, before.Container.Image
	require.NoError(t, r.c.Commit(r.ctx(), r.t1))
	_, err := r.api.ImageInspect(r.ctx(), maps)
	require.NoError(t, err)
}
