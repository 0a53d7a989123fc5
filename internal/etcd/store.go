package etcd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Store is the rollout.Store.
type Store struct{ *Client }

var _ rollout.Store = Store{}

// format is the version of the values that we read and write.
const format = 1

// maxOps bounds the writes of one transaction (etcd's limit is 128).
const maxOps = 100

// pageSize bounds one answer when all rollouts are read.
const pageSize = 1000

func (s Store) planKey(id string) string     { return s.key("rollouts", id, "plan") }
func (s Store) statusKey(id string) string   { return s.key("rollouts", id, "status") }
func (s Store) wishKey(id string) string     { return s.key("rollouts", id, "wish") }
func (s Store) robotKey(id, r string) string { return s.key("rollouts", id, "robots", r) }
func (s Store) indexKey() string             { return s.key("index", "rollouts") }

// Create writes a new rollout, if no other was created since seen.
func (s Store) Create(ctx context.Context, p rollout.Plan, st rollout.Status, seen int64) error {
	if len(st.Robots) > 0 {
		return fmt.Errorf("create rollout %s: its first status has robots", p.ID)
	}
	plan, err := encode(p)
	if err != nil {
		return fmt.Errorf("create rollout %s: %w", p.ID, err)
	}
	status, err := encode(st)
	if err != nil {
		return fmt.Errorf("create rollout %s: %w", p.ID, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := s.kv.Txn(ctx).If(
		clientv3.Compare(clientv3.CreateRevision(s.planKey(p.ID)), "=", 0),
		clientv3.Compare(clientv3.ModRevision(s.indexKey()), "=", seen),
	).Then(
		clientv3.OpPut(s.planKey(p.ID), plan),
		clientv3.OpPut(s.statusKey(p.ID), status),
		clientv3.OpPut(s.indexKey(), p.ID),
	).Commit()
	if err != nil {
		return fmt.Errorf("create rollout %s: %w", p.ID, err)
	}
	if !resp.Succeeded {
		return fmt.Errorf("create rollout %s: %w", p.ID, rollout.ErrConflict)
	}
	return nil
}

// List returns all rollouts, newest first, as of one revision.
func (s Store) List(ctx context.Context) ([]rollout.Stored, int64, error) {
	index, err := s.kv.Get(ctx, s.indexKey())
	if err != nil {
		return nil, 0, fmt.Errorf("list the rollouts: %w", err)
	}
	var seen int64
	if len(index.Kvs) > 0 {
		seen = index.Kvs[0].ModRevision
	}
	byID := make(map[string]*reading)
	prefix := s.key("rollouts") + "/"
	err = s.each(ctx, prefix, index.Header.Revision, func(kv *mvccpb.KeyValue) error {
		id, rest, _ := strings.Cut(strings.TrimPrefix(string(kv.Key), prefix), "/")
		if byID[id] == nil {
			byID[id] = &reading{}
		}
		return byID[id].add(rest, kv)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list the rollouts: %w", err)
	}
	var all []rollout.Stored
	for _, r := range byID {
		if st, ok := r.stored(); ok {
			all = append(all, st)
		}
	}
	slices.SortFunc(all, func(a, b rollout.Stored) int {
		if c := b.Plan.CreatedAt.Compare(a.Plan.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(b.Plan.ID, a.Plan.ID)
	})
	return all, seen, nil
}

// Load returns one rollout.
func (s Store) Load(ctx context.Context, id string) (rollout.Stored, error) {
	var r reading
	prefix := s.key("rollouts", id) + "/"
	err := s.each(ctx, prefix, 0, func(kv *mvccpb.KeyValue) error {
		return r.add(strings.TrimPrefix(string(kv.Key), prefix), kv)
	})
	if err != nil {
		return rollout.Stored{}, fmt.Errorf("load rollout %s: %w", id, err)
	}
	st, ok := r.stored()
	if !ok {
		return st, fmt.Errorf("load rollout %s: %w", id, rollout.ErrNotFound)
	}
	return st, nil
}

// each visits the keys under a prefix page by page, all as of one revision.
func (s Store) each(ctx context.Context, prefix string, revision int64, visit func(*mvccpb.KeyValue) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	end := clientv3.GetPrefixRangeEnd(prefix)
	for from := prefix; ; {
		page, err := s.kv.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(pageSize), clientv3.WithRev(revision))
		if err != nil {
			return err
		}
		for _, kv := range page.Kvs {
			if err := visit(kv); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
		revision, from = page.Header.Revision, string(page.Kvs[len(page.Kvs)-1].Key)+"\x00"
	}
}

// reading puts a rollout together from its keys.
type reading struct {
	plan   *rollout.Plan
	status *rollout.Status
	wish   rollout.Wish
	robots map[string]rollout.RobotStatus
}

func (r *reading) add(part string, kv *mvccpb.KeyValue) error {
	key := string(kv.Key)
	switch robot, isRobot := strings.CutPrefix(part, "robots/"); {
	case isRobot:
		var st rollout.RobotStatus
		if err := decode(key, kv.Value, &st); err != nil {
			return err
		}
		if r.robots == nil {
			r.robots = make(map[string]rollout.RobotStatus)
		}
		r.robots[robot] = st
	case part == "plan":
		r.plan = &rollout.Plan{}
		if err := decode(key, kv.Value, r.plan); err != nil {
			return err
		}
		return checkFormat(key, r.plan.Version)
	case part == "status":
		r.status = &rollout.Status{}
		if err := decode(key, kv.Value, r.status); err != nil {
			return err
		}
		r.status.Revision = kv.ModRevision
		return checkFormat(key, r.status.Version)
	case part == "wish":
		return decode(key, kv.Value, &r.wish)
	}
	return nil
}

func checkFormat(key string, version int) error {
	if version != format {
		return fmt.Errorf("%s has format %d, and this manager knows %d", key, version, format)
	}
	return nil
}

func (r *reading) stored() (rollout.Stored, bool) {
	if r.plan == nil || r.status == nil {
		return rollout.Stored{}, false
	}
	r.status.Robots = r.robots
	return rollout.Stored{Plan: *r.plan, Status: *r.status, Wish: r.wish}, true
}

// Save replaces prev by next under the fence. A status whose robots exceed one
// transaction is written in several: first robots, each still under the fence and
// on condition that nobody else saved, then the rest with the status itself.
func (s Store) Save(ctx context.Context, f rollout.Fence, prev, next rollout.Status) (rollout.Status, error) {
	id := prev.Rollout
	wrap := func(err error) error { return fmt.Errorf("save rollout %s: %w", id, err) }
	ops, err := s.difference(prev, next)
	if err != nil {
		return next, wrap(err)
	}
	own := next
	own.Robots, own.Revision = nil, 0
	status, err := encode(own)
	if err != nil {
		return next, wrap(err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for len(ops) > maxOps {
		if _, err := s.fenced(ctx, f, prev, ops[:maxOps]); err != nil {
			return next, wrap(err)
		}
		ops = ops[maxOps:]
	}
	revision, err := s.fenced(ctx, f, prev, append(ops, clientv3.OpPut(s.statusKey(id), status)))
	if errors.Is(err, rollout.ErrConflict) {
		revision, err = s.recognise(ctx, f, next, err)
	}
	if err != nil {
		return next, wrap(err)
	}
	next.Revision = revision
	return next, nil
}

// difference are the writes that turn prev's robots into next's.
func (s Store) difference(prev, next rollout.Status) ([]clientv3.Op, error) {
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
			ops = append(ops, clientv3.OpDelete(s.robotKey(prev.Rollout, robot)))
		}
	}
	return ops, nil
}

// fenced commits writes if the fence holds and prev is what is stored.
func (s Store) fenced(ctx context.Context, f rollout.Fence, prev rollout.Status, ops []clientv3.Op) (revision int64, err error) {
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
func (s Store) recognise(ctx context.Context, f rollout.Fence, next rollout.Status, refused error) (int64, error) {
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

// PutWish stores an operator's wish under the next number.
func (s Store) PutWish(ctx context.Context, id string, w rollout.Wish) (rollout.Wish, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for {
		got, err := s.kv.Get(ctx, s.wishKey(id))
		if err != nil {
			return w, fmt.Errorf("note a wish for rollout %s: %w", id, err)
		}
		var old rollout.Wish
		var revision int64
		if len(got.Kvs) > 0 {
			revision = got.Kvs[0].ModRevision
			if err := decode(s.wishKey(id), got.Kvs[0].Value, &old); err != nil {
				return w, err
			}
		}
		w.Seq = old.Seq + 1
		value, err := encode(w)
		if err != nil {
			return w, err
		}
		resp, err := s.kv.Txn(ctx).If(
			clientv3.Compare(clientv3.CreateRevision(s.planKey(id)), ">", 0),
			clientv3.Compare(clientv3.ModRevision(s.wishKey(id)), "=", revision),
		).Then(clientv3.OpPut(s.wishKey(id), value)).Else(clientv3.OpGet(s.planKey(id), clientv3.WithCountOnly())).Commit()
		switch {
		case err != nil:
			return w, fmt.Errorf("note a wish for rollout %s: %w", id, err)
		case resp.Succeeded:
			return w, nil
		case resp.Responses[0].GetResponseRange().Count == 0:
			return w, fmt.Errorf("note a wish for rollout %s: %w", id, rollout.ErrNotFound)
		}
	}
}

// NextGeneration draws a number greater than all before. It is at least the time
// in seconds, so that an etcd that lost its data does not begin below the
// generations on the robots' containers.
func (s Store) NextGeneration(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	key := s.key("generation")
	for {
		got, err := s.kv.Get(ctx, key)
		if err != nil {
			return 0, fmt.Errorf("draw a generation: %w", err)
		}
		var last uint64
		var revision int64
		if len(got.Kvs) > 0 {
			revision = got.Kvs[0].ModRevision
			if err := decode(key, got.Kvs[0].Value, &last); err != nil {
				return 0, err
			}
		}
		next := max(last+1, uint64(time.Now().Unix()))
		resp, err := s.kv.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).
			Then(clientv3.OpPut(key, fmt.Sprint(next))).Commit()
		if err != nil {
			return 0, fmt.Errorf("draw a generation: %w", err)
		}
		if resp.Succeeded {
			return next, nil
		}
	}
}
