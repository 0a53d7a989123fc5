package etcd_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/etcd"
	"github.com/muster-fleet/muster/internal/etcd/etcdtest"
	"github.com/muster-fleet/muster/internal/rollout"
)

const ttl = 2 * time.Second

func TestTheNextManagerTakesOver(t *testing.T) {
	endpoint := etcdtest.Embed(t)
	a, b := etcdtest.Dial(t, "a", ttl, endpoint), etcdtest.Dial(t, "b", ttl, endpoint)
	_, term, err := etcd.Elector{Client: a}.Campaign(t.Context())
	require.NoError(t, err)
	leader, err := etcd.Elector{Client: b}.Leader(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "a", leader)
	elected := make(chan rollout.Term, 1)
	go func() {
		_, term, err := etcd.Elector{Client: b}.Campaign(t.Context())
		assert.NoError(t, err)
		elected <- term
	}()
	select {
	case <-elected:
		require.Fail(t, "two runners")
	case <-time.After(300 * time.Millisecond): // a watch has long been open by then
	}
	began := time.Now()
	require.NoError(t, term.Resign(t.Context()))
	next := <-elected
	t.Logf("after a resignation the next is elected in %v", time.Since(began))
	assert.Less(t, time.Since(began), ttl, "it did not wait for the lease to end")
	assert.Greater(t, next.Fence().Revision, term.Fence().Revision)
	require.NoError(t, next.Resign(t.Context()))
}

func TestAHolderThatDiesIsFollowedWithinItsLease(t *testing.T) {
	server := etcdtest.Start(t)
	a, b := etcdtest.Dial(t, "a", ttl, server.Endpoint), etcdtest.Dial(t, "b", ttl, server.Endpoint)
	held, term, err := etcd.Elector{Client: a}.Campaign(t.Context())
	require.NoError(t, err)
	_, _, err = term.Lock(t.Context(), "robot1")
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, a.Close()) // nothing renews the lease from now on
	_, next, err := etcd.Elector{Client: b}.Campaign(t.Context())
	require.NoError(t, err)
	took := time.Since(began)
	t.Logf("after a crash the next is elected in %v, with a lease of %v", took, ttl)
	assert.Less(t, took, ttl+2*time.Second)
	require.Error(t, held.Err(), "the first one's context ended before the lease did")
	require.Eventually(t, func() bool {
		_, _, err := next.Lock(t.Context(), "robot1")
		return err == nil
	}, 20*time.Second, 10*time.Millisecond, "the locks have gone with the lease")
	_ = term.Resign(context.Background())
	require.NoError(t, next.Resign(t.Context()))
}

// While the server is frozen nobody can renew: the holder must stop before etcd
// could give the term to another.
func TestATermEndsBeforeItsLeaseDoes(t *testing.T) {
	server := etcdtest.Start(t)
	c := etcdtest.Dial(t, "a", ttl, server.Endpoint)
	held, term, err := etcd.Elector{Client: c}.Campaign(t.Context())
	require.NoError(t, err)
	began := time.Now()
	server.Freeze()
	defer server.Thaw()
	<-held.Done()
	took := time.Since(began)
	t.Logf("the term ended after %v, with a lease of %v", took, ttl)
	assert.Less(t, took, ttl, "counted from the last renewal, which was before the freeze")
	server.Thaw()
	_ = term.Resign(context.Background())
}

// A member of three that hangs is no reason to lose the term: the others renew
// its lease, whichever of them hangs.
func TestATermOutlivesAFrozenMember(t *testing.T) {
	for frozen := range 3 {
		t.Run(fmt.Sprint("member ", frozen), func(t *testing.T) {
			t.Parallel()
			var endpoints []string
			cluster := etcdtest.StartCluster(t, 3)
			for _, s := range cluster {
				endpoints = append(endpoints, s.Endpoint)
			}
			c := etcdtest.Dial(t, "a", ttl, endpoints...)
			held, term, err := etcd.Elector{Client: c}.Campaign(t.Context())
			require.NoError(t, err)
			cluster[frozen].Freeze()
			defer cluster[frozen].Thaw()
			select {
			case <-held.Done():
				assert.Fail(t, "the term was lost", "%v", context.Cause(held))
			case <-time.After(4 * ttl):
			}
			cluster[frozen].Thaw()
			_ = term.Resign(context.Background())
		})
	}
}

// Who works under a robot's lease can ask whether it lives, and learns its end at
// once, not when the context is ended.
func TestWorkUnderALeaseCanAskWhetherItLives(t *testing.T) {
	server := etcdtest.Start(t)
	c := etcdtest.Dial(t, "a", ttl, server.Endpoint)
	held, term, err := etcd.Elector{Client: c}.Campaign(t.Context())
	require.NoError(t, err)
	leased, _, err := term.Lock(t.Context(), "robot1")
	require.NoError(t, err)
	require.NoError(t, rollout.MayAct(leased))
	server.Freeze()
	defer server.Thaw()
	last := time.Now()
	for rollout.MayAct(context.WithoutCancel(leased)) == nil { // without the context's own end
		last = time.Now()
		require.Less(t, time.Since(last), ttl)
		<-time.After(time.Millisecond)
	}
	<-held.Done()
	assert.Less(t, time.Since(last), ttl/2, "both ends come together")
	server.Thaw()
	_ = term.Resign(context.Background())
}

func TestALockIsRefusedToAStaleTerm(t *testing.T) {
	server := etcdtest.Start(t)
	a, b := etcdtest.Dial(t, "a", ttl, server.Endpoint), etcdtest.Dial(t, "b", ttl, server.Endpoint)
	_, stale, err := etcd.Elector{Client: a}.Campaign(t.Context())
	require.NoError(t, err)
	kv := client(t, server.Endpoint)
	_, err = kv.Delete(t.Context(), "/test/election/runner") // as an expired lease does
	require.NoError(t, err)
	_, term, err := etcd.Elector{Client: b}.Campaign(t.Context())
	require.NoError(t, err)
	_, _, err = stale.Lock(t.Context(), "robot1")
	require.ErrorIs(t, err, rollout.ErrFenced)
	_, _, err = term.Lock(t.Context(), "robot1")
	require.NoError(t, err)
	_, _, err = stale.Lock(t.Context(), "robot1")
	var locked *rollout.LockedError
	require.ErrorAs(t, err, &locked)
	assert.Equal(t, "b", locked.Owner)
	_ = stale.Resign(context.Background())
	require.NoError(t, term.Resign(t.Context()))
}

// Many managers fight for the term: at every moment at most one holds it.
func TestNeverTwoRunners(t *testing.T) {
	endpoint := etcdtest.Embed(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var leading, worst, terms atomic.Int64
	done := make(chan struct{})
	const managers = 4
	for range managers {
		e := etcd.Elector{Client: etcdtest.Dial(t, "m", ttl, endpoint)}
		go func() {
			defer func() { done <- struct{}{} }()
			for ctx.Err() == nil {
				held, term, err := e.Campaign(ctx)
				if err != nil {
					continue
				}
				terms.Add(1)
				n := leading.Add(1)
				worst.Store(max(worst.Load(), n))
				select {
				case <-held.Done():
				case <-time.After(50 * time.Millisecond):
				}
				leading.Add(-1)
				_ = term.Resign(context.Background())
			}
		}()
	}
	for range managers {
		<-done
	}
	assert.EqualValues(t, 1, worst.Load())
	assert.Greater(t, terms.Load(), int64(10))
	t.Logf("%d terms", terms.Load())
}

func TestCampaignEndsWithItsContext(t *testing.T) {
	endpoint := etcdtest.Embed(t)
	a, b := etcdtest.Dial(t, "a", ttl, endpoint), etcdtest.Dial(t, "b", ttl, endpoint)
	_, term, err := etcd.Elector{Client: a}.Campaign(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, _, err = etcd.Elector{Client: b}.Campaign(ctx)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, term.Resign(t.Context()))
}
