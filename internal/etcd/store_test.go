package etcd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/internal/etcd"
	"github.com/muster-fleet/muster/internal/etcd/etcdtest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

func TestMain(m *testing.M) {
	if os.Getenv(fullDisk) != "" { // an etcd that failed leaves goroutines behind
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m,
		// zap's and etcd's own, for the life of the process
		goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"),
		goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun"),
	)
}

// seams are the store and the elector over it.
type seams struct {
	store   rollout.Store
	elector rollout.Elector
}

// both runs a test against the store in memory and against a real etcd: they
// must behave alike.
func both(t *testing.T, test func(t *testing.T, s seams)) {
	t.Run("memory", func(t *testing.T) {
		store := rollouttest.NewStore()
		test(t, seams{store, rollouttest.NewElector(store)})
	})
	t.Run("embedded", func(t *testing.T) {
		c := etcdtest.Dial(t, "m1", 2*time.Second, etcdtest.Embed(t))
		test(t, seams{etcd.NewStore(c), etcd.Elector{Client: c}})
	})
	t.Run("server 3.4", func(t *testing.T) {
		c := etcdtest.Dial(t, "m1", 2*time.Second, etcdtest.Start(t).Endpoint)
		test(t, seams{etcd.NewStore(c), etcd.Elector{Client: c}})
	})
}

func plan(id string, robots int) (rollout.Plan, rollout.Status) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	p := rollout.Plan{Version: 1, ID: id, CreatedAt: now, CreatedBy: "ada", Generation: 7, Waves: 2}
	for i := range robots {
		r := rollout.RobotPlan{
			Robot: fmt.Sprintf("robot%d", i), Namespace: fmt.Sprintf("/site%d/robot%d", rand.IntN(9), i), Engine: fmt.Sprintf("engine-%d", i),
			Container: "amr", From: fleet.Image{Ref: "registry.example/amr:1.2", ID: fmt.Sprintf("sha256:%064x", rand.Uint64())},
		}
		for n := range 10 {
			r.Nodes = append(r.Nodes, fmt.Sprintf("%s/node_%d", r.Namespace, n))
		}
		p.Robots = append(p.Robots, r)
	}
	return p, rollout.Status{Version: 1, Rollout: id, State: rollout.StateRunning, StartedAt: now}
}

func campaign(t *testing.T, e rollout.Elector) (context.Context, rollout.Term) {
	t.Helper()
	ctx, term, err := e.Campaign(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = term.Resign(context.Background()) })
	return ctx, term
}

func TestStore(t *testing.T) {
	both(t, func(t *testing.T, s seams) {
		ctx := t.Context()
		all, seen, err := s.store.List(ctx)
		require.NoError(t, err)
		assert.Empty(t, all)
		p, st := plan("a", 3)
		require.NoError(t, s.store.Create(ctx, p, st, seen))
		assert.ErrorIs(t, s.store.Create(ctx, p, st, seen), rollout.ErrConflict, "twice")
		q, st2 := plan("b", 1)
		assert.ErrorIs(t, s.store.Create(ctx, q, st2, seen), rollout.ErrConflict, "another was created since")
		_, err = s.store.Load(ctx, "b")
		assert.ErrorIs(t, err, rollout.ErrNotFound)

		_, seen, err = s.store.List(ctx)
		require.NoError(t, err)
		q.CreatedAt = p.CreatedAt.Add(-time.Hour) // by a clock that is slow
		require.NoError(t, s.store.Create(ctx, q, st2, seen))
		all, _, err = s.store.List(ctx)
		require.NoError(t, err)
		require.Len(t, all, 2)
		assert.Equal(t, "b", all[0].Plan.ID, "the newest first")
		assert.Equal(t, p, all[1].Plan)

		_, term := campaign(t, s.elector)
		got, err := s.store.Load(ctx, "a")
		require.NoError(t, err)
		next := got.Status
		next.Robots = map[string]rollout.RobotStatus{"robot0": {Step: rollout.StepPulling, Reason: "x"}}
		next, err = s.store.Save(ctx, term.Fence(), got.Status, next)
		require.NoError(t, err)
		_, err = s.store.Save(ctx, term.Fence(), got.Status, rollout.Status{Version: 1, Rollout: "a", State: rollout.StatePaused})
		assert.ErrorIs(t, err, rollout.ErrConflict, "on an old status")
		wrong := term.Fence()
		wrong.Revision--
		_, err = s.store.Save(ctx, wrong, next, next)
		assert.ErrorIs(t, err, rollout.ErrFenced)
		got, err = s.store.Load(ctx, "a")
		require.NoError(t, err)
		assert.Equal(t, next, got.Status)

		for i := range uint64(3) {
			w, err := s.store.PutWish(ctx, "a", rollout.Wish{Action: rollout.ActionPause, By: "ada"})
			require.NoError(t, err)
			assert.Equal(t, i+1, w.Seq)
		}
		_, err = s.store.PutWish(ctx, "none", rollout.Wish{})
		assert.ErrorIs(t, err, rollout.ErrNotFound)
		got, err = s.store.Load(ctx, "a")
		require.NoError(t, err)
		require.Len(t, got.Wishes, 3)
		assert.EqualValues(t, 3, got.Wishes[2].Seq)
		took := next
		took.Wish = 2
		took, err = s.store.Save(ctx, term.Fence(), next, took)
		require.NoError(t, err)
		got, err = s.store.Load(ctx, "a")
		require.NoError(t, err)
		require.Len(t, got.Wishes, 1, "what was taken in is gone")
		assert.EqualValues(t, 3, got.Wishes[0].Seq)
		took.Wish = 3
		_, err = s.store.Save(ctx, term.Fence(), got.Status, took)
		require.NoError(t, err)
		for range rollout.MaxWishes {
			w, err := s.store.PutWish(ctx, "a", rollout.Wish{Action: rollout.ActionPause})
			require.NoError(t, err)
			assert.Greater(t, w.Seq, uint64(3), "no number comes twice")
		}
		_, err = s.store.PutWish(ctx, "a", rollout.Wish{Action: rollout.ActionPause})
		assert.ErrorIs(t, err, rollout.ErrConflict, "the queue is full")

		first, err := s.store.NextGeneration(ctx)
		require.NoError(t, err)
		second, err := s.store.NextGeneration(ctx)
		require.NoError(t, err)
		assert.Greater(t, second, first)
	})
}

func TestHolds(t *testing.T) {
	both(t, func(t *testing.T, s seams) {
		ctx := t.Context()
		changed := s.store.Watch(ctx)
		require.NoError(t, s.store.PutHold(ctx, rollout.Hold{Robot: "robot1", By: "ada", Reason: "wheel"}))
		require.Eventually(t, func() bool { // once the watch is open
			require.NoError(t, s.store.PutHold(ctx, rollout.Hold{Robot: "robot2", By: "eve"}))
			return len(changed) > 0
		}, 10*time.Second, 20*time.Millisecond, "a lock is told")
		require.NoError(t, s.store.PutHold(ctx, rollout.Hold{Robot: "robot1", By: "ada", Reason: "two wheels"}))
		holds, err := s.store.Holds(ctx)
		require.NoError(t, err)
		assert.Equal(t, []rollout.Hold{{Robot: "robot1", By: "ada", Reason: "two wheels"}, {Robot: "robot2", By: "eve"}}, holds)
		require.NoError(t, s.store.RemoveHold(ctx, "robot2"))
		require.NoError(t, s.store.RemoveHold(ctx, "robot2"), "twice")
		holds, err = s.store.Holds(ctx)
		require.NoError(t, err)
		assert.Len(t, holds, 1)
	})
}

func TestOldRolloutsAreRemoved(t *testing.T) {
	endpoint := etcdtest.Embed(t)
	s := etcd.NewStore(etcdtest.Dial(t, "m1", 2*time.Second, endpoint))
	ctx := t.Context()
	_, term := campaign(t, etcd.Elector{Client: s.Client})
	for i := range 205 {
		_, seen, err := s.List(ctx)
		require.NoError(t, err)
		p, st := plan(fmt.Sprintf("r%03d", i), 1)
		p.CreatedAt = p.CreatedAt.Add(time.Duration(i) * time.Minute)
		require.NoError(t, s.Create(ctx, p, st, seen))
		got, err := s.Load(ctx, p.ID)
		require.NoError(t, err)
		end := got.Status
		if i != 1 { // that one goes on, and is kept for ever
			end.State = rollout.StateCompleted
		}
		end.Robots = map[string]rollout.RobotStatus{"robot0": {Step: rollout.StepDone}}
		_, err = s.Save(ctx, term.Fence(), got.Status, end)
		require.NoError(t, err)
	}
	all, _, err := s.List(ctx)
	require.NoError(t, err)
	require.Len(t, all, 200)
	assert.Equal(t, "r204", all[0].Plan.ID)
	assert.Equal(t, "r001", all[199].Plan.ID)
	left, err := client(t, endpoint).Get(ctx, "/test/rollouts/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	require.NoError(t, err)
	assert.EqualValues(t, 200*3, left.Count, "nothing of those removed is left")
	again, _, err := etcd.NewStore(s.Client).List(ctx)
	require.NoError(t, err)
	assert.Equal(t, all, again, "read anew, it is the same")
}

func TestLocks(t *testing.T) {
	both(t, func(t *testing.T, s seams) {
		leading, term := campaign(t, s.elector)
		leased, lock, err := term.Lock(t.Context(), "robot1")
		require.NoError(t, err)
		require.NoError(t, lock.Unlock(t.Context()))
		assert.Error(t, leased.Err(), "an unlocked robot is not worked on")
		leased, _, err = term.Lock(t.Context(), "robot1")
		require.NoError(t, err)
		require.NoError(t, term.Resign(t.Context()))
		assert.Error(t, leading.Err())
		assert.Error(t, leased.Err(), "the lock ends with the term")
		_, next := campaign(t, s.elector)
		_, _, err = next.Lock(t.Context(), "robot2")
		assert.NoError(t, err)
	})
}

func client(t *testing.T, endpoint string) *clientv3.Client {
	t.Helper()
	kv, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = kv.Close() })
	return kv
}

func TestAPlanOfFiveThousandRobotsFits(t *testing.T) {
	endpoint := etcdtest.Start(t).Endpoint // with etcd's own limits
	s := etcd.NewStore(etcdtest.Dial(t, "m1", 2*time.Second, endpoint))
	kv := client(t, endpoint)
	p, st := plan("big", 5000)
	require.NoError(t, s.Create(t.Context(), p, st, 0))
	_, term := campaign(t, etcd.Elector{Client: s.Client})
	got, err := s.Load(t.Context(), "big")
	require.NoError(t, err)
	assert.Equal(t, p, got.Plan)

	all := got.Status
	all.Robots = make(map[string]rollout.RobotStatus)
	for _, r := range p.Robots { // more than one transaction takes
		all.Robots[r.Robot] = rollout.RobotStatus{Step: rollout.StepSkipped, Reason: "offline"}
	}
	all, err = s.Save(t.Context(), term.Fence(), got.Status, all)
	require.NoError(t, err)
	got, err = s.Load(t.Context(), "big")
	require.NoError(t, err)
	assert.Equal(t, all, got.Status)

	one := got.Status
	one.Robots = map[string]rollout.RobotStatus{}
	for id, r := range got.Status.Robots {
		one.Robots[id] = r
	}
	one.Robots["robot17"] = rollout.RobotStatus{Step: rollout.StepQueued}
	one, err = s.Save(t.Context(), term.Fence(), got.Status, one)
	require.NoError(t, err)
	assert.Equal(t, rollout.StepSkipped, got.Status.Robots["robot17"].Step, "what was handed out stays")
	again, err := s.Load(t.Context(), "big")
	require.NoError(t, err)
	assert.Equal(t, one, again.Status)
	fresh, err := etcd.NewStore(s.Client).Load(t.Context(), "big")
	require.NoError(t, err)
	assert.Equal(t, again, fresh, "read at once, it is what was read change by change")
	changed, err := kv.Get(t.Context(), "/test/rollouts/", clientv3.WithPrefix(), clientv3.WithMinModRev(all.Revision+1))
	require.NoError(t, err)
	bytes := 0
	for _, kv := range changed.Kvs {
		bytes += len(kv.Key) + len(kv.Value)
	}
	assert.Len(t, changed.Kvs, 2, "the robot's key and the status")
	assert.Less(t, bytes, 1000)
	t.Logf("one robot's change among 5,000 writes %d bytes", bytes)
}

func TestAnUnknownFormatIsSaid(t *testing.T) {
	endpoint := etcdtest.Embed(t)
	s := etcd.NewStore(etcdtest.Dial(t, "m1", 2*time.Second, endpoint))
	p, st := plan("a", 1)
	p.Version = 9
	require.NoError(t, s.Create(t.Context(), p, st, 0))
	_, err := s.Load(t.Context(), "a")
	assert.ErrorContains(t, err, "format 9")

	_, seen, err := s.List(t.Context())
	require.NoError(t, err)
	p, st = plan("b", 1)
	require.NoError(t, s.Create(t.Context(), p, st, seen), "it holds no other")
	kv := client(t, endpoint)
	_, err = kv.Put(t.Context(), "/test/rollouts/a/plan", `{"version": "damaged`)
	require.NoError(t, err)
	all, _, err := s.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, "b", all[0].Plan.ID)
}

func TestCheckpointsAndAudit(t *testing.T) {
	c := etcdtest.Dial(t, "m1", 2*time.Second, etcdtest.Embed(t))
	robots := make(map[string]json.RawMessage)
	for i := range 250 {
		robots[fmt.Sprintf("r%d", i)] = json.RawMessage(fmt.Sprintf(`{"n":%d}`, i))
	}
	require.NoError(t, c.SaveCheckpoints(t.Context(), robots))
	got, err := c.LoadCheckpoints(t.Context())
	require.NoError(t, err)
	assert.Equal(t, robots, got)
	require.NoError(t, c.DropCheckpoint(t.Context(), "r7"))
	got, err = c.LoadCheckpoints(t.Context())
	require.NoError(t, err)
	assert.Len(t, got, 249)

	for i := range 5 {
		require.NoError(t, c.Append(t.Context(), json.RawMessage(fmt.Sprintf(`{"i":%d}`, i))))
	}
	entries, err := c.Audit(t.Context(), 2)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.JSONEq(t, `{"i":4}`, string(entries[0]))
}

func TestTwoManagersCannotShareADirectory(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	began := time.Now()
	e, err := etcd.Embed(t.Context(), etcd.EmbedOptions{Dir: dir, Log: log})
	require.NoError(t, err)
	t.Logf("embedded etcd is ready after %v", time.Since(began))
	_, err = etcd.Embed(t.Context(), etcd.EmbedOptions{Dir: dir, Log: log})
	require.ErrorIs(t, err, etcd.ErrInUse)
	assert.ErrorContains(t, err, dir)
	e.Close()
	again, err := etcd.Embed(t.Context(), etcd.EmbedOptions{Dir: dir, Log: log})
	require.NoError(t, err)
	again.Close()
}

func TestADeepDirectoryWorks(t *testing.T) {
	dir := t.TempDir()
	for range 6 {
		dir += "/a-directory-with-a-long-name"
	}
	e, err := etcd.Embed(t.Context(), etcd.EmbedOptions{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	c := etcdtest.Dial(t, "m1", time.Second, e.Endpoint)
	assert.NoError(t, c.Health(t.Context()))
	_ = c.Close()
	e.Close()
}
