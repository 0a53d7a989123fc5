package docker

import (
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

// planned is what becomes of a plan for the rig's robot, by a service that asks
// the engine.
func (r *rig) planned(engine *Engines, reg *fleet.Registry, dryRun bool) (rollout.Report, error) {
	store := rollouttest.NewStore()
	runner := rollout.NewRunner(rollout.RunnerOptions{
		Store: store, Elector: rollouttest.NewElector(store), Engine: engine, Registry: reg, Log: testLog(r.t),
	})
	s := rollout.NewService(store, &Resolver{}, runner)
	return s.Start(r.ctx(), rollout.Spec{Image: r.repo + ":2", Robots: r.t1.Container}, "ada", dryRun)
}

// What the engine says of a replacement reaches the person who plans it.
func TestAPlanTellsWhatTheEngineSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set   func(*container.HostConfig)
		hangs bool
		check func(*testing.T, rollout.Report, error)
	}{
		"kept": {set: func(h *container.HostConfig) { h.CapAdd = []string{"SYS_NICE"} }, check: func(t *testing.T, rep rollout.Report, err error) {
			require.NoError(t, err)
			require.NotNil(t, rep.Robots[0].Preview)
			require.Empty(t, rep.Robots[0].Preview.NotAsked)
			require.Contains(t, rep.Robots[0].Preview.Kept, "restart policy unless-stopped")
		}},
		"refused": {set: func(h *container.HostConfig) { h.AutoRemove, h.RestartPolicy = true, container.RestartPolicy{} }, check: func(t *testing.T, _ rollout.Report, err error) {
			var field *rollout.FieldError
			require.ErrorAs(t, err, &field)
			require.Contains(t, field.Why, "HostConfig.AutoRemove")
		}},
		"no answer": {set: func(*container.HostConfig) {}, hangs: true, check: func(t *testing.T, rep rollout.Report, err error) {
			require.NoError(t, err)
			require.NotNil(t, rep.Robots[0].Preview)
			require.Contains(t, rep.Robots[0].Preview.NotAsked, "deadline exceeded")
		}},
	} {
		for _, dryRun := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", dry run", false: ""}[dryRun], func(t *testing.T) {
				t.Parallel()
				proxy := dockertest.StartProxy(t, shared(t).Socket())
				r := newRigAt(t, shared(t), proxy.URL(), dockertest.Image{}, dockertest.Image{})
				o := agent()
				o.Config.Labels = map[string]string{labelRobot: r.t1.Container}
				c.set(o.HostConfig)
				r.run(o)
				reg := fleet.NewRegistry(&fleet.Journal{})
				f := follow(t, Options{ListEvery: 100 * time.Millisecond}, Endpoint{Name: "e", URL: shared(t).URL()})
				eventually(t, "the robot is known", func() bool { return isRunning(f.container("e", r.t1.Container)) })
				reg.Apply(time.Now(), fleet.EngineObserved{Engine: f.engine("e"), Containers: []fleet.Container{f.container("e", r.t1.Container)}})
				engines, err := NewEngines([]Endpoint{{Name: "e", URL: proxy.URL()}}, func(fleet.EngineObserved) {}, Options{CallTimeout: 4 * time.Second}, testLog(t))
				require.NoError(t, err)
				t.Cleanup(engines.Close)
				if c.hangs {
					proxy.Set(dockertest.Rule{Hang: true})
				}
				rep, err := r.planned(engines, reg, dryRun)
				if name == "no answer" && !dryRun { // asked again before anything is touched
					require.NoError(t, err)
					return
				}
				if name == "kept" && !dryRun {
					require.NoError(t, err)
					return
				}
				c.check(t, rep, err)
			})
		}
	}
}
