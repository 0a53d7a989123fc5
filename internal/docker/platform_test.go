package docker

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// A registry that goes silent in the middle of a layer. An engine with
// containerd's image store goes on to say how far it is.
func TestAPullThatStallsInALayerIsGivenUp(t *testing.T) {
	t.Parallel()
	const size = 4 << 20
	end := make(chan struct{})
	f := newFront(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		b := layer(w, r, next, size)
		if b == nil {
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b[:size/2])
		w.(http.Flusher).Flush()
		<-end
		panic(http.ErrAbortHandler)
	})
	t.Cleanup(func() { close(end) })
	r := newRig(t, dockertest.Image{}, dockertest.Image{Files: map[string][]byte{"/map": noise(size)}})
	r.t1.Image.Repository = f.host() + "/" + r.t1.Container
	c, err := NewClient(Endpoint{Name: "e", URL: shared(t).URL()}, Options{Stalled: 2 * time.Second}, testLog(t))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	var told []rollout.Progress
	err = c.Pull(r.ctx(), r.t1, func(p rollout.Progress) { told = append(told, p) })
	require.ErrorContains(t, err, "nothing was heard of it for 2s")
	require.NotEmpty(t, told, "it had begun")
}

// pushBoth pushes an image for this platform and another one, under one digest.
func (r *rig) pushBoth(tag, other string) string {
	file := func(arch string) map[string][]byte { return map[string][]byte{"/" + tag: []byte(arch)} }
	return dockertest.PushIndex(r.t, images, r.t1.Container, tag,
		dockertest.Image{Files: file("amd64")}, dockertest.Image{Files: file(other), Arch: other})
}

func (r *rig) pullFor(ref, arch string) {
	resp, err := r.api.ImagePull(r.ctx(), ref, client.ImagePullOptions{Platforms: []ocispec.Platform{{OS: "linux", Architecture: arch}}})
	require.NoError(r.t, err)
	require.NoError(r.t, resp.Wait(r.ctx()))
}

// Somebody has pulled the digest for another platform. Containerd's image store
// takes in ours beside it; the older one has one image by a digest.
func TestPullOfWhatIsThereForAnotherPlatform(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.t1.Image.Digest = r.pushBoth("both", "s390x")
	r.t1.Image.Platforms = []string{"linux/amd64", "linux/s390x"}
	r.pullFor(r.t1.Image.ByDigest(), "s390x")
	r.run(agent())
	err := r.c.Pull(r.ctx(), r.t1, noReport)
	if !r.multiplatform() {
		require.ErrorContains(t, err, "the image is for linux/s390x")
		require.True(t, rollout.IsFatal(err))
		return
	}
	require.NoError(t, err)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	require.True(t, r.inspect(r.t1.Container).Container.State.Running)
}

// What an engine with containerd's image store can make of an image is a choice
// that the user may have made.
func TestReplaceRefusesAnotherPlatform(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	if !r.multiplatform() {
		t.Skip("the engine has one platform of an image only")
	}
	old := r.repo + "@" + r.pushBoth("old", "386")
	r.pull(old)
	r.pullFor(old, "386")
	o := agent()
	o.Config.Image, o.Platform = old, &ocispec.Platform{OS: "linux", Architecture: "386"}
	id := r.run(o)
	err := r.c.Replace(r.ctx(), r.t1, isReady)
	require.ErrorContains(t, err, "this field cannot be kept: platform linux/386")
	require.True(t, rollout.IsFatal(err))
	require.Equal(t, id, r.inspect(r.t1.Container).Container.ID)

	r.clean()
	o.Platform = nil
	r.run(o)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady), "the engine's own")
}

// The defaults of an image of which the engine has lost the configuration are
// not known, though it still has its name.
func TestReplaceRefusesAnImageWithoutItsConfiguration(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	if !r.multiplatform() {
		t.Skip("the engine has one platform of an image only")
	}
	old := r.repo + "@" + r.pushBoth("lost", "386")
	r.pull(old)
	o := agent()
	o.Config.Image = old
	r.run(o)
	_, err := r.api.ImageRemove(r.ctx(), old, client.ImageRemoveOptions{
		Force: true, Platforms: []ocispec.Platform{{OS: "linux", Architecture: "amd64"}},
	})
	require.NoError(t, err)
	err = r.c.Replace(r.ctx(), r.t1, isReady)
	require.ErrorContains(t, err, "is no longer on the engine")
	require.True(t, rollout.IsFatal(err))
}

// multiplatform reports whether the engine can have several platforms of an
// image.
func (r *rig) multiplatform() bool {
	r.t.Helper()
	info, err := r.api.Info(r.ctx(), client.InfoOptions{})
	require.NoError(r.t, err)
	return containerdStore(info.Info)
}
