package etcd_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/etcd"
	"github.com/muster-fleet/muster/internal/etcd/etcdtest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// BenchmarkList reads a rollout of 5,000 robots after one of them changed.
func BenchmarkList(b *testing.B) {
	s := etcd.NewStore(etcdtest.Dial(b, "m1", 2*time.Second, etcdtest.Embed(b)))
	p, st := plan("a", 5000)
	require.NoError(b, s.Create(b.Context(), p, st, 0))
	_, term, err := etcd.Elector{Client: s.Client}.Campaign(b.Context())
	require.NoError(b, err)
	defer func() { _ = term.Resign(context.Background()) }()
	got, err := s.Load(b.Context(), "a")
	require.NoError(b, err)
	now := got.Status
	now.Robots = make(map[string]rollout.RobotStatus)
	for _, r := range p.Robots {
		now.Robots[r.Robot] = rollout.RobotStatus{Step: rollout.StepDone}
	}
	now, err = s.Save(b.Context(), term.Fence(), got.Status, now)
	require.NoError(b, err)
	for b.Loop() {
		b.StopTimer()
		next := now
		next.Reason = fmt.Sprint(b.N)
		now, err = s.Save(b.Context(), term.Fence(), now, next)
		require.NoError(b, err)
		b.StartTimer()
		_, _, err := s.List(b.Context())
		require.NoError(b, err)
	}
}

func BenchmarkSave(b *testing.B) {
	s := etcd.NewStore(etcdtest.Dial(b, "m1", 2*time.Second, etcdtest.Embed(b)))
	p, st := plan("a", 100)
	require.NoError(b, s.Create(b.Context(), p, st, 0))
	_, term, err := etcd.Elector{Client: s.Client}.Campaign(b.Context())
	require.NoError(b, err)
	defer func() { _ = term.Resign(context.Background()) }()
	got, err := s.Load(b.Context(), "a")
	require.NoError(b, err)
	now := got.Status
	for b.Loop() {
		next := now
		next.Reason = fmt.Sprint(b.N)
		now, err = s.Save(b.Context(), term.Fence(), now, next)
		require.NoError(b, err)
	}
}
