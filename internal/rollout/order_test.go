package rollout_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

// manage runs one manager of a house without any, with seams of the test's, until
// the function that it returns is called.
func (h *house) manage(store rollout.Store, elector rollout.Elector) (stop func()) {
	r := rollout.NewRunner(rollout.RunnerOptions{
		Store: store, Elector: elector, Engine: h.fleet, Registry: h.fleet.Registry, Log: slog.New(slog.DiscardHandler),
	})
	h.service = rollout.NewService(h.store, h.fleet, r)
	ctx, cancel := context.WithCancel(h.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.Run(ctx) })
	wg.Go(func() { _ = h.service.Run(ctx) })
	return func() { cancel(); wg.Wait() }
}

// slowStore answers a save so late that the fleet has moved and verbs have ended
// meanwhile, and notes how long after that it is read.
type slowStore struct {
	*rollouttest.Store
	saved time.Time       // owned by the runner
	late  []time.Duration // owned by the runner
}

func (s *slowStore) Save(ctx context.Context, f rollout.Fence, prev, next rollout.Status) (rollout.Status, error) {
	next, err := s.Store.Save(ctx, f, prev, next)
	time.Sleep(300 * time.Millisecond)
	s.saved = time.Now()
	return next, err
}

func (s *slowStore) List(ctx context.Context) ([]rollout.Stored, int64, error) {
	if !s.saved.IsZero() {
		s.late = append(s.late, time.Since(s.saved))
		s.saved = time.Time{}
	}
	return s.Store.List(ctx)
}

// When several things have come while the runner was busy, it is not left to chance
// which it sees first: a wish that is stored does not wait because a robot moved.
func TestWhatIsStoredIsReadFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 6, 0)
		defer h.close()
		store := &slowStore{Store: h.store}
		stop := h.manage(store, h.elector)
		h.await(h.start("registry/amr:2"))
		stop()
		require.Greater(t, len(store.late), 5)
		for i, late := range store.late {
			assert.Zero(t, late, "the store is read after save %d", i)
		}
	})
}

// unlocks notes in which order leases are given back.
type unlocks struct {
	rollout.Elector
	robots []string // owned by the runner while it drains
}

func (u *unlocks) Campaign(ctx context.Context) (context.Context, rollout.Term, error) {
	term, t, err := u.Elector.Campaign(ctx)
	return term, notedTerm{t, u}, err
}

type notedTerm struct {
	rollout.Term
	u *unlocks
}

func (n notedTerm) Lock(ctx context.Context, robot string) (context.Context, rollout.Lock, error) {
	leased, l, err := n.Term.Lock(ctx, robot)
	return leased, notedLock{l, n.u, robot}, err
}

type notedLock struct {
	rollout.Lock
	u     *unlocks
	robot string
}

func (n notedLock) Unlock(ctx context.Context) error {
	n.u.robots = append(n.u.robots, n.robot)
	return n.Lock.Unlock(ctx)
}

func TestAManagerThatStopsGivesTheLeasesBackInOrder(t *testing.T) {
	const n = 12
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, n, 0)
		defer h.close()
		h.fleet.EffectTime = time.Minute
		u := &unlocks{Elector: h.elector}
		stop := h.manage(h.store, u)
		_, err := h.service.Start(t.Context(), rollout.Spec{
			Image: "registry/amr:2", Robots: "all", Waves: []rollout.Wave{"100%"}, MaxUnavailable: rollout.Robots(n),
		}, "ada", false)
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		require.Len(t, h.elector.Locked(), n, "all are pulling")
		stop()
		var want []string
		for i := range n {
			want = append(want, fmt.Sprintf("r%d", i+1))
		}
		assert.Equal(t, want, u.robots)
	})
}
