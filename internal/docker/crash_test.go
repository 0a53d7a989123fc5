package docker

import (
	"fmt"
	"os"
	"sync"
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

// crashAt calls the verb once per call of that method that it makes to the
// engine, and lets the manager die there: before the call, or after it with its
// reply lost. each then finds what a manager finds that comes up again, with a
// generation of its own.
func (c *crashing) crashAt(method string, setUp, verb, each func(*Client, rollout.Target) error) {
	for _, lose := range []bool{false, true} {
		calls := 0
		for survived := false; !survived; calls++ {
			c.t1.Generation++
			what := fmt.Sprintf("%s %d, lost reply: %v", method, calls, lose)
			if setUp != nil {
				require.NoError(c.t, setUp(c.c, c.t1), what)
			}
			c.proxy.Set(dockertest.Rule{Method: method, Skip: calls, Times: 1, Refuse: !lose, Lose: lose})
			err := verb(c.c, c.t1)
			c.proxy.Set()
			survived = err == nil
			require.False(c.t, rollout.IsFatal(err), "%s: another try must help: %v", what, err)
			require.NoError(c.t, each(c.client(c.proxy.URL()), c.t1), what)
			require.Equal(c.t, 1, c.running(), what)
			require.Equal(c.t, "running", c.family()[""], what)
			require.Equal(c.t, "unless-stopped", string(c.inspect(c.t1.Container).Container.HostConfig.RestartPolicy.Name), what)
		}
		require.Greater(c.t, calls, 1, "no call was made")
	}
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

func (c *crashing) replace(cl *Client, t rollout.Target) error  { return cl.Replace(c.ctx(), t) }
func (c *crashing) rollback(cl *Client, t rollout.Target) error { return cl.Rollback(c.ctx(), t) }
func (c *crashing) commit(cl *Client, t rollout.Target) error   { return cl.Commit(c.ctx(), t) }
func (c *crashing) discard(cl *Client, t rollout.Target) error  { return cl.Discard(c.ctx(), t) }

// inTurn calls the verbs one after the other, each of them twice.
func inTurn(verbs ...func(*Client, rollout.Target) error) func(*Client, rollout.Target) error {
	return func(cl *Client, t rollout.Target) error {
		for _, v := range verbs {
			for range 2 {
				if err := v(cl, t); err != nil {
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
	c.crashAt("POST", nil, c.replace, inTurn(c.replace, c.commit))
}

func TestCrashInReplaceThenRollback(t *testing.T) {
	t.Parallel()
	c := newCrashing(t)
	old := c.inspect(c.t1.Container).Container.ID
	c.crashAt("POST", nil, c.replace, inTurn(c.rollback, c.discard))
	require.Equal(t, old, c.inspect(c.t1.Container).Container.ID)
	require.Len(t, c.family(), 1)
}

func TestCrashInRollback(t *testing.T) {
	t.Parallel()
	c := newCrashing(t)
	old := c.inspect(c.t1.Container).Container.ID
	c.crashAt("POST", c.replace, c.rollback, inTurn(c.rollback, c.discard))
	require.Equal(t, old, c.inspect(c.t1.Container).Container.ID)
	require.Len(t, c.family(), 1)
}

// A replacement that was given up half way is put right by Discard alone.
func TestCrashInReplaceThenDiscard(t *testing.T) {
	t.Parallel()
	c := newCrashing(t)
	c.crashAt("POST", nil, c.replace, func(cl *Client, tgt rollout.Target) error {
		err := cl.Discard(c.ctx(), tgt)
		if rollout.IsFatal(err) { // it had taken over already
			return inTurn(c.rollback, c.discard)(cl, tgt)
		}
		return err
	})
}

func TestCrashInCommitAndDiscard(t *testing.T) {
	t.Parallel()
	c := newCrashing(t)
	c.crashAt("DELETE", c.replace, c.commit, c.commit)
	c.crashAt("DELETE", inTurn(c.replace, c.rollback), c.discard, c.discard)
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
			wg.Go(func() { _ = cl.Replace(c.ctx(), target) })
		}
		wg.Wait()
		require.NoError(t, c.c.Replace(c.ctx(), newer))
		require.ErrorIs(t, c.c.Replace(c.ctx(), older), rollout.ErrStale)
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
