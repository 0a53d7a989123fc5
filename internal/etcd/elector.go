package etcd

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Elector is the rollout.Elector: whoever creates the election key under its
// lease is the runner.
type Elector struct{ *Client }

var _ rollout.Elector = Elector{}

// Campaign waits until this manager is elected. The caller must Resign the term.
func (e Elector) Campaign(ctx context.Context) (context.Context, rollout.Term, error) {
	for {
		term, held, err := e.try(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("campaign for the runner: %w", err)
		}
		if term != nil {
			return term.ctx, term, nil
		}
		if err := e.awaitEnd(ctx, held); err != nil {
			return nil, nil, fmt.Errorf("campaign for the runner: %w", err)
		}
	}
}

// try takes the election key if nobody has it; else it gives the revision at
// which it saw the holder.
func (e Elector) try(ctx context.Context) (t *term, held int64, err error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	key := e.key("election", "runner")
	got, err := e.kv.Get(call, key)
	if err != nil || len(got.Kvs) > 0 {
		if err == nil {
			held = got.Header.Revision
		}
		return nil, held, err
	}
	l, err := e.grant(ctx)
	if err != nil {
		return nil, 0, err
	}
	resp, err := e.kv.Txn(call).If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, e.opt.ID, clientv3.WithLease(l.id))).Commit()
	if err != nil || !resp.Succeeded {
		_ = l.revoke(context.WithoutCancel(ctx))
		if err == nil {
			held = resp.Header.Revision
		}
		return nil, held, err
	}
	return &term{lease: l, fence: rollout.Fence{Key: key, Revision: resp.Header.Revision}}, 0, nil
}

// awaitEnd waits until the election key has gone.
func (e Elector) awaitEnd(ctx context.Context, seen int64) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	key := e.key("election", "runner")
	for resp := range e.kv.Watch(ctx, key, clientv3.WithRev(seen+1), clientv3.WithFilterPut()) {
		if err := resp.Err(); err != nil {
			return err
		}
		if len(resp.Events) > 0 {
			return nil
		}
	}
	return ctx.Err()
}

// Leader is the id of the runner, empty when there is none.
func (e Elector) Leader(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := e.kv.Get(ctx, e.key("election", "runner"))
	if err != nil {
		return "", fmt.Errorf("ask for the runner: %w", err)
	}
	if len(got.Kvs) == 0 {
		return "", nil
	}
	return string(got.Kvs[0].Value), nil
}

// term is a rollout.Term. The robots' locks are under its lease: only the runner
// takes them, and what ends its term must end them, too.
type term struct {
	*lease
	fence rollout.Fence
}

func (t *term) Fence() rollout.Fence { return t.fence }

// Resign gives term and locks back at once, and waits for the term's goroutine.
func (t *term) Resign(ctx context.Context) error { return t.revoke(ctx) }

// Lock takes a robot's lock if nobody has it and the term still stands.
func (t *term) Lock(ctx context.Context, robot string) (context.Context, rollout.Lock, error) {
	key := t.c.key("locks", "robots", robot)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := t.c.kv.Txn(ctx).If(
		clientv3.Compare(clientv3.CreateRevision(key), "=", 0),
		clientv3.Compare(clientv3.CreateRevision(t.fence.Key), "=", t.fence.Revision),
	).Then(clientv3.OpPut(key, t.c.opt.ID, clientv3.WithLease(t.id))).Else(clientv3.OpGet(key)).Commit()
	if err != nil {
		return nil, nil, fmt.Errorf("lock robot %s: %w", robot, err)
	}
	if !resp.Succeeded {
		kvs := resp.Responses[0].GetResponseRange().Kvs
		if len(kvs) == 0 {
			return nil, nil, fmt.Errorf("lock robot %s: %w", robot, rollout.ErrFenced)
		}
		// Under our own lease it is ours: an earlier reply was lost.
		if clientv3.LeaseID(kvs[0].Lease) != t.id {
			return nil, nil, &rollout.LockedError{Robot: robot, Owner: string(kvs[0].Value)}
		}
	}
	leased, end := context.WithCancel(t.ctx)
	return rollout.WithLease(leased, t.alive), &lock{t: t, key: key, end: end}, nil
}

// lock is a rollout.Lock.
type lock struct {
	t   *term
	key string
	end context.CancelFunc
}

// Unlock ends the lock's context and deletes the lock if it is still ours.
func (l *lock) Unlock(ctx context.Context) error {
	l.end()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := l.t.c.kv.Txn(ctx).If(clientv3.Compare(clientv3.LeaseValue(l.key), "=", l.t.id)).
		Then(clientv3.OpDelete(l.key)).Commit()
	if err != nil {
		return fmt.Errorf("unlock %s: %w", l.key, err)
	}
	return nil
}
