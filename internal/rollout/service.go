package rollout

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// Service is how people and programs deal with rollouts, on any manager,
// whether it is the runner or not. It only writes plans and wishes; Runner
// acts. All methods are safe for concurrent use.
type Service struct {
	store    Store
	resolver Resolver
	registry *fleet.Registry
	runner   *Runner
	log      *slog.Logger
	since    time.Time
	domainOK func() bool

	storing chan struct{} // of size 1: who stores a plan

	mu     sync.RWMutex
	known  []Stored // guarded by mu; as last read, newest first
	seen   int64    // guarded by mu; what the store gave with known
	holds  []Hold   // guarded by mu; operators' locks
	read   bool     // guarded by mu; known has been read at all
	failed error    // guarded by mu; why known may be old

	wakers fleet.Wakers
}

// NewService makes a service that reads and writes the runner's store.
func NewService(store Store, resolver Resolver, runner *Runner) *Service {
	return &Service{
		store: store, resolver: resolver, registry: runner.Registry, runner: runner,
		log: runner.Log, since: runner.Now(), domainOK: runner.DomainOK,
		storing: make(chan struct{}, 1),
	}
}

// Run keeps what the service knows in step with the store until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	changed := s.store.Watch(ctx)
	for attempt := 0; ctx.Err() == nil; {
		if err := s.refresh(ctx); err != nil && ctx.Err() == nil {
			attempt++
			pause(ctx, backoff(attempt))
			continue
		}
		attempt = 0
		select {
		case <-ctx.Done():
		case <-changed:
			pause(ctx, minRound)
		case <-time.After(refreshEvery):
		}
	}
	return nil
}

// refreshEvery bounds how old the service's knowledge gets when a watch is
// silent.
const refreshEvery = 5 * time.Second

func (s *Service) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	all, seen, err := s.store.List(ctx)
	var holds []Hold
	if err == nil {
		holds, err = s.store.Holds(ctx)
	}
	s.mu.Lock()
	if (err == nil) != (s.failed == nil) {
		s.log.InfoContext(ctx, "rollout store", "reachable", err == nil, "err", err)
	}
	s.failed = err
	if err == nil {
		s.known, s.seen, s.holds, s.read = all, seen, holds, true
	}
	s.mu.Unlock()
	s.wakers.Wake()
	return err
}

// newID is a rollout's id: its time of birth, for people, and 32 random bits.
func newID(now time.Time) string {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return now.Format("20060102-150405-") + hex.EncodeToString(b[:])
}

// List reports all rollouts, newest first. While the store is away it is the list
// as it was last read; the error says that it was never read.
func (s *Service) List(ctx context.Context) ([]Report, error) {
	s.mu.RLock()
	known, read := s.known, s.read
	s.mu.RUnlock()
	if !read {
		if err := s.refresh(ctx); err != nil {
			return nil, fmt.Errorf("list the rollouts: %w", err)
		}
		s.mu.RLock()
		known = s.known
		s.mu.RUnlock()
	}
	reports := make([]Report, 0, len(known))
	for i := range known {
		reports = append(reports, s.report(&known[i]))
	}
	return reports, nil
}

// Get reports one rollout, or ErrNotFound. What is not known yet, because it is
// new or this manager has just begun, is asked of the store.
func (s *Service) Get(ctx context.Context, id string) (Report, error) {
	s.mu.RLock()
	known := s.known // it is replaced, never changed
	s.mu.RUnlock()
	for i := range known {
		if known[i].Plan.ID == id {
			return s.report(&known[i]), nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	st, err := s.store.Load(ctx, id)
	if err != nil {
		return Report{}, fmt.Errorf("read rollout %s: %w", id, err)
	}
	return s.report(&st), nil
}

// report explains a rollout by asking Next what it would wait for now. Nothing
// is carried out, and the runner's leases are taken as held.
func (s *Service) report(st *Stored) Report {
	f := gather(s.registry, &st.Plan, Needed(&st.Plan, &st.Status))
	f.Since, f.DomainOK = s.since, s.domainOK()
	holds, inOrder := s.locks()
	claimed := claims(inOrder)
	f.DownElsewhere, f.FleetLimit = downElsewhere(s.registry, st.Plan.ID, inOrder, holds, s.runner.Now().UTC()), s.runner.fleetLimit()
	for robot, rf := range f.Robots {
		step := st.Status.Robot(robot).Step
		rf.Held = step != StepQueued && !step.Terminal()
		rf.Hold = holds[robot]
		s.runner.tellProgress(robot, st.Plan.ID, &rf)
		if by := claimed[robot]; by != st.Plan.ID {
			rf.Claimed = by
		}
		f.Robots[robot] = rf
	}
	d := Next(st.Plan, st.Status, st.Wishes, f, s.runner.Now().UTC())
	r := MakeReport(st.Plan, st.Status, d.Why)
	if !r.State.Terminal() {
		r.Held, r.FleetLimit = s.Held(), f.FleetLimit
	}
	return r
}

// Subscribe is woken when a report may have changed by what is stored.
func (s *Service) Subscribe() *fleet.Subscription { return s.wakers.Subscribe() }

// Held is why rollouts do not go on now, "" when they do.
func (s *Service) Held() string {
	s.mu.RLock()
	failed := s.failed
	s.mu.RUnlock()
	switch {
	case failed != nil && !errors.Is(failed, context.Canceled):
		return "the store can not be reached: " + failed.Error()
	case s.runner.Leading():
		return s.runner.Held()
	default:
		return "" // another manager runs them
	}
}

// locks are the operators' locks, and the rollouts in the order of claims.
func (s *Service) locks() (holds map[string]*Hold, inOrder []*Stored) {
	s.mu.RLock()
	known, list := s.known, s.holds
	s.mu.RUnlock()
	holds = make(map[string]*Hold, len(list))
	for i := range list {
		holds[list[i].Robot] = &list[i]
	}
	inOrder = make([]*Stored, 0, len(known))
	for i := range slices.Backward(known) { // newest first
		inOrder = append(inOrder, &known[i])
	}
	return holds, inOrder
}
