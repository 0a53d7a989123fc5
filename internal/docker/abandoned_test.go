package docker

import (
	"context"
	"errors"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

var stopping = regexp.MustCompile("/stop$")

// giveUp calls Replace and ends its context once reached is closed.
func (r *rig) giveUp(reached <-chan struct{}) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.ctx())
	ended := make(chan error, 1)
	go func() { ended <- r.c.Replace(ctx, r.t1, isReady) }()
	select {
	case <-reached:
	case err := <-ended:
		r.t.Fatalf("it came to its end: %v", err)
	}
	cancel()
	require.Error(r.t, <-ended)
}

// closing is a rule's hook and a channel that it closes.
func closing() (func(*http.Request), <-chan struct{}) {
	c, once := make(chan struct{}), sync.Once{}
	return func(*http.Request) { once.Do(func() { close(c) }) }, c
}

// An engine goes on stopping when nobody waits for it any more. The container
// that was rolled back meanwhile must not end when its grace time does.
func TestRollbackWhileTheOldOneIsBeingStopped(t *testing.T) {
	t.Parallel()
	proxy := dockertest.StartProxy(t, shared(t).Socket())
	r := newRigAt(t, shared(t), proxy.URL(), dockertest.Image{}, dockertest.Image{})
	o, grace := agent("-ignore"), 3
	o.Config.StopTimeout = &grace
	old := r.run(o)
	before := r.inspect(old).Container.State.StartedAt

	asked := make(chan struct{})
	ctx, cancel := context.WithCancel(r.ctx())
	t.Cleanup(cancel)
	stream := r.api.Events(ctx, client.EventsListOptions{
		Filters: make(client.Filters).Add("container", old).Add("event", "kill"),
	})
	go func() {
		select {
		case <-stream.Messages:
			close(asked)
		case <-ctx.Done():
		}
	}()
	r.giveUp(asked)
	since := time.Now()
	require.NoError(t, r.client(proxy.URL()).Rollback(r.ctx(), r.t1))
	eventually(t, "the grace time is over", func() bool { return time.Since(since) > time.Duration(grace+1)*time.Second })
	now := r.inspect(r.t1.Container).Container
	require.Equal(t, old, now.ID)
	require.True(t, now.State.Running, "the robot is down: exit code %d", now.State.ExitCode)
	require.NotEqual(t, before, now.State.StartedAt)
	require.Equal(t, "unless-stopped", string(now.HostConfig.RestartPolicy.Name))
}

// A request to stop that was given up and comes late, when the container was
// rolled back, finds nothing.
func TestAStopThatComesLateFindsNothing(t *testing.T) {
	t.Parallel()
	proxy := dockertest.StartProxy(t, shared(t).Socket())
	r := newRigAt(t, shared(t), proxy.URL(), dockertest.Image{}, dockertest.Image{})
	old := r.run(agent())
	late := make(chan struct{})
	hold, held := closing()
	deliver, delivered := closing()
	proxy.Set(dockertest.Rule{Method: "POST", Path: stopping, Times: 1, Before: hold, Late: late, After: deliver})
	r.giveUp(held)
	require.NoError(t, r.client(shared(t).URL()).Rollback(r.ctx(), r.t1))
	before := r.inspect(old).Container.State
	require.True(t, before.Running)
	close(late)
	eventually(t, "the request is delivered", func() bool {
		select {
		case <-delivered:
			return true
		default:
			return false
		}
	})
	now := r.inspect(r.t1.Container).Container
	require.Equal(t, old, now.ID)
	require.True(t, now.State.Running)
	require.Equal(t, before.StartedAt, now.State.StartedAt)
}

// What may be in its grace time already cannot be left as it is.
func TestReplaceGoesOnWithAStopThatWasGivenUp(t *testing.T) {
	t.Parallel()
	proxy := dockertest.StartProxy(t, shared(t).Socket())
	r := newRigAt(t, shared(t), proxy.URL(), dockertest.Image{}, dockertest.Image{})
	old := r.run(agent())
	held := proxy.Hold(dockertest.BeforeEngine, "POST", "/stop$")
	r.giveUp(held.Reached)
	proxy.Set()
	never := func() error { t.Error("asked although the old container may be stopping"); return rollout.ErrNotNow }
	require.NoError(t, r.client(shared(t).URL()).Replace(r.ctx(), r.t1, never))
	require.False(t, r.inspect(old).Container.State.Running)
	require.True(t, r.inspect(r.t1.Container).Container.State.Running)
}

// A lease that has ended ends the work before its context does.
func TestNothingIsChangedWithoutTheLease(t *testing.T) {
	t.Parallel()
	proxy := dockertest.StartProxy(t, shared(t).Socket())
	r := newRigAt(t, shared(t), proxy.URL(), dockertest.Image{}, dockertest.Image{})
	r.run(agent())
	require.NoError(t, r.c.Pull(r.ctx(), r.t1, noReport))
	lost := errors.New("the lease has ended")
	for left := 0; ; left++ {
		asked := 0
		ctx := rollout.WithLease(r.ctx(), func() error {
			if asked++; asked > left {
				return lost
			}
			return nil
		})
		proxy.Calls()
		err := r.c.Replace(ctx, r.t1, isReady)
		changes := 0
		for _, call := range proxy.Calls() {
			if strings.HasPrefix(call, "POST") || strings.HasPrefix(call, "DELETE") {
				changes++
			}
		}
		if err == nil {
			require.GreaterOrEqual(t, left, 1)
			break
		}
		require.ErrorIs(t, err, lost)
		require.Equal(t, left, changes, "each change is asked for")
		require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
		require.NoError(t, r.c.Discard(r.ctx(), r.t1))
		r.t1.Generation++
	}
	require.Equal(t, "running", r.family()[""])
}

// A device that is away for a while makes the first tries to go back fail, and
// does not make them the last.
func TestRollbackTriesAgainWhenTheOldOneDoesNotStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	plug := func() { require.NoError(t, unix.Mknod(r.path("tty"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))) }
	plug()
	o := agent()
	o.HostConfig.Devices = []container.DeviceMapping{{PathOnHost: r.path("tty"), PathInContainer: "/dev/tty0", CgroupPermissions: "rw"}}
	old := r.run(o)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	require.NoError(t, os.Remove(r.path("tty")))
	for range 2 {
		err := r.c.Rollback(r.ctx(), r.t1)
		require.ErrorContains(t, err, r.path("tty"))
		require.False(t, rollout.IsFatal(err), err)
	}
	plug()
	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	now := r.inspect(r.t1.Container).Container
	require.Equal(t, old, now.ID)
	require.True(t, now.State.Running)
	require.Equal(t, "unless-stopped", string(now.HostConfig.RestartPolicy.Name))
}

// A prune takes the successor that was never started, whose labels remember
// what the old container was like.
func TestAPruneTakesTheSuccessor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line string
		stop bool
	}{
		"renamed, policy not yet set": {"/rename$", false},
		"renamed, policy set":         {"/update$", false},
		"found stopped":               {"/update$", true},
	} {
		for _, back := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", rolled back"}[back], func(t *testing.T) {
				t.Parallel()
				proxy := dockertest.StartProxy(t, shared(t).Socket())
				r := newRigAt(t, shared(t), proxy.URL(), dockertest.Image{}, dockertest.Image{})
				old := r.run(agent())
				if c.stop {
					_, err := r.api.ContainerStop(r.ctx(), old, client.ContainerStopOptions{})
					require.NoError(t, err)
				}
				held := proxy.Hold(dockertest.AfterEngine, "POST", c.line)
				r.giveUp(held.Reached)
				proxy.Set()
				_, err := r.api.ContainerRemove(r.ctx(), r.t1.Container+nextName, client.ContainerRemoveOptions{})
				require.NoError(t, err)

				cl := r.client(shared(t).URL())
				if !back {
					require.NoError(t, cl.Replace(r.ctx(), r.t1, isReady))
					now := r.inspect(r.t1.Container).Container
					require.Equal(t, "unless-stopped", string(now.HostConfig.RestartPolicy.Name))
					require.True(t, now.State.Running)
				}
				require.NoError(t, cl.Rollback(r.ctx(), r.t1))
				now := r.inspect(r.t1.Container).Container
				require.Equal(t, old, now.ID)
				require.Equal(t, "unless-stopped", string(now.HostConfig.RestartPolicy.Name))
				require.Equal(t, !c.stop, now.State.Running)
			})
		}
	}
}

// A prune of stopped containers takes the one that is kept for a rollback. The robot
// goes on with the new one, and the old image comes back as any other does.
func TestAPruneTakesTheOldOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.run(agent())
	before := r.inspect(r.t1.Container).Container
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	for name := range r.family() {
		if name != "" { // what `docker container prune` would do
			_, err := r.api.ContainerRemove(r.ctx(), r.t1.Container+name, client.ContainerRemoveOptions{})
			require.NoError(t, err)
		}
	}
	err := r.c.Rollback(r.ctx(), r.t1)
	require.ErrorContains(t, err, "there is no old container to go back to")
	require.True(t, rollout.IsFatal(err))
	require.Equal(t, map[string]string{"": "running"}, r.family())

	back := r.t1
	back.Generation++
	back.Image, err = new(Resolver).Resolve(r.ctx(), r.repo+":1")
	require.NoError(t, err)
	require.NoError(t, r.c.Replace(r.ctx(), back, isReady))
	require.NoError(t, r.c.Commit(r.ctx(), back))
	now := r.inspect(r.t1.Container).Container
	require.Equal(t, before.Image, now.Image)
	require.True(t, now.State.Running)
	require.Equal(t, before.HostConfig.RestartPolicy, now.HostConfig.RestartPolicy)
	require.Equal(t, before.Config.Cmd, now.Config.Cmd)
}
