package etcd

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// How long a watch that failed waits before it is opened again.
const (
	rewatchFirst = 100 * time.Millisecond
	rewatchMost  = 5 * time.Second
)

// Watch signals after each change of a rollout or of a robot's lock, conflated,
// until ctx ends; also once it has begun to watch, and after a compaction or a lost
// connection, because something may have been missed.
func (s *Store) Watch(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	go func() {
		signal := func() {
			select {
			case c <- struct{}{}:
			default:
			}
		}
		for wait := rewatchFirst; ctx.Err() == nil; wait = min(2*wait, rewatchMost) {
			if s.follow(ctx, signal) {
				wait = rewatchFirst
			}
			signal()
			sleep(ctx, wait)
		}
	}()
	return c
}

// follow watches until the watch fails, and reports whether it ever worked.
func (s *Store) follow(ctx context.Context, signal func()) (worked bool) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	// One range has both: nothing lies between robots/ and rollouts/.
	end := clientv3.GetPrefixRangeEnd(s.key("rollouts") + "/")
	for resp := range s.kv.Watch(ctx, s.holdKey(""), clientv3.WithRange(end), clientv3.WithKeysOnly(), clientv3.WithCreatedNotify()) {
		if resp.Err() != nil {
			return worked
		}
		worked = true
		signal()
	}
	return worked
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
