package docker

import (
	"context"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/fleet"
)

// following is the fleet as Engines reports it.
type following struct {
	t    testing.TB
	mu   sync.Mutex
	last map[string]fleet.EngineObserved // containers are kept when a report has none
	at   map[string]time.Time            // of the last report
}

// follow runs Engines for the test's time.
func follow(t testing.TB, o Options, endpoints ...Endpoint) *following {
	t.Helper()
	f := &following{t: t, last: make(map[string]fleet.EngineObserved), at: make(map[string]time.Time)}
	engines, err := NewEngines(endpoints, f.apply, o, testLog(t))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- engines.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(10 * time.Second):
			t.Error("Run does not return")
		}
		engines.Close()
	})
	return f
}

func (f *following) apply(o fleet.EngineObserved) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o.Containers == nil {
		o.Containers = f.last[o.Engine.Name].Containers
	}
	f.last[o.Engine.Name], f.at[o.Engine.Name] = o, time.Now()
}

func (f *following) engine(name string) fleet.Engine {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last[name].Engine
}

// container is the container of that name; zero when it is not reported.
func (f *following) container(engine, name string) fleet.Container {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.last[engine].Containers {
		if c.Name == name {
			return c
		}
	}
	return fleet.Container{}
}

// state waits until the engine is in the state and returns how long it took.
func (f *following) state(name string, want fleet.EngineState) time.Duration {
	f.t.Helper()
	began := time.Now()
	eventually(f.t, "engine "+name+" "+string(want), func() bool { return f.engine(name).State == want })
	return time.Since(began)
}

// slow is a period of lists that no test waits for: what is seen, events tell.
var slow = Options{ListEvery: time.Hour}

func TestEventsAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	f := follow(t, slow, Endpoint{Name: "e", URL: shared(t).URL()})
	f.state("e", fleet.EngineUp)
	require.Zero(t, f.container("e", r.t1.Container))

	var worst time.Duration
	seen := func(what string, ok func(fleet.Container) bool) {
		t.Helper()
		began := time.Now()
		eventually(t, what, func() bool { return ok(f.container("e", r.t1.Container)) })
		worst = max(worst, time.Since(began))
	}
	o := agent()
	o.HostConfig.RestartPolicy = container.RestartPolicy{}
	o.Config.Env = []string{"ROBOT_ID=r1", "ROBOT_NAMESPACE=r1", "ROS_DOMAIN_ID=7", "TOKEN=secret"}
	o.Config.Labels = map[string]string{"com.docker.compose.service": "amr"}
	o.Config.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "/agent", "-exit", "0"}, Interval: 100 * time.Millisecond}
	o.HostConfig.Devices = []container.DeviceMapping{{PathOnHost: "/dev/null", PathInContainer: "/dev/lidar", CgroupPermissions: "rw"}}
	o.HostConfig.DeviceCgroupRules = []string{"c 13:* rmw"}
	id := r.create(o)
	seen("created", func(c fleet.Container) bool { return c.State == "created" })

	_, err := r.api.ContainerStart(r.ctx(), id, client.ContainerStartOptions{})
	require.NoError(t, err)
	seen("running", isRunning)
	seen("healthy", func(c fleet.Container) bool { return c.Health == "healthy" })
	c := f.container("e", r.t1.Container)
	require.NotZero(t, c.StartedAt)
	c.StartedAt, c.FinishedAt = time.Time{}, time.Time{}
	old := r.inspect(id).Container
	require.Equal(t, fleet.Container{
		ID: id, Name: r.t1.Container, Engine: "e", RobotID: "r1", Namespace: "/r1", Domain: 7,
		Image: fleet.Image{Ref: r.repo + ":1", ID: old.Image, Digest: digestOf(t, r, r.repo+":1")},
		Role:  fleet.RoleCurrent, State: "running", Health: "healthy", Service: "amr", NetworkMode: "host",
		Devices: []fleet.Device{
			{Kind: fleet.DeviceNode, Host: "/dev/null", Container: "/dev/lidar", Permissions: "rw"},
			{Kind: fleet.DeviceCgroupRule, Rule: "c 13:* rmw"},
		},
	}, c)

	_, err = r.api.ContainerKill(r.ctx(), id, client.ContainerKillOptions{Signal: "KILL"})
	require.NoError(t, err)
	seen("died", func(c fleet.Container) bool { return c.State == "exited" && c.ExitCode == 137 })
	_, err = r.api.ContainerStart(r.ctx(), id, client.ContainerStartOptions{})
	require.NoError(t, err)
	seen("running again", isRunning)
	_, err = r.api.ContainerStop(r.ctx(), id, client.ContainerStopOptions{})
	require.NoError(t, err)
	seen("stopped", func(c fleet.Container) bool { return c.State == "exited" && c.ExitCode == 0 })
	_, err = r.api.ContainerRemove(r.ctx(), id, client.ContainerRemoveOptions{})
	require.NoError(t, err)
	seen("removed", func(c fleet.Container) bool { return c.ID == "" })
	require.Less(t, worst, 3*time.Second) // the machine may be loaded; without events it is an hour
	t.Logf("seen after %v at most", worst.Round(time.Millisecond))
}

func isRunning(c fleet.Container) bool { return c.Running() }

func digestOf(t testing.TB, r *rig, ref string) string {
	t.Helper()
	p, err := new(Resolver).Resolve(r.ctx(), ref)
	require.NoError(t, err)
	return p.Digest
}

func TestRolesAndRestartsAreReported(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	f := follow(t, slow, Endpoint{Name: "e", URL: shared(t).URL()})
	o := agent()
	o.Config.Labels = map[string]string{"muster.robot": "r1", "muster.namespace": "/hall/r1", "muster.domain": "3"}
	r.run(o)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	previous := r.t1.Container + prevName
	eventually(t, "the new and the previous one", func() bool {
		return f.container("e", r.t1.Container).Generation == 7 && f.container("e", previous).State == "exited"
	})
	now := f.container("e", r.t1.Container)
	require.Equal(t, fleet.RoleCurrent, now.Role)
	require.Equal(t, []any{"r1", "/hall/r1", 3}, []any{now.RobotID, now.Namespace, now.Domain})
	require.Equal(t, r.t1.Image.Digest, now.Digest)
	require.Equal(t, r.t1.Image.Digest, now.Image.Digest)
	require.Equal(t, fleet.RolePrevious, f.container("e", previous).Role)
	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	eventually(t, "the undone one", func() bool {
		return f.container("e", r.t1.Container+undoneName).Role == fleet.RoleSuccessor && isRunning(f.container("e", r.t1.Container))
	})

	o = agent("-exit", "3")
	o.Name = r.t1.Container + ".muster-g99" // removed with the others
	o.HostConfig.RestartPolicy = container.RestartPolicy{Name: "on-failure", MaximumRetryCount: 2}
	o.Config.Labels = map[string]string{"muster.robot": "r2"}
	r.run(o)
	eventually(t, "restarts and exit code", func() bool {
		c := f.container("e", o.Name)
		return c.Restarts == 2 && c.State == "exited" && c.ExitCode == 3
	})
}

func TestAnEngineThatHangsStallsNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	proxy := dockertest.StartProxy(t, shared(t).Socket())
	f := follow(t, Options{CallTimeout: time.Second, ListEvery: 100 * time.Millisecond},
		Endpoint{Name: "hangs", URL: proxy.URL()}, Endpoint{Name: "works", URL: shared(t).URL()},
		Endpoint{Name: "absent", URL: "unix:///nowhere/docker.sock"})
	o := agent()
	o.Config.Env = []string{"ROBOT_ID=r1"}
	r.run(o)
	f.state("works", fleet.EngineUp)
	f.state("hangs", fleet.EngineUp)
	f.state("absent", fleet.EngineDown)
	require.Contains(t, f.engine("absent").Error, "no such file")
	eventually(t, "the container", func() bool { return isRunning(f.container("hangs", r.t1.Container)) })

	proxy.Set(dockertest.Rule{Hang: true})
	took := f.state("hangs", fleet.EngineHung)
	require.Less(t, took, 10*time.Second)
	require.Contains(t, f.engine("hangs").Error, "does not answer in time")
	require.True(t, isRunning(f.container("hangs", r.t1.Container)), "the last word stands")
	// The other one still tells of events at once.
	_, err := r.api.ContainerStop(r.ctx(), r.t1.Container, client.ContainerStopOptions{})
	require.NoError(t, err)
	began := time.Now()
	eventually(t, "stopped", func() bool { return f.container("works", r.t1.Container).State == "exited" })
	require.Less(t, time.Since(began), 5*time.Second)

	proxy.Set()
	f.state("hangs", fleet.EngineUp)
	require.Empty(t, f.engine("hangs").Error)
	eventually(t, "what was missed", func() bool { return f.container("hangs", r.t1.Container).State == "exited" })
}

// A container whose inspection hangs (the engine holds its lock) hides neither
// the others nor the engine.
func TestAContainerThatHangsHidesNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	o := agent()
	o.Config.Env = []string{"ROBOT_ID=r1"}
	stuck := r.run(o)
	proxy := dockertest.StartProxy(t, shared(t).Socket())
	f := follow(t, Options{CallTimeout: 2 * time.Second, ListEvery: 100 * time.Millisecond}, Endpoint{Name: "e", URL: proxy.URL()})
	eventually(t, "the first", func() bool { return isRunning(f.container("e", r.t1.Container)) })
	proxy.Set(dockertest.Rule{Path: regexp.MustCompile("/containers/" + stuck + "/json"), Hang: true})
	o.Name = r.t1.Container + ".muster-g99"
	r.run(o)
	_, err := r.api.ContainerPause(r.ctx(), stuck, client.ContainerPauseOptions{})
	require.NoError(t, err)
	eventually(t, "the second, and the first's state from the list", func() bool {
		return isRunning(f.container("e", o.Name)) && f.container("e", r.t1.Container).State == "paused"
	})
	require.Equal(t, fleet.EngineUp, f.engine("e").State)
}

func TestEventStreamIsResumed(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	proxy := dockertest.StartProxy(t, shared(t).Socket())
	proxy.Set(dockertest.Rule{Path: regexp.MustCompile("^/events"), CutAt: 1}) // at the first event
	f := follow(t, slow, Endpoint{Name: "e", URL: proxy.URL()})
	f.state("e", fleet.EngineUp)
	o := agent()
	o.Config.Env = []string{"ROBOT_ID=r1"}
	for range 3 {
		r.run(o)
		eventually(t, "running", func() bool { return isRunning(f.container("e", r.t1.Container)) })
		r.clean()
		eventually(t, "removed", func() bool { return f.container("e", r.t1.Container).ID == "" })
	}
	require.Equal(t, fleet.EngineUp, f.engine("e").State)
}
