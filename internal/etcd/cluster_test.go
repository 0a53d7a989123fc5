package etcd_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/muster-fleet/muster/internal/etcd"
	"github.com/muster-fleet/muster/internal/etcd/etcdtest"
	"github.com/muster-fleet/muster/internal/rollout"
)

func endpoints(servers []*etcdtest.Server) []string {
	var all []string
	for _, s := range servers {
		all = append(all, s.Endpoint)
	}
	return all
}

// While the runner saves, the cluster's leader dies: what was acknowledged stays,
// nothing is written twice, and the term either goes on or has ended.
func TestTheClustersLeaderDiesWhileTheRunnerSaves(t *testing.T) {
	servers := etcdtest.StartCluster(t, 3)
	c := etcdtest.Dial(t, "m1", 5*time.Second, endpoints(servers)...)
	s := etcd.NewStore(c)
	p, st := plan("a", 10)
	require.NoError(t, s.Create(t.Context(), p, st, 0))
	held, term := campaign(t, etcd.Elector{Client: c})
	got, err := s.Load(t.Context(), "a")
	require.NoError(t, err)
	now, gap := got.Status, time.Duration(0)
	for i := range 300 {
		if i == 100 {
			etcdtest.Leader(t, servers).Kill()
		}
		next := now
		next.Reason = fmt.Sprint(i)
		next.Robots = map[string]rollout.RobotStatus{"robot1": {Step: rollout.StepPulling, Attempt: i}}
		began := time.Now()
		require.Eventually(t, func() bool { // as the runner does: again with what it had
			saved, err := s.Save(t.Context(), term.Fence(), now, next)
			if err != nil {
				return false
			}
			now = saved
			return true
		}, 20*time.Second, 20*time.Millisecond)
		gap = max(gap, time.Since(began))
	}
	t.Logf("the longest save took %v", gap)
	assert.Less(t, gap, 4*time.Second, "no longer than a lease of 5 s is trusted")
	fresh := etcd.NewStore(etcdtest.Dial(t, "m2", 2*time.Second, endpoints(servers)...))
	got, err = fresh.Load(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, "299", got.Status.Reason)
	assert.Equal(t, 299, got.Status.Robots["robot1"].Attempt)
	assert.Equal(t, now.Revision, got.Status.Revision)
	assert.NoError(t, held.Err(), "an election takes less than a lease of 5 s")
}

func TestAClusterThatWantsCertificatesAndPasswords(t *testing.T) {
	servers, authority := etcdtest.StartSecureCluster(t, 3)
	signIn := func(password string, certificate *tls.Config) *etcd.Client {
		return etcdtest.DialWith(t, etcd.Options{
			Endpoints: endpoints(servers), ID: "m1", LeaseTTL: 2 * time.Second,
			TLS: certificate, Username: "root", Password: password,
		})
	}
	enablePasswords(t, servers, authority.Config("manager"))
	c := signIn("right", authority.Config("manager"))
	s := etcd.NewStore(c)
	p, st := plan("a", 1)
	require.NoError(t, s.Create(t.Context(), p, st, 0))
	changes := s.Watch(t.Context())
	held, term := campaign(t, etcd.Elector{Client: c})

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // tokens of the first sign-in have ended by then
	defer cancel()
	now, err := s.Load(ctx, "a")
	require.NoError(t, err)
	for i := 0; ctx.Err() == nil; i++ {
		next := now.Status
		next.Reason = fmt.Sprint(i)
		now.Status, err = s.Save(t.Context(), term.Fence(), now.Status, next)
		require.NoError(t, err)
		select {
		case <-changes:
		case <-time.After(10 * time.Second):
			require.Fail(t, "the watch has gone silent")
		}
	}
	require.NoError(t, held.Err(), "the lease is renewed with new tokens")

	_, err = etcd.NewStore(etcdtest.DialWith(t, etcd.Options{Endpoints: endpoints(servers), TLS: authority.Config("")})).Load(t.Context(), "a")
	require.Error(t, err, "nobody comes in without a certificate")
}

func TestAWrongPasswordIsSaid(t *testing.T) {
	servers, authority := etcdtest.StartSecureCluster(t, 1)
	enablePasswords(t, servers, authority.Config("manager"))
	c, err := etcd.Dial(etcd.Options{
		Endpoints: endpoints(servers), TLS: authority.Config("manager"), Username: "root", Password: "wrong", Prefix: "/test",
	})
	if err == nil {
		defer func() { _ = c.Close() }()
		err = c.Health(t.Context())
	}
	require.ErrorContains(t, err, "authentication failed")
}

// enablePasswords lets only root in, whose password is "right".
func enablePasswords(t *testing.T, servers []*etcdtest.Server, certificate *tls.Config) {
	t.Helper()
	kv, err := clientv3.New(clientv3.Config{Endpoints: endpoints(servers), TLS: certificate, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer func() { _ = kv.Close() }()
	_, err = kv.UserAdd(t.Context(), "root", "right")
	require.NoError(t, err)
	_, err = kv.UserGrantRole(t.Context(), "root", "root")
	require.NoError(t, err)
	_, err = kv.AuthEnable(t.Context())
	require.NoError(t, err)
}
