package main_test

import (
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/etcd/etcdtest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
)

// silence is how long a robot's odometry (10 Hz) may be away before it counts as
// without.
const silence = 500 * time.Millisecond

func TestThreeRobotsChangeOneAtATime(t *testing.T) {
	w := newWorld(t, 3)
	m := w.manager(nil)
	m.awaitFleet(w.robots...)
	before := make(map[string]any)
	for _, r := range w.robots {
		before[r] = w.only(r).HostConfig
	}
	r, _ := m.robot("robot1")
	require.Len(t, r.Containers, 1)
	assert.Equal(t, []fleet.Device{
		{Kind: fleet.DeviceNode, Host: "/dev/null", Container: "/dev/ttyMotor", Permissions: "rw"},
		{Kind: fleet.DeviceNode, Host: "/dev/zero", Container: "/dev/lidar", Permissions: "rwm"},
		{Kind: fleet.DeviceCgroupRule, Rule: "c 13:* rmw"},
	}, r.Containers[0].Devices)

	began := time.Now()
	// By the command, as an engineer would.
	out, err := exec.Command(program(t, "muster"), "rollout", "start", "--server", m.url, "--image", w.image("v2"),
		"--robots", "all", "--window", "1s", "--moving", "--watch").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Regexp(t, `robot1\s+done`, string(out))
	assert.Contains(t, string(out), "completed")

	gaps := w.odometry.gaps(began, silence)
	assert.LessOrEqual(t, mostAtOnce(gaps), 1, "robots without odometry at one time: %v", gaps)
	for _, robot := range w.robots {
		c := w.only(robot)
		assert.Equal(t, before[robot], any(c.HostConfig), "%s keeps its devices and all else", robot)
		assert.Contains(t, c.Config.Image, w.digests["v2"])
		m.eventually(robot+" is seen with v2", func() bool {
			r, _ := m.robot(robot)
			return len(r.Containers) == 1 && r.Containers[0].Image.Digest == w.digests["v2"]
		})
	}
	for _, g := range w.odometry.gaps(began, 200*time.Millisecond) {
		t.Logf("%s was without odometry for %v", g.robot, g.length().Round(time.Millisecond))
	}
}

func TestASilentCanaryIsRolledBack(t *testing.T) {
	w := newWorld(t, 3)
	m := w.manager(nil)
	m.awaitFleet(w.robots...)
	before := make(map[string][2]string)
	for _, r := range w.robots {
		c := w.only(r)
		before[r] = [2]string{c.ID, c.State.StartedAt}
	}
	spec := w.spec("v3")
	spec.Deadlines.Verify = rollout.Duration(6 * time.Second)
	end := m.awaitEnd(m.rollOut(spec))
	assert.Equal(t, rollout.StateFailed, end.State)
	assert.Contains(t, end.Reason, "robot1")
	require.Len(t, end.Robots, 3)
	assert.Equal(t, rollout.StepRolledBack, end.Robots[0].Step, steps(end))
	assert.Regexp(t, `not in the graph: .*no sample`, end.Robots[0].Reason, "it says why")
	for i, robot := range w.robots {
		c := w.only(robot)
		assert.Equal(t, before[robot][0], c.ID, "%s has its old container", robot)
		if i > 0 {
			assert.Equal(t, before[robot][1], c.State.StartedAt, "%s was never touched", robot)
			assert.Equal(t, rollout.StepSkipped, end.Robots[i].Step)
		}
	}
	m.awaitFleet(w.robots...)
}

// Each line is a moment at which the manager dies: what it waited for on the
// engine, and on which side of it.
func TestAManagerKilledAtAnyStepIsTakenOver(t *testing.T) {
	for name, at := range map[string]struct {
		when         dockertest.When
		method, path string
	}{
		"after the intent is stored":      {dockertest.BeforeEngine, http.MethodPost, "/images/create$"},
		"after the pull":                  {dockertest.BeforeEngine, http.MethodPost, "/containers/create$"},
		"after the create":                {dockertest.AfterEngine, http.MethodPost, "/containers/create$"},
		"after the old one is renamed":    {dockertest.AfterEngine, http.MethodPost, "/rename$"},
		"before the stop":                 {dockertest.BeforeEngine, http.MethodPost, "/stop$"},
		"after the stop":                  {dockertest.AfterEngine, http.MethodPost, "/stop$"},
		"before the start":                {dockertest.BeforeEngine, http.MethodPost, "/start$"},
		"after the start":                 {dockertest.AfterEngine, http.MethodPost, "/start$"},
		"before the old one is removed":   {dockertest.BeforeEngine, http.MethodDelete, "/containers/"},
		"after the old one is removed":    {dockertest.AfterEngine, http.MethodDelete, "/containers/"},
		"while the new one is being seen": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			proxy := dockertest.StartProxy(t, w.engine.Socket())
			m := w.manager(settings{"engines": []settings{{"name": "engine", "url": proxy.URL()}}})
			m.awaitFleet(w.robots...)
			var reached <-chan struct{}
			release := func() {}
			if at.path != "" {
				held := proxy.Hold(at.when, at.method, at.path)
				reached, release = held.Reached, held.Release
			}
			id := m.rollOut(w.spec("v2"))
			if reached == nil {
				m.eventually("it verifies", func() bool { return m.rollout(id).Robots[0].Step == rollout.StepVerifying })
			} else {
				select {
				case <-reached:
				case <-time.After(patience):
					require.Fail(t, "the manager never came there")
				}
			}
			m.kill()
			release()
			proxy.Set()
			m.start()
			end := m.awaitEnd(id)
			assert.Equal(t, rollout.StateCompleted, end.State, "%s\n%s", end.Reason, steps(end))
			for _, robot := range w.robots {
				m.eventually("one container is left", func() bool { return len(w.containers(robot)) == 1 })
				assert.Contains(t, w.only(robot).Config.Image, w.digests["v2"])
			}
			assert.LessOrEqual(t, mostAtOnce(w.odometry.gaps(end.CreatedAt, silence)), 1)
		})
	}
}

var mutating = regexp.MustCompile(`^(POST|DELETE) /(containers/.*(create|start|stop|rename|update|kill)|containers/|images/create)`)

func acts(p *dockertest.Proxy) (all []string) {
	for _, c := range p.Calls() {
		if mutating.MatchString(c) {
			all = append(all, c)
		}
	}
	return all
}

func TestASecondManagerTakesOver(t *testing.T) {
	w := newWorld(t, 3)
	server := etcdtest.Start(t)
	start := func() (*manager, *dockertest.Proxy) {
		p := dockertest.StartProxy(t, w.engine.Socket())
		return w.manager(settings{
			"engines": []settings{{"name": "engine", "url": p.URL()}},
			"etcd":    settings{"endpoints": []string{server.Endpoint}, "lease_ttl": "2s"},
		}), p
	}
	a, pa := start()
	a.eventually("the first leads", func() bool { return strings.Contains(get(a, "/system"), `"self":true`) })
	b, pb := start()
	a.awaitFleet(w.robots...)
	b.awaitFleet(w.robots...)

	id := b.rollOut(w.spec("v2")) // any manager answers
	b.eventually("the canary is done", func() bool { return b.rollout(id).Robots[0].Step == rollout.StepDone })
	b.eventually("the next is in hand", func() bool { return b.rollout(id).Robots[1].Step.Down() })
	assert.NotEmpty(t, acts(pa))
	assert.Empty(t, acts(pb), "two alive: one acts")
	a.signal(syscall.SIGSTOP) // alive, and cut off from its lease
	stopped := time.Now()
	b.eventually("the second acts", func() bool { return len(acts(pb)) > 0 || b.rollout(id).State.Terminal() })
	t.Logf("the second manager acted %v after the first was stopped", time.Since(stopped).Round(time.Millisecond))
	pa.Calls()
	a.signal(syscall.SIGCONT)
	end := b.awaitEnd(id)
	assert.Equal(t, rollout.StateCompleted, end.State, "%s\n%s", end.Reason, steps(end))
	assert.Empty(t, acts(pa), "the first one wakes up and knows that it is no longer the runner")
	for _, robot := range w.robots {
		b.eventually("one container is left", func() bool { return len(w.containers(robot)) == 1 })
		assert.Contains(t, w.only(robot).Config.Image, w.digests["v2"])
	}
	assert.LessOrEqual(t, mostAtOnce(w.odometry.gaps(end.CreatedAt, silence)), 1)

	b.kill()
	a.eventually("the first leads again", func() bool { return strings.Contains(get(a, "/system"), `"self":true`) })
}

func get(m *manager, path string) string {
	_, body := m.call(http.MethodGet, path, nil, nil)
	return body
}
