package docker

import (
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

func TestPreview(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.t1.Image.Manifests = []rollout.Manifest{{Platform: "linux/amd64", Size: 4321}}
	o := agent()
	o.Config.Env = []string{"TOKEN=secret"}
	o.HostConfig.Binds = []string{r.dir + ":/data"}
	o.HostConfig.Devices = []container.DeviceMapping{{PathOnHost: "/dev/null", PathInContainer: "/dev/lidar", CgroupPermissions: "rw"}}
	id := r.run(o)

	p, err := r.c.Preview(r.ctx(), r.t1)
	require.NoError(t, err)
	require.Empty(t, p.Refused)
	require.False(t, p.Present)
	require.EqualValues(t, 4321, p.Need)
	require.Greater(t, p.Free, int64(0), "the engine is on this machine")
	require.Subset(t, p.Kept, []string{
		"device /dev/null", "bind " + r.dir + " at /data", "network mode host", "environment TOKEN", "restart policy unless-stopped",
	})
	require.Equal(t, []string{"image: " + r.repo + ":1 → " + r.t1.Image.ByDigest()}, p.Changed)
	require.Equal(t, id, r.inspect(r.t1.Container).Container.ID, "nothing was touched")
	require.Equal(t, map[string]string{"": "running"}, r.family())

	require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport))
	p, err = r.c.Preview(r.ctx(), r.t1)
	require.NoError(t, err)
	require.True(t, p.Present)
	require.Zero(t, p.Need)
}

func TestPreviewSaysWhatIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.run(client.ContainerCreateOptions{HostConfig: &container.HostConfig{AutoRemove: true}})
	p, err := r.c.Preview(r.ctx(), r.t1)
	require.NoError(t, err)
	require.Contains(t, p.Refused, "HostConfig.AutoRemove")
	r.t1.Container = "nobody"
	p, err = r.c.Preview(r.ctx(), r.t1)
	require.NoError(t, err)
	require.Contains(t, p.Refused, "container nobody is not on engine e")
}

func TestCommitRemovesImagesThatNothingNeeds(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{Files: map[string][]byte{"/prune": nil}}, dockertest.Image{})
	has := func(digest string) bool {
		_, err := r.api.ImageInspect(r.ctx(), r.repo+"@"+digest)
		return err == nil
	}
	push := func(tag string) string {
		digest := dockertest.PushImage(t, images, r.t1.Container, tag, dockertest.Image{Files: map[string][]byte{"/" + tag: []byte(tag)}})
		r.pull(r.repo + "@" + digest)
		return digest
	}
	ancient := push("ancient")
	used := r.pushBoth("used", "s390x") // one for several platforms has another id on some engines
	r.pull(r.repo + "@" + used)
	r.create(client.ContainerCreateOptions{Name: r.t1.Container + "-other", Config: &container.Config{Image: r.repo + "@" + used}})
	t.Cleanup(func() {
		_, _ = r.api.ContainerRemove(r.ctx(), r.t1.Container+"-other", client.ContainerRemoveOptions{Force: true})
	})
	r.run(agent())
	replace := func(target rollout.Target) {
		require.NoError(t, r.c.Pull(r.ctx(), target, noReport))
		require.NoError(t, r.c.Replace(r.ctx(), target, isReady))
		require.NoError(t, r.c.Commit(r.ctx(), target))
	}
	old := r.inspect(r.t1.Container).Container.Image
	replace(r.t1)
	require.True(t, has(ancient), "not unless it is asked for")

	next := r.t1
	next.Rollout, next.Generation, next.Prune, next.Previous = "ro-2", 8, true, r.t1.Image.Digest
	next.Image.Digest = dockertest.PushImage(t, images, r.t1.Container, "3", dockertest.Image{Files: map[string][]byte{"/v3": nil}})
	replace(next)
	require.True(t, has(next.Image.Digest))
	require.True(t, has(next.Previous), "what was replaced can be rolled back to")
	require.True(t, has(used), "another container needs it")
	require.False(t, has(ancient))
	_, err := r.api.ImageInspect(r.ctx(), old)
	require.Error(t, err, "the one before the previous one")
	require.NoError(t, r.c.Commit(r.ctx(), next), "again")
}
