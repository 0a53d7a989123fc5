package docker

import (
	"context"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/fleet"
)

// An engine that is restarted, in whatever state of a replacement, never starts
// both containers, and the verbs go on where they were.
func TestEngineRestartsDuringAReplacement(t *testing.T) {
	t.Parallel()
	own := dockertest.StartEngine(t)
	proxy := dockertest.StartProxy(t, own.Socket())
	r := newRigAt(t, own, proxy.URL(), dockertest.Image{}, dockertest.Image{})
	o := agent("-lock", "/data/lock")
	o.HostConfig.RestartPolicy.Name = "always"
	o.HostConfig.Binds = []string{r.dir + ":/data"}
	old := r.run(o)
	c := &crashing{r, proxy}
	restart := func(end func()) {
		t.Helper()
		end()
		require.NoError(t, own.Start())
	}

	for i, line := range []string{"/rename$", "/start$"} {
		if i > 0 {
			require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
			require.NoError(t, r.c.Discard(r.ctx(), r.t1))
			r.t1.Generation++
		}
		held := proxy.Hold(dockertest.AfterEngine, "POST", line)
		failed := make(chan error, 1)
		go func() { failed <- r.c.Replace(r.ctx(), r.t1, isReady) }()
		select {
		case <-held.Reached:
		case err := <-failed:
			t.Fatalf("%s was not called: %v", line, err)
		}
		restart(own.Kill)
		held.Release()
		<-failed // whether it got through depends on the line
		proxy.Set()
		require.LessOrEqual(t, c.running(), 1, line)
		require.NoError(t, r.client(own.URL()).Replace(r.ctx(), r.t1, isReady), line)
		eventually(t, "the successor runs", func() bool { return r.family()[""] == "running" })
		require.Equal(t, 1, c.running(), line)
	}
	restart(own.Stop) // "always": the engine starts the successor, and it alone
	eventually(t, "the successor runs again", func() bool { return r.family()[""] == "running" })
	require.Equal(t, map[string]string{"": "running", nameOf("", slotPrevious, r.t1.Generation): "exited"}, r.family())

	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	restart(own.Kill)
	eventually(t, "the old one runs again", func() bool { return r.inspect(old).Container.State.Running })
	require.Equal(t, 1, c.running())
	require.Equal(t, "always", string(r.inspect(old).Container.HostConfig.RestartPolicy.Name))
	require.NoFileExists(t, r.path("lock.conflict"), "two ran at once")
}

func TestEngineDiesFreezesAndComesBack(t *testing.T) {
	t.Parallel()
	own := dockertest.StartEngine(t)
	r := newRigAt(t, own, own.URL(), dockertest.Image{}, dockertest.Image{})
	f := follow(t, Options{CallTimeout: time.Second, ListEvery: 100 * time.Millisecond}, Endpoint{Name: "e", URL: own.URL()})
	o := agent()
	o.Config.Env = []string{"ROBOT_ID=r1"}
	r.run(o)
	eventually(t, "running", func() bool { return isRunning(f.container("e", r.t1.Container)) })
	e := f.engine("e")
	require.Equal(t, []string{"linux", "amd64"}, []string{e.OS, e.Arch})
	require.NotEmpty(t, e.Version)
	require.NotEmpty(t, e.API)

	own.Kill()
	require.Less(t, f.state("e", fleet.EngineDown), time.Second)
	require.NotEmpty(t, f.engine("e").Error)
	require.NoError(t, own.Start())
	f.state("e", fleet.EngineUp)

	own.Freeze()
	f.state("e", fleet.EngineHung)
	// A verb does not wait for ever either.
	ctx, cancel := context.WithTimeout(r.ctx(), 20*time.Second)
	defer cancel()
	quick, err := NewClient(Endpoint{Name: "e", URL: own.URL()}, Options{CallTimeout: 200 * time.Millisecond}, testLog(t))
	require.NoError(t, err)
	defer quick.Close()
	require.ErrorIs(t, quick.Replace(ctx, r.t1, isReady), context.DeadlineExceeded)
	require.NoError(t, ctx.Err())
	own.Thaw()
	f.state("e", fleet.EngineUp)

	_, err = r.api.ContainerRemove(r.ctx(), r.t1.Container, client.ContainerRemoveOptions{Force: true})
	require.NoError(t, err)
	eventually(t, "removed", func() bool { return f.container("e", r.t1.Container).ID == "" })
}
