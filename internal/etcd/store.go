package etcd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Store is the rollout.Store. What it has read once is read again only where it
// changed: a rollout of thousands of robots costs what its changes cost.
type Store struct {
	*Client

	mu      sync.Mutex
	cluster uint64             // guarded by mu; whose revisions those of known are
	known   map[string]reading // guarded by mu; by rollout
}

var _ rollout.Store = (*Store)(nil)

// NewStore makes a store over a connection.
func NewStore(c *Client) *Store { return &Store{Client: c, known: make(map[string]reading)} }

// format is the version of the values that we read and write.
const format = 1

// Limits of what is kept: ended rollouts beyond them are removed with the next
// start, the oldest first.
const (
	keepRollouts = 200
	keepRobots   = 100_000 // robots of all rollouts
	removeAtOnce = 50
)

// maxPlan bounds a plan as it is stored; etcd takes requests of 1.5 MiB.
const maxPlan = 1400 << 10

func (s *Store) planKey(id string) string     { return s.key("rollouts", id, "plan") }
func (s *Store) statusKey(id string) string   { return s.key("rollouts", id, "status") }
func (s *Store) robotKey(id, r string) string { return s.key("rollouts", id, "robots", r) }
func (s *Store) indexKey() string             { return s.key("index", "rollouts") }

// index is which rollouts there are.
type index struct {
	ids  []string // in the order of their creation
	seen int64    // when that last changed; 0 for never
	at   int64    // revision at which it was read
}

func (s *Store) index(ctx context.Context) (index, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := s.kv.Get(ctx, s.indexKey())
	if err != nil {
		return index{}, err
	}
	i := index{at: got.Header.Revision}
	s.forgetOther(got.Header.ClusterId, i.at)
	if len(got.Kvs) > 0 {
		i.seen = got.Kvs[0].ModRevision
		err = decode(s.indexKey(), got.Kvs[0].Value, &i.ids)
	}
	return i, err
}

// Create writes a new rollout, if no other was created since seen, and removes
// ended ones that are more than are kept.
func (s *Store) Create(ctx context.Context, p rollout.Plan, st rollout.Status, seen int64) error {
	if err := s.create(ctx, p, st, seen); err != nil {
		return fmt.Errorf("create rollout %s: %w", p.ID, err)
	}
	return nil
}

func (s *Store) create(ctx context.Context, p rollout.Plan, st rollout.Status, seen int64) error {
	if len(st.Robots) > 0 {
		return errors.New("its first status has robots")
	}
	plan, err := encode(p)
	if err != nil {
		return err
	}
	if len(plan) > maxPlan {
		return &rollout.FieldError{Field: "robots", Why: fmt.Sprintf("the plan of %d robots has %d bytes, and the store takes %d: roll out to fewer", len(p.Robots), len(plan), maxPlan)}
	}
	status, err := encode(st)
	if err != nil {
		return err
	}
	before, err := s.index(ctx)
	if err != nil {
		return err
	}
	if before.seen != seen {
		return rollout.ErrConflict
	}
	surplus := s.surplus(before.ids, len(p.Robots))
	ids, err := encode(append(slices.DeleteFunc(before.ids, func(id string) bool { return slices.Contains(surplus, id) }), p.ID))
	if err != nil {
		return err
	}
	ops := []clientv3.Op{
		clientv3.OpPut(s.planKey(p.ID), plan),
		clientv3.OpPut(s.statusKey(p.ID), status),
		clientv3.OpPut(s.indexKey(), ids),
	}
	for _, id := range surplus {
		ops = append(ops, clientv3.OpDelete(s.key("rollouts", id)+"/", clientv3.WithPrefix()))
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := s.kv.Txn(ctx).If(
		clientv3.Compare(clientv3.CreateRevision(s.planKey(p.ID)), "=", 0),
		clientv3.Compare(clientv3.ModRevision(s.indexKey()), "=", seen),
	).Then(ops...).Commit()
	if err != nil {
		return err
	}
	if !resp.Succeeded {
		return rollout.ErrConflict
	}
	return nil
}

// surplus are the ended rollouts that are not kept when one of so many robots
// comes. One that goes on is always kept.
func (s *Store) surplus(ids []string, robots int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := 1
	var ended []string
	for _, id := range ids {
		r := s.known[id]
		if r.status != nil && r.status.State.Terminal() {
			ended = append(ended, id)
			continue
		}
		kept++
		if r.plan != nil {
			robots += len(r.plan.Robots)
		}
	}
	for i, id := range slices.Backward(ended) {
		kept++
		robots += len(s.known[id].plan.Robots)
		if kept > keepRollouts || robots > keepRobots {
			return ended[:min(i+1, removeAtOnce)]
		}
	}
	return nil
}

// List returns all rollouts, newest first, as of one revision.
func (s *Store) List(ctx context.Context) ([]rollout.Stored, int64, error) {
	i, err := s.index(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list the rollouts: %w", err)
	}
	all := make([]rollout.Stored, 0, len(i.ids))
	for _, id := range i.ids {
		st, err := s.read(ctx, id, i.at)
		if err != nil {
			return nil, 0, fmt.Errorf("list the rollouts: %w", err)
		}
		all = append(all, st)
	}
	s.forgetBut(i.ids)
	slices.SortFunc(all, func(a, b rollout.Stored) int {
		return cmp.Or(cmp.Compare(b.Created, a.Created), strings.Compare(b.Plan.ID, a.Plan.ID))
	})
	return all, i.seen, nil
}

// Load returns one rollout.
func (s *Store) Load(ctx context.Context, id string) (rollout.Stored, error) {
	i, err := s.index(ctx)
	if err == nil && !slices.Contains(i.ids, id) {
		err = rollout.ErrNotFound
	}
	var st rollout.Stored
	if err == nil {
		st, err = s.read(ctx, id, i.at)
	}
	if err != nil {
		return rollout.Stored{}, fmt.Errorf("load rollout %s: %w", id, err)
	}
	return st, nil
}

// NextGeneration draws a number greater than all before. It is at least the time
// in seconds, so that an etcd that lost its data does not begin below the
// generations on the robots' containers.
func (s *Store) NextGeneration(ctx context.Context) (uint64, error) {
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
