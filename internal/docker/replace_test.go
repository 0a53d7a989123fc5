package docker

import (
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

const (
	nextName   = ".muster-g7"
	prevName   = ".muster-previous-g7"
	undoneName = ".muster-undone-g7"
)

func TestReplaceThenCommit(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	old := r.run(agent())
	for range 2 { // every verb may be called again
		require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
		require.Equal(t, map[string]string{"": "running", prevName: "exited"}, r.family())
	}
	now := r.inspect(r.t1.Container).Container
	require.NotEqual(t, old, now.ID)
	require.Equal(t, r.t1.Image.ByDigest(), now.Config.Image)
	require.Equal(t, "unless-stopped", string(now.HostConfig.RestartPolicy.Name))
	require.Equal(t, "no", string(r.inspect(old).Container.HostConfig.RestartPolicy.Name))
	for k, v := range labelsOf(r.t1) {
		require.Equal(t, v, now.Config.Labels[k], k)
	}
	for range 2 {
		require.NoError(t, r.c.Commit(r.ctx(), r.t1))
		require.Equal(t, map[string]string{"": "running"}, r.family())
	}
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady), "also after the commit")
	require.True(t, rollout.IsFatal(r.c.Rollback(r.ctx(), r.t1)), "nothing is left to go back to")
	require.Equal(t, now.ID, r.inspect(r.t1.Container).Container.ID)
	require.Equal(t, map[string]string{"": "running"}, r.family())
}

func TestReplaceRollbackDiscard(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	old := r.run(agent())
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	require.True(t, rollout.IsFatal(r.c.Discard(r.ctx(), r.t1)), "the successor is in place")
	for range 2 {
		require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
		require.Equal(t, map[string]string{"": "running", undoneName: "exited"}, r.family())
	}
	require.True(t, rollout.IsFatal(r.c.Replace(r.ctx(), r.t1, isReady)), "what was rolled back stays so")
	require.True(t, rollout.IsFatal(r.c.Commit(r.ctx(), r.t1)))
	for range 2 {
		require.NoError(t, r.c.Discard(r.ctx(), r.t1))
		require.Equal(t, map[string]string{"": "running"}, r.family())
	}
	now := r.inspect(r.t1.Container).Container
	require.Equal(t, old, now.ID)
	require.Equal(t, "unless-stopped", string(now.HostConfig.RestartPolicy.Name))
}

func TestRollbackWithNothingToUndo(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	old := r.run(agent())
	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	require.NoError(t, r.c.Discard(r.ctx(), r.t1))
	require.Equal(t, old, r.inspect(r.t1.Container).Container.ID)
	require.Equal(t, map[string]string{"": "running"}, r.family())
}

func TestStoppedContainerIsReplacedAndComesBackStopped(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.run(agent())
	_, err := r.api.ContainerStop(r.ctx(), r.t1.Container, client.ContainerStopOptions{})
	require.NoError(t, err)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	require.Equal(t, map[string]string{"": "running", prevName: "exited"}, r.family())
	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	require.Equal(t, map[string]string{"": "exited", undoneName: "exited"}, r.family())
}

// A program that ignores its stop signal costs its own grace time, not ours.
func TestReplaceOfOneThatIgnoresItsStopSignal(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	o, grace := agent("-ignore"), 1
	o.Config.StopTimeout = &grace
	old := r.run(o)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	require.Equal(t, 137, r.inspect(old).Container.State.ExitCode)
	require.Equal(t, map[string]string{"": "running", prevName: "exited"}, r.family())
}
