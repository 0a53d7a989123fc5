package etcd_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/etcd"
	"github.com/muster-fleet/muster/internal/etcd/etcdtest"
)

func TestWatch(t *testing.T) {
	both(t, func(t *testing.T, s seams) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := s.store.Watch(ctx)
		p, st := plan("a", 1)
		require.Eventually(t, func() bool { // until the watch is open
			_, seen, err := s.store.List(ctx)
			require.NoError(t, err)
			p.ID += "a"
			st.Rollout = p.ID
			require.NoError(t, s.store.Create(ctx, p, st, seen))
			select {
			case <-c:
				return true
			case <-time.After(50 * time.Millisecond):
				return false
			}
		}, 10*time.Second, time.Millisecond)
	})
}

func TestWatchSurvivesCompactionAndRestart(t *testing.T) {
	server := etcdtest.Start(t)
	s := etcd.NewStore(etcdtest.Dial(t, "m1", 2*time.Second, server.Endpoint))
	kv := client(t, server.Endpoint)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := s.Watch(ctx)
	p, st := plan("a", 1)
	require.NoError(t, s.Create(ctx, p, st, 0))
	<-c
	server.Kill()
	server.Start()
	require.Eventually(t, func() bool { return s.Health(ctx) == nil }, 20*time.Second, 20*time.Millisecond)
	var last int64
	for range 50 {
		r, err := kv.Put(ctx, "/test/rollouts/a/wish", `{"seq":1}`)
		require.NoError(t, err)
		last = r.Header.Revision
	}
	_, err := kv.Compact(ctx, last)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}, 20*time.Second, 10*time.Millisecond)
	got, err := s.Load(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, "a", got.Plan.ID, "the data outlives the server")
}
