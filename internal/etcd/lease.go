package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// lease is a lease that we keep alive, and a context that ends before it can
// expire in etcd.
type lease struct {
	c    *Client
	id   clientv3.LeaseID
	ttl  time.Duration
	ctx  context.Context // ends with the lease, or with the caller's context
	end  context.CancelCauseFunc
	stop context.CancelFunc // of the goroutine
	done chan struct{}      // closed when the goroutine has ended

	stamp atomic.Pointer[time.Time] // when the last renewal that succeeded was sent
}

var (
	errLost     = errors.New("the lease could not be renewed in time")
	errResigned = errors.New("the lease was given back")
)

// grant makes a lease. Its keeper goes on after the caller's context has ended,
// so that what is in flight can be finished under it, until revoke.
func (c *Client) grant(ctx context.Context) (*lease, error) {
	stamp := time.Now() // before the call: etcd counts from some moment after it
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := c.kv.Grant(call, int64((c.opt.LeaseTTL+time.Second-1)/time.Second))
	if err != nil {
		return nil, fmt.Errorf("grant a lease: %w", err)
	}
	l := &lease{c: c, id: got.ID, ttl: time.Duration(got.TTL) * time.Second, done: make(chan struct{})}
	l.ctx, l.end = context.WithCancelCause(ctx)
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.stamp.Store(&stamp)
	go l.keep(keeping)
	return l, nil
}

// alive is an error when the lease can not be trusted any more, by the clock: a
// process that was paused has not ended the context yet.
func (l *lease) alive() error {
	if age(*l.stamp.Load()) >= l.safe() {
		return errLost
	}
	return nil
}

// safe is how long after a renewal was sent the lease is trusted: a margin before
// etcd may give it to another.
func (l *lease) safe() time.Duration { return l.ttl - l.ttl/5 }

// keep renews the lease until it is stopped or lost. A try that gets no answer
// does not hold the next one up, which goes to another member of the cluster:
// etcd's client takes them in turn, and needs 8 s to see that one hangs.
func (l *lease) keep(ctx context.Context) {
	defer close(l.done)
	ctx, cancel := context.WithCancel(ctx)
	var tries sync.WaitGroup
	defer func() { cancel(); tries.Wait() }()
	renewed := make(chan renewal)
	tick := time.NewTicker(l.ttl / 4)
	defer tick.Stop()
	for {
		stamp := *l.stamp.Load()
		left := l.safe() - age(stamp)
		if left <= 0 {
			l.end(errLost)
			return
		}
		late := time.NewTimer(left)
		select {
		case <-ctx.Done():
			late.Stop()
			return
		case <-late.C:
		case <-tick.C:
			if left = l.safe() - age(stamp); left > 0 {
				tries.Go(func() { l.renew(ctx, left, renewed) })
			}
		case r := <-renewed:
			switch {
			case r.err == nil && r.sent.After(stamp):
				l.stamp.Store(&r.sent)
			case errors.Is(r.err, rpctypes.ErrLeaseNotFound):
				l.stamp.Store(&time.Time{}) // it has gone
			}
		}
		late.Stop()
	}
}

// renewal is the answer to a try.
type renewal struct {
	sent time.Time
	err  error
}

// renew tries once. There are at most four tries at a time: each ends with what
// was left of the lease when it began.
func (l *lease) renew(ctx context.Context, left time.Duration, renewed chan<- renewal) {
	sent := time.Now()
	call, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	_, err := l.c.kv.KeepAliveOnce(call, l.id)
	select {
	case renewed <- renewal{sent, err}:
	case <-ctx.Done():
	}
}

// age is how long ago t was, by whichever of the two clocks went further: the
// monotonic one stands still while the machine sleeps.
func age(t time.Time) time.Duration {
	now := time.Now()
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// revoke gives the lease back, with all keys under it, and waits for the keeper.
func (l *lease) revoke(ctx context.Context) error {
	l.end(errResigned)
	l.stop()
	<-l.done
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := l.c.kv.Revoke(ctx, l.id); err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return fmt.Errorf("revoke a lease: %w", err)
	}
	return nil
}
