package docker

import (
	"fmt"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// A robot that is not ready any more keeps its container as it was, under its
// name and with its restart policy, and is replaced when it is.
func TestReplaceAsksBeforeItStops(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	old := r.run(agent())
	asked := 0
	for range 2 {
		err := r.c.Replace(r.ctx(), r.t1, func() error {
			asked++
			require.True(t, r.inspect(old).Container.State.Running)
			return fmt.Errorf("it drives: %w", rollout.ErrNotNow)
		})
		require.ErrorIs(t, err, rollout.ErrNotNow)
		require.False(t, rollout.IsFatal(err))
		require.Equal(t, map[string]string{"": "running", nextName: "created"}, r.family())
		require.Equal(t, old, r.inspect(r.t1.Container).Container.ID)
		require.Equal(t, "unless-stopped", string(r.inspect(old).Container.HostConfig.RestartPolicy.Name))
	}
	require.Equal(t, 2, asked)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	require.Equal(t, map[string]string{"": "running", prevName: "exited"}, r.family())
	require.Equal(t, "unless-stopped", string(r.inspect(r.t1.Container).Container.HostConfig.RestartPolicy.Name))
	never := func() error { t.Error("asked although the old container is stopped"); return nil }
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, never))
}

func TestAReplacementThatWasNotMadeIsDiscarded(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	old := r.run(agent())
	require.ErrorIs(t, r.c.Replace(r.ctx(), r.t1, func() error { return rollout.ErrNotNow }), rollout.ErrNotNow)
	require.NoError(t, r.c.Discard(r.ctx(), r.t1))
	require.Equal(t, map[string]string{"": "running"}, r.family())
	require.Equal(t, "unless-stopped", string(r.inspect(old).Container.HostConfig.RestartPolicy.Name))
}

// A rollout that left the place empty (its rollback failed, too) does not bar the
// next one: that takes over what the robot had.
func TestReplaceTakesOverWhatAFailedRollbackLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	old := r.run(agent())
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	failed := r.inspect(r.t1.Container).Container.ID
	_, err := r.api.ContainerRename(r.ctx(), failed, client.ContainerRenameOptions{NewName: r.t1.Container + undoneName})
	require.NoError(t, err)
	t2 := r.t1
	t2.Rollout, t2.Generation = "ro-2", 8
	err = r.c.Replace(r.ctx(), t2, isReady)
	require.ErrorContains(t, err, "runs: an earlier rollout was left unfinished")
	require.True(t, rollout.IsFatal(err))
	_, err = r.api.ContainerStop(r.ctx(), failed, client.ContainerStopOptions{})
	require.NoError(t, err)

	require.NoError(t, r.c.Replace(r.ctx(), t2, isReady))
	now := r.inspect(r.t1.Container).Container
	require.True(t, now.State.Running)
	require.Equal(t, "unless-stopped", string(now.HostConfig.RestartPolicy.Name))
	require.Equal(t, r.t1.Container+".muster-previous-g8", engineName(r.inspect(old).Container.Name))
	require.NoError(t, r.c.Commit(r.ctx(), t2))
	require.Equal(t, map[string]string{"": "running"}, r.family())
}
