package docker

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// crashing is a rig behind a proxy. Old and new hold a lock on the same file
// while they run, as they would on a serial port.
type crashing struct {
	*rig
	proxy *dockertest.Proxy
}

func newCrashing(t *testing.T) *crashing {
	proxy := dockertest.StartProxy(t, shared(t).Socket())
	r := newRigAt(t, shared(t), proxy.URL(), dockertest.Image{}, dockertest.Image{})
	o := agent("-lock", "/data/lock")
	o.HostConfig.Binds = []string{r.dir + ":/data"}
	r.run(o)
	return &crashing{r, proxy}
}

type verb func(*Client, context.Context, rollout.Target) error

// crashAt calls the verb once per call of that method that it makes to the
// engine, and lets the manager die there: the engine has done it, nobody knows.
// (Before the next call is the same place.) With die unset only the reply is
// lost and the verb goes on as it can. each is what a manager does that comes
// up again; every round has a generation of its own.
func (c *crashing) crashAt(method string, die bool, setUp, act, each verb) {
	calls := 0
	for more := true; more; calls++ {
		c.t1.Generation++
		what := fmt.Sprintf("%s %d, dies: %v", method, calls, die)
		if setUp != nil {
			require.NoError(c.t, setUp(c.c, c.ctx(), c.t1), what)
		}
		ctx, cancel := context.WithCancel(c.ctx())
		var hit atomic.Bool
		c.proxy.Set(dockertest.Rule{Method: method, Skip: calls, Times: 1, Lose: true, After: func(*http.Request) {
			hit.Store(true)
			if die {
				cancel()
			}
		}})
		err := act(c.c, ctx, c.t1)
		c.proxy.Set()
		cancel()
		more = hit.Load()
		require.False(c.t, rollout.IsFatal(err), "%s: another try must help: %v", what, err)
		require.NoError(c.t, each(c.client(c.proxy.URL()), c.ctx(), c.t1), what)
		require.Equal(c.t, 1, c.running(), what)
		require.Equal(c.t, "running", c.family()[""], what)
		require.Equal(c.t, "unless-stopped", string(c.inspect(c.t1.Container).Container.HostConfig.RestartPolicy.Name), what)
	}
	require.Greater(c.t, calls, 1, "no call was made")
	c.t.Logf("%s: died at each of %d calls", method, calls-1)
	require.NoFileExists(c.t, c.path("lock.conflict"), "two ran at once")
}

func (c *crashing) running() (n int) {
	for _, state := range c.family() {
		if state == "running" {
			n++
		}
	}
	return n
}

var replace verb = func(c *Client, ctx context.Context, t rollout.Target) error { return c.Replace(ctx, t, isReady) }

var rollback, commit, discard verb = (*Client).Rollback, (*Client).Commit, (*Client).Discard

// inTurn calls the verbs one after the other, each of them twice.
func inTurn(verbs ...verb) verb {
	return func(cl *Client, ctx context.Context, t rollout.Target) error {
		for _, v := range verbs {
			for range 2 {
				if err := v(cl, ctx, t); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

func TestCrashInReplaceThenAgain(t *testing.T) {
	t.Parallel()
	c := newCrashing(t)
	c.crashAt("POST", true, nil, replace, inTurn(replace, commit))
}

func TestLostReplyInReplace(t *testing.T) {
	t.Parallel()
	c := newCrashing(t)
	c.crashAt("POST", false, nil, replace, inTurn(replace, commit))
}

func TestCrashInReplaceThenRollback(t *testing.T) {
	t.Parallel()
	c := newCrashing(t)
	old := c.inspect(c.t1.Container).Container.ID
	c.crashAt("POST", true, nil, replace, inTurn(rollback, discard))
	require.Equal(t, old, c.inspect(c.t1.Container).Container.ID)
	require.Len(t, c.family(), 1)
}

func TestCrashInRollback(t *testing.T) {
	t.Parallel()
	c := newCrashing(t)
	old := c.inspect(c.t1.Container).Container.ID
	c.crashAt("POST", true, replace, rollback, inTurn(rollback, discard))
	require.Equal(t, old, c.inspect(c.t1.Container).Container.ID)
	require.Len(t, c.family(), 1)
}

// A replacement that was given up half way is put right by Discard alone.
func TestCrashInReplaceThenDiscard(t *testing.T) {
	t.Parallel()
	c := newCrashing(t)
	c.crashAt("POST", true, nil, replace, func(cl *Client, ctx context.Context, tgt rollout.Target) error {
		err := cl.Discard(ctx, tgt)
		if rollout.IsFatal(err) { // it had taken over already
			return inTurn(rollback, discard)(cl, ctx, tgt)
		}
		return err
	})
}

func TestCrashInCommitAndDiscard(t *testing.T) {
	t.Parallel()
	c := newCrashing(t)
	c.crashAt("DELETE", true, replace, commit, commit)
	c.crashAt("DELETE", true, inTurn(replace, rollback), discard, discard)
	require.Len(t, c.family(), 1)
}

// Two managers that both believe to be the runner end with one container.
func TestTwoActorsAtOnce(t *testing.T) {
	t.Parallel()
	c := newCrashing(t)
	for range 5 {
		c.t1.Generation++
		older, newer := c.t1, c.t1
		c.t1.Generation++
		newer.Generation, newer.Rollout = c.t1.Generation, "ro-2"
		var wg sync.WaitGroup
		for _, target := range []rollout.Target{older, older, newer} {
			cl := c.client(shared(t).URL())
			wg.Go(func() { _ = cl.Replace(c.ctx(), target, isReady) })
		}
		wg.Wait()
		require.NoError(t, c.c.Replace(c.ctx(), newer, isReady))
		require.ErrorIs(t, c.c.Replace(c.ctx(), older, isReady), rollout.ErrStale)
		require.Equal(t, 1, c.running())
		now := c.inspect(c.t1.Container).Container
		require.True(t, now.State.Running)
		require.Equal(t, labelsOf(newer)[labelGeneration], now.Config.Labels[labelGeneration])
		require.NoError(t, c.c.Commit(c.ctx(), newer))
		require.Len(t, c.family(), 1)
	}
	require.NoFileExists(t, c.path("lock.conflict"), "two ran at once")
	_, err := os.Stat(c.path("lock"))
	require.NoError(t, err, "the lock was never taken")
}

// An actor that was overtaken between its last look and its change puts its own
// successor into the place; the newer one, and its rollback, take it out again.
func TestAnOvertakenActorTakesThePlace(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]verb{"replaced": replace, "rolled back": inTurn(rollback, discard)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow, fast := dockertest.StartProxy(t, shared(t).Socket()), dockertest.StartProxy(t, shared(t).Socket())
			r := newRigAt(t, shared(t), shared(t).URL(), dockertest.Image{}, dockertest.Image{})
			old := r.run(agent())
			older, newer := r.t1, r.t1
			newer.Generation, newer.Rollout = older.Generation+1, "ro-2"
			go1, go2, go3 := make(chan struct{}), make(chan struct{}), make(chan struct{})
			first, firstHeld := closing()
			second, secondHeld := closing()
			third, thirdHeld := closing()
			wait := func(held func(*http.Request), until <-chan struct{}) func(*http.Request) {
				return func(q *http.Request) { held(q); <-until }
			}
			creates, renames := regexp.MustCompile("/create$"), regexp.MustCompile("/rename$")
			fast.Set(
				dockertest.Rule{Method: "POST", Path: creates, Times: 1, Before: wait(first, go1)},
				dockertest.Rule{Method: "POST", Path: renames, Skip: 1, Times: 1, Before: wait(third, go3)})
			slow.Set(dockertest.Rule{Method: "POST", Path: renames, Skip: 1, Times: 1, Before: wait(second, go2)})
			ended := make(chan error, 2)
			act := func(url string, tgt rollout.Target) {
				cl := r.client(url)
				go func() { ended <- cl.Replace(r.ctx(), tgt, isReady) }()
			}
			await := func(reached <-chan struct{}) {
				select {
				case <-reached:
				case err := <-ended:
					t.Fatalf("it came to its end: %v", err)
				}
			}
			act(fast.URL(), newer)
			await(firstHeld) // it has seen the old one in its place
			act(slow.URL(), older)
			await(secondHeld) // it has stopped the old one and looked for the last time
			close(go1)
			await(thirdHeld) // so has the newer one
			close(go2)
			require.NoError(t, <-ended, "the older one takes the place")
			close(go3)
			require.Error(t, <-ended)

			require.NoError(t, end(r.c, r.ctx(), newer))
			now := r.inspect(r.t1.Container).Container
			require.True(t, now.State.Running)
			require.Equal(t, "unless-stopped", string(now.HostConfig.RestartPolicy.Name))
			running := 0
			for _, state := range r.family() {
				if state == "running" {
					running++
				}
			}
			require.Equal(t, 1, running, r.family())
			require.Error(t, r.c.Replace(r.ctx(), older, isReady))
			if name == "rolled back" {
				require.Equal(t, old, now.ID)
				return
			}
			require.Equal(t, labelsOf(newer)[labelGeneration], now.Config.Labels[labelGeneration])
			require.NoError(t, r.c.Commit(r.ctx(), newer))
			require.Len(t, r.family(), 1)
		})
	}
}
