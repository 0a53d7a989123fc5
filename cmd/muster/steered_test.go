package main_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
)

// steered is a case of the table: its own robots, which a surface steers.
type steered struct {
	*manager
	by     surface
	site   *world
	asked  *checks
	robots []*simulated
	first  []string // the containers that the robots had
	id     string   // of the rollout
}

func newSteered(m *manager, by surface, site *world, asked *checks, robots []*simulated) *steered {
	c := &steered{manager: m, by: by, site: site, asked: asked, robots: robots}
	for _, r := range robots {
		c.first = append(c.first, c.containers(r)[0].ID)
	}
	return c
}

// starts starts a rollout of v2 to the case's robots.
func (c *steered) starts(change func(*rollout.Spec)) {
	c.t.Helper()
	var ids []string
	for _, r := range c.robots {
		ids = append(ids, r.robot)
	}
	spec := rollout.Spec{
		Image: c.site.image("v2"), Robots: strings.Join(ids, ","),
		After: rollout.After{
			Window: new(rollout.Duration(100 * time.Millisecond)), SkipNodes: true, SkipTopics: true, SkipDiagnostics: true,
			Checks: []rollout.Check{{Name: "ready", HTTP: c.asked.url + "/{robot}"}},
		},
		Deadlines: rollout.Deadlines{Verify: rollout.Duration(10 * time.Minute)}, // the test's patience ends first
	}
	if change != nil {
		change(&spec)
	}
	c.id = c.by.start(c.manager, spec)
}

func (c *steered) report(robot int) rollout.RobotReport {
	c.t.Helper()
	r := c.rollout(c.id)
	i := slices.IndexFunc(r.Robots, func(rr rollout.RobotReport) bool { return rr.Robot == c.robots[robot].robot })
	require.GreaterOrEqual(c.t, i, 0)
	return r.Robots[i]
}

func (c *steered) until(robot int, s rollout.Step) {
	c.t.Helper()
	c.eventually(c.robots[robot].robot+" is "+string(s), func() bool { return c.report(robot).Step == s })
}

// waits waits until a robot waits for this, and an operator can read it.
func (c *steered) waits(robot int, why string) {
	c.t.Helper()
	c.eventually(c.robots[robot].robot+" waits: "+why, func() bool { return strings.Contains(c.report(robot).Why, why) })
	c.reads(why)
}

func (c *steered) reads(text string) {
	c.t.Helper()
	assert.Contains(c.t, c.by.tell(c.manager, c.id), text)
}

// is waits until the rollout is in a state, and for the reason that can be read.
func (c *steered) is(s rollout.State, why string) {
	c.t.Helper()
	c.eventually("the rollout is "+string(s), func() bool { return c.rollout(c.id).State == s })
	c.reads(string(s))
	c.reads(why)
}

func (c *steered) ends(s rollout.State) rollout.Report {
	c.t.Helper()
	r := c.awaitEnd(c.id)
	require.Equal(c.t, s, r.State, "%s\n%s", r.Reason, steps(r))
	return r
}

// offers waits until an action is possible, and an operator can read that; robot -1
// means the whole rollout.
func (c *steered) offers(a rollout.Action, robot int) {
	c.t.Helper()
	c.eventually(string(a)+" is offered", func() bool {
		if robot < 0 {
			return slices.Contains(c.rollout(c.id).Actions, a)
		}
		return slices.Contains(c.report(robot).Actions, a)
	})
	c.reads(string(a))
}

// does takes an action once it is offered.
func (c *steered) does(a rollout.Action, robot int, reason string) {
	c.t.Helper()
	c.offers(a, robot)
	w := rollout.Wish{Action: a, Reason: reason}
	if robot >= 0 {
		w.Robot = c.robots[robot].robot
	}
	said, about, err := c.by.act(c.manager, c.id, w)
	require.NoError(c.t, err)
	assert.Contains(c.t, said, about)
	c.id = about
}

// refused wants an action that is not possible now.
func (c *steered) refused(w rollout.Wish, why string) {
	c.t.Helper()
	_, _, err := c.by.act(c.manager, c.id, w)
	assert.ErrorContains(c.t, err, why)
}

func (c *steered) locks(robot int, reason string) {
	c.t.Helper()
	said, err := c.by.lock(c.manager, c.robots[robot].robot, reason)
	require.NoError(c.t, err)
	assert.Contains(c.t, said, c.robots[robot].robot)
}

func (c *steered) unlocks(robot int) {
	c.t.Helper()
	_, err := c.by.unlock(c.manager, c.robots[robot].robot)
	require.NoError(c.t, err)
}

// waitsForItsLock locks a robot while the canary is verified, so that it waits for
// that when its turn comes.
func (c *steered) waitsForItsLock(robot int, reason string) {
	c.t.Helper()
	c.until(0, rollout.StepVerifying)
	c.locks(robot, reason)
	for i := range c.robots {
		c.well(i)
	}
	c.waits(robot, "locked by anonymous: "+reason)
}

// well has the check of these robots pass.
func (c *steered) well(robots ...int) {
	for _, i := range robots {
		c.asked.answer(c.robots[i].robot)
	}
}

// containers lists a robot's containers, whatever their state.
func (c *steered) containers(r *simulated) []found {
	c.t.Helper()
	list, err := r.docker.ContainerList(c.t.Context(), client.ContainerListOptions{All: true})
	require.NoError(c.t, err)
	var all []found
	for _, s := range list.Items {
		got, err := r.docker.ContainerInspect(c.t.Context(), s.ID, client.ContainerInspectOptions{})
		if err == nil { // else it was removed meanwhile
			all = append(all, found{s.ID, got.Container.Config.Image, got.Container.State.Running})
		}
	}
	return all
}

type found struct {
	ID, image string
	running   bool
}

// runs waits until a robot has one container that runs, and insists on its version.
func (c *steered) runs(robot int, tag string) found {
	c.t.Helper()
	var running []found
	c.eventually(c.robots[robot].robot+" runs one container", func() bool {
		running = slices.DeleteFunc(c.containers(c.robots[robot]), func(f found) bool { return !f.running })
		return len(running) == 1
	})
	if image := running[0].image; image != c.site.image(tag) {
		assert.Contains(c.t, image, c.site.digests[tag])
	}
	return running[0]
}

// restored insists that the robot's first container runs again.
func (c *steered) restored(robot int) {
	c.t.Helper()
	assert.Equal(c.t, c.first[robot], c.runs(robot, "v1").ID)
}

// watched is a watch of a rollout into a file.
type watched struct {
	*steered
	out   *output
	ended chan error
}

func (c *steered) watch() *watched {
	w := &watched{c, &output{}, make(chan error, 1)}
	cmd := exec.Command(program(c.t, "muster"), "rollout", "watch", c.id, "--server", c.url)
	cmd.Stdout, cmd.Stderr = w.out, w.out
	require.NoError(c.t, cmd.Start())
	c.t.Cleanup(func() { _ = cmd.Process.Kill() })
	go func() { w.ended <- cmd.Wait() }()
	return w
}

func (w *watched) tells(text string) {
	w.t.Helper()
	w.eventually("the watch tells "+text, func() bool { return strings.Contains(w.out.String(), text) })
}

// ends waits for the end of the command, which is a success, with these words.
func (w *watched) ends(text string) {
	w.t.Helper()
	select {
	case err := <-w.ended:
		require.NoError(w.t, err, "%s", w.out)
		assert.Contains(w.t, w.out.String(), text)
	case <-time.After(patience):
		require.Fail(w.t, "the watch does not end", "%s", w.out)
	}
}

// checks answers the checks of the spec: a robot is well once the test says so.
type checks struct {
	url string

	mu   sync.Mutex
	well map[string]bool // guarded by mu
}

func newChecks(t testing.TB) *checks {
	a := &checks{well: make(map[string]bool)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if !a.well[r.URL.Path] {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	a.url = s.URL
	return a
}

func (a *checks) answer(robot string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.well["/"+robot] = true
}

// actions notes which actions each surface has taken.
type actions struct {
	mu   sync.Mutex
	seen map[string]map[rollout.Action]bool // guarded by mu
}

func (a *actions) noting(name string, s surface) surface { return &noted{s, a, name} }

type noted struct {
	surface
	in   *actions
	name string
}

func (n *noted) act(m *manager, id string, w rollout.Wish) (said, about string, err error) {
	said, about, err = n.surface.act(m, id, w)
	n.in.mu.Lock()
	defer n.in.mu.Unlock()
	if err == nil {
		if n.in.seen[n.name] == nil {
			n.in.seen[n.name] = make(map[rollout.Action]bool)
		}
		n.in.seen[n.name][w.Action] = true
	}
	return said, about, err
}
