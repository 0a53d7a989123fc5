package etcd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-fleet/muster/internal/rollout"
)

// maxOps bounds the writes of one transaction (etcd's limit is 128).
const maxOps = 100

// Save replaces prev by next under the fence. A status whose robots exceed one
// transaction is written in several: first robots, each still under the fence and
// on condition that nobody else saved, then the rest with the status itself.
func (s *Store) Save(ctx context.Context, f rollout.Fence, prev, next rollout.Status) (rollout.Status, error) {
	revision, err := s.save(ctx, f, prev, next)
	if err != nil {
		return next, fmt.Errorf("save rollout %s: %w", prev.Rollout, err)
	}
	next.Revision = revision
	return next, nil
}

func (s *Store) save(ctx context.Context, f rollout.Fence, prev, next rollout.Status) (int64, error) {
	id := prev.Rollout
	ops, err := s.difference(prev, next)
	if err != nil {
		return 0, err
	}
	own := next
	own.Robots, own.Revision = nil, 0
	status, err := encode(own)
	if err != nil {
		return 0, err
	}
	for len(ops) > maxOps {
		if _, err := s.fenced(ctx, f, prev, ops[:maxOps]); err != nil {
			return 0, err
		}
		ops = ops[maxOps:]
	}
	ops = append(ops, clientv3.OpPut(s.statusKey(id), status))
	if next.Wish > prev.Wish {
		ops = append(ops, clientv3.OpDelete(s.wishKey(id, 0), clientv3.WithRange(s.wishKey(id, next.Wish+1))))
	}
	revision, err := s.fenced(ctx, f, prev, ops)
	if errors.Is(err, rollout.ErrConflict) {
		return s.recognise(ctx, f, next, err)
	}
	return revision, err
}

// difference are the writes that turn prev's robots into next's.
func (s *Store) difference(prev, next rollout.Status) ([]clientv3.Op, error) {
	var ops []clientv3.Op
	for _, robot := range slices.Sorted(maps.Keys(next.Robots)) {
		st := next.Robots[robot]
		if old, ok := prev.Robots[robot]; ok && old == st {
			continue
		}
		value, err := encode(st)
		if err != nil {
			return nil, err
		}
		ops = append(ops, clientv3.OpPut(s.robotKey(prev.Rollout, robot), value))
	}
	for robot := range prev.Robots {
		if _, ok := next.Robots[robot]; !ok {
			return nil, fmt.Errorf("robot %s is not in the new status", robot)
		}
	}
	return ops, nil
}

// fenced commits writes if the fence holds and prev is what is stored.
func (s *Store) fenced(ctx context.Context, f rollout.Fence, prev rollout.Status, ops []clientv3.Op) (revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	resp, err := s.kv.Txn(ctx).If(
		clientv3.Compare(clientv3.CreateRevision(f.Key), "=", f.Revision),
		clientv3.Compare(clientv3.ModRevision(s.statusKey(prev.Rollout)), "=", prev.Revision),
	).Then(ops...).Else(clientv3.OpGet(f.Key, clientv3.WithKeysOnly())).Commit()
	switch {
	case err != nil:
		return 0, err
	case resp.Succeeded:
		return resp.Header.Revision, nil
	}
	kvs := resp.Responses[0].GetResponseRange().Kvs
	if len(kvs) == 0 || kvs[0].CreateRevision != f.Revision {
		return 0, rollout.ErrFenced
	}
	return 0, rollout.ErrConflict
}

// recognise finds out whether a save that was refused had succeeded before, with
// its reply lost: only the holder of the fence writes, so what is stored is ours.
func (s *Store) recognise(ctx context.Context, f rollout.Fence, next rollout.Status, refused error) (int64, error) {
	st, err := s.Load(ctx, next.Rollout)
	if err != nil {
		return 0, err
	}
	want, revision := next, st.Status.Revision
	want.Revision, st.Status.Revision = 0, 0
	if same(want, st.Status) && f.Revision < revision {
		return revision, nil
	}
	return 0, refused
}

func same(a, b rollout.Status) bool {
	x, errX := encode(a)
	y, errY := encode(b)
	return errX == nil && errY == nil && x == y
}
