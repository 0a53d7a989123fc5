package docker

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// What cannot be kept or undone is refused before anything is touched.
func TestReplaceRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*rig)
		says    string
	}{
		"a container that is not there": {func(*rig) {}, "is not on engine e"},
		"--rm": {func(r *rig) {
			r.run(client.ContainerCreateOptions{HostConfig: &container.HostConfig{AutoRemove: true}})
		}, "HostConfig.AutoRemove"},
		"a paused one": {func(r *rig) {
			_, err := r.api.ContainerPause(r.ctx(), r.run(agent()), client.ContainerPauseOptions{})
			require.NoError(r.t, err)
		}, "is paused"},
		"of a Swarm service": {func(r *rig) {
			o := agent()
			o.Config.Labels = map[string]string{"com.docker.swarm.service.id": "x"}
			r.run(o)
		}, "Swarm"},
		"one whose network another uses": {func(r *rig) {
			id := r.run(agent())
			r.sidecar(func(h *container.HostConfig) { h.NetworkMode = container.NetworkMode("container:" + id) })
		}, "shares this one's network"},
		"one whose IPC namespace another uses": {func(r *rig) {
			o := agent()
			o.HostConfig.IpcMode = container.IPCModeShareable
			r.run(o)
			r.sidecar(func(h *container.HostConfig) { h.IpcMode = container.IpcMode("container:" + r.t1.Container) })
		}, "shares this one's IPC namespace"},
		"one whose PID namespace another uses": {func(r *rig) {
			id := r.run(agent())
			r.sidecar(func(h *container.HostConfig) { h.PidMode = container.PidMode("container:" + id[:12]) })
		}, "shares this one's PID namespace"},
		"a name that is taken": {func(r *rig) {
			r.run(agent())
			o := agent()
			o.Name = nameOf(r.t1.Container, slotNext, r.t1.Generation)
			r.create(o)
		}, "which no rollout made"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, dockertest.Image{}, dockertest.Image{})
			c.prepare(r)
			before := r.family()
			err := r.c.Replace(r.ctx(), r.t1, isReady)
			require.ErrorContains(t, err, c.says)
			require.True(t, rollout.IsFatal(err))
			require.Equal(t, before, r.family())
		})
	}
}

// sidecar runs another container that lives in the robot's.
func (r *rig) sidecar(in func(*container.HostConfig)) {
	o := agent()
	in(o.HostConfig)
	o.Name = r.t1.Container + "-sidecar"
	id := r.run(o)
	r.t.Cleanup(func() {
		_, _ = r.api.ContainerRemove(r.ctx(), id, client.ContainerRemoveOptions{Force: true})
	})
}

// A robot's container may itself live in another's namespaces.
func TestReplaceOfOneInAnothersNamespaces(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	o := agent()
	o.HostConfig.IpcMode = container.IPCModeShareable
	o.HostConfig.NetworkMode = "none"
	base := r.another("-base", o)
	namespaces := func(name string) (all []string) {
		for _, kind := range []string{"net", "pid", "ipc"} {
			at, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", r.inspect(name).Container.State.Pid, kind))
			require.NoError(t, err)
			all = append(all, at)
		}
		return all
	}
	o = agent()
	o.HostConfig.NetworkMode = container.NetworkMode("container:" + base)
	o.HostConfig.PidMode = container.PidMode("container:" + base)
	o.HostConfig.IpcMode = container.IpcMode("container:" + base)
	old := r.run(o)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	require.NotEqual(t, old, r.inspect(r.t1.Container).Container.ID)
	require.Equal(t, namespaces(base), namespaces(r.t1.Container))
	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	require.Equal(t, namespaces(base), namespaces(r.t1.Container))
}

// The engine's class of answer decides whether another try can help; either
// way the robot goes on running.
func TestReplaceSortsTheEnginesAnswers(t *testing.T) {
	t.Parallel()
	proxy := dockertest.StartProxy(t, shared(t).Socket())
	r := newRigAt(t, shared(t), proxy.URL(), dockertest.Image{}, dockertest.Image{})
	old := r.run(agent())
	for name, c := range map[string]struct {
		rule  dockertest.Rule
		fatal bool
	}{
		"400 at create":  {dockertest.Rule{Path: regexp.MustCompile("/containers/create$"), Status: 400, Body: "invalid option"}, true},
		"404 at create":  {dockertest.Rule{Path: regexp.MustCompile("/containers/create$"), Status: 404, Body: "no such image"}, true},
		"409 at create":  {dockertest.Rule{Path: regexp.MustCompile("/containers/create$"), Status: 409, Body: "name in use"}, false},
		"500 at create":  {dockertest.Rule{Path: regexp.MustCompile("/containers/create$"), Status: 500, Body: "no space left"}, false},
		"503 at list":    {dockertest.Rule{Path: regexp.MustCompile("/containers/json$"), Status: 503, Body: "busy"}, false},
		"cut list":       {dockertest.Rule{Path: regexp.MustCompile("/containers/json$"), CutAt: 20}, false},
		"cut inspection": {dockertest.Rule{Path: regexp.MustCompile("/containers/.+/json$"), CutAt: 50}, false},
		"500 at rename":  {dockertest.Rule{Path: regexp.MustCompile("/rename$"), Status: 500, Body: "oh"}, false},
		"refused list":   {dockertest.Rule{Path: regexp.MustCompile("/containers/json$"), Refuse: true}, false},
	} {
		proxy.Set(c.rule)
		err := r.c.Replace(r.ctx(), r.t1, isReady)
		require.Error(t, err, name)
		require.Equal(t, c.fatal, rollout.IsFatal(err), "%s: %v", name, err)
		if c.rule.Body != "" && c.rule.Status != 409 {
			require.ErrorContains(t, err, c.rule.Body, name)
		}
		now := r.inspect(old).Container
		require.True(t, now.State.Running, name)
		require.Equal(t, "/"+r.t1.Container, now.Name, name)
		proxy.Set()
		require.NoError(t, r.c.Discard(r.ctx(), r.t1), name)
		require.Equal(t, "unless-stopped", string(r.inspect(old).Container.HostConfig.RestartPolicy.Name), name)
	}
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
}

func TestReplaceOfAnUnknownProgramIsFatalAndRolledBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{Config: v1.Config{Entrypoint: []string{"/missing"}}})
	old := r.run(agent())
	err := r.c.Replace(r.ctx(), r.t1, isReady)
	require.True(t, rollout.IsFatal(err), err)
	require.ErrorContains(t, err, "/missing")
	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	require.NoError(t, r.c.Discard(r.ctx(), r.t1))
	require.Equal(t, old, r.inspect(r.t1.Container).Container.ID)
	require.Equal(t, map[string]string{"": "running"}, r.family())
}

func TestReplaceRefusesVolumesOfAContainerThatIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	from := r.another("-from", agent())
	o := agent()
	o.HostConfig.VolumesFrom = []string{from}
	r.run(o)
	_, err := r.api.ContainerRemove(r.ctx(), from, client.ContainerRemoveOptions{Force: true})
	require.NoError(t, err)
	err = r.c.Replace(r.ctx(), r.t1, isReady)
	require.True(t, rollout.IsFatal(err), err)
	require.ErrorContains(t, err, "HostConfig.VolumesFrom")
	require.Equal(t, map[string]string{"": "running"}, r.family())
}
