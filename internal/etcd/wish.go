package etcd

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-fleet/muster/internal/rollout"
)

// wishKey sorts by number.
func (s *Store) wishKey(id string, seq uint64) string {
	return s.key("rollouts", id, "wishes", fmt.Sprintf("%020d", seq))
}

// PutWish stores an operator's wish under the next number.
func (s *Store) PutWish(ctx context.Context, id string, w rollout.Wish) (rollout.Wish, error) {
	w, err := s.putWish(ctx, id, w)
	if err != nil {
		return w, fmt.Errorf("note a wish for rollout %s: %w", id, err)
	}
	return w, nil
}

func (s *Store) putWish(ctx context.Context, id string, w rollout.Wish) (rollout.Wish, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// The last number outlives the wishes, which are removed when they are taken in.
	last := s.key("rollouts", id, "wish")
	for {
		got, err := s.kv.Txn(ctx).Then(
			clientv3.OpGet(last),
			clientv3.OpGet(s.planKey(id), clientv3.WithCountOnly()),
			clientv3.OpGet(s.key("rollouts", id, "wishes")+"/", clientv3.WithPrefix(), clientv3.WithCountOnly()),
		).Commit()
		if err != nil {
			return w, err
		}
		number, plan, waiting := got.Responses[0].GetResponseRange(), got.Responses[1].GetResponseRange(), got.Responses[2].GetResponseRange()
		switch {
		case plan.Count == 0:
			return w, rollout.ErrNotFound
		case waiting.Count >= rollout.MaxWishes:
			return w, fmt.Errorf("%d wishes wait to be taken in: %w", waiting.Count, rollout.ErrConflict)
		}
		var revision int64
		w.Seq = 0
		if len(number.Kvs) > 0 {
			revision = number.Kvs[0].ModRevision
			if err := decode(last, number.Kvs[0].Value, &w.Seq); err != nil {
				return w, err
			}
		}
		w.Seq++
		value, err := encode(w)
		if err != nil {
			return w, err
		}
		resp, err := s.kv.Txn(ctx).If(
			clientv3.Compare(clientv3.CreateRevision(s.planKey(id)), ">", 0),
			clientv3.Compare(clientv3.ModRevision(last), "=", revision),
		).Then(
			clientv3.OpPut(last, fmt.Sprint(w.Seq)),
			clientv3.OpPut(s.wishKey(id, w.Seq), value),
		).Commit()
		if err != nil || resp.Succeeded {
			return w, err
		}
	}
}

func (s *Store) holdKey(robot string) string { return s.key("robots", "holds", robot) }

// Holds are the operators' locks on robots.
func (s *Store) Holds(ctx context.Context) ([]rollout.Hold, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := s.kv.Get(ctx, s.holdKey(""), clientv3.WithPrefix())
	if err != nil {
		return nil, fmt.Errorf("read the robots' locks: %w", err)
	}
	holds := make([]rollout.Hold, len(got.Kvs))
	for i, kv := range got.Kvs {
		if err := decode(string(kv.Key), kv.Value, &holds[i]); err != nil {
			return nil, err
		}
	}
	return holds, nil
}

// PutHold locks a robot, or replaces its lock.
func (s *Store) PutHold(ctx context.Context, h rollout.Hold) error {
	value, err := encode(h)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := s.kv.Put(ctx, s.holdKey(h.Robot), value); err != nil {
		return fmt.Errorf("lock robot %s: %w", h.Robot, err)
	}
	return nil
}

// RemoveHold unlocks a robot.
func (s *Store) RemoveHold(ctx context.Context, robot string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := s.kv.Delete(ctx, s.holdKey(robot)); err != nil {
		return fmt.Errorf("unlock robot %s: %w", robot, err)
	}
	return nil
}
