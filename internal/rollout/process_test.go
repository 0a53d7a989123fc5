package rollout_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

var errDead = errors.New("the process has ended")

// process is a manager that can be killed at any effect: from then on nothing
// that it calls has an effect, and its leases end with their TTL only.
type process struct {
	sim     *simulation
	number  int
	dead    atomic.Bool
	cancel  context.CancelFunc
	service *rollout.Service
	wg      sync.WaitGroup
}

// leaseTTL is how long a dead process keeps the others waiting.
const leaseTTL = 2 * time.Second

func (s *simulation) startProcess(number int) *process {
	p := &process{sim: s, number: number}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), processKey{}, p))
	p.cancel = cancel
	r := rollout.NewRunner(rollout.RunnerOptions{
		Store: deadlyStore{s.store, p}, Elector: deadlyElector{s.elector, p}, Engine: deadlyEngine{s.fleet, p},
		Registry: s.fleet.Registry, Log: s.log(p), Now: s.now,
	})
	p.service = rollout.NewService(deadlyStore{s.store, p}, s.fleet, r)
	p.wg.Go(func() { _ = r.Run(ctx) })
	p.wg.Go(func() { _ = p.service.Run(ctx) })
	return p
}

type processKey struct{}

// log goes to the trace when one simulation is looked at.
func (s *simulation) log(p *process) *slog.Logger {
	if *simSeed == 0 {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(lineWriter(func(line string) { s.note("m%d %s", p.number, line) }), nil))
}

type lineWriter func(string)

func (w lineWriter) Write(b []byte) (int, error) {
	_, text, _ := strings.Cut(strings.TrimSpace(string(b)), "level=")
	w(text)
	return len(b), nil
}

// kill ends the process as SIGKILL does.
func (p *process) kill() {
	if p.dead.Swap(true) {
		return
	}
	p.cancel()
}

// alive runs f unless the process is dead; an answer does not reach a process
// that died meanwhile.
func (p *process) alive(f func() error) error {
	if p.dead.Load() {
		return errDead
	}
	err := f()
	if p.dead.Load() {
		return errDead
	}
	return err
}

// deadlyStore is the store as a process reaches it.
type deadlyStore struct {
	*rollouttest.Store
	p *process
}

func (d deadlyStore) Save(ctx context.Context, f rollout.Fence, prev, next rollout.Status) (st rollout.Status, err error) {
	err = d.p.alive(func() error {
		if st, err = d.Store.Save(ctx, f, prev, next); err != nil {
			return err
		}
		d.p.sim.saved(next)
		return d.p.sim.after(d.p, "save")
	})
	return st, err
}

func (d deadlyStore) List(ctx context.Context) (all []rollout.Stored, seen int64, err error) {
	err = d.p.alive(func() error { all, seen, err = d.Store.List(ctx); return err })
	return all, seen, err
}

func (d deadlyStore) Load(ctx context.Context, id string) (st rollout.Stored, err error) {
	err = d.p.alive(func() error { st, err = d.Store.Load(ctx, id); return err })
	return st, err
}

// deadlyElector is the elector as a process reaches it.
type deadlyElector struct {
	*rollouttest.Elector
	p *process
}

func (d deadlyElector) Campaign(ctx context.Context) (context.Context, rollout.Term, error) {
	term, t, err := d.Elector.Campaign(ctx)
	if err != nil {
		return nil, nil, err
	}
	return term, deadlyTerm{t, d.p}, nil
}

type deadlyTerm struct {
	rollout.Term
	p *process
}

// Resign of a dead process is the end of its lease.
func (d deadlyTerm) Resign(ctx context.Context) error {
	if d.p.dead.Load() {
		time.Sleep(leaseTTL)
		d.p.sim.elector.Expire(d.Term)
		return nil
	}
	return d.Term.Resign(ctx)
}

func (d deadlyTerm) Lock(ctx context.Context, robot string) (leased context.Context, l rollout.Lock, err error) {
	err = d.p.alive(func() error {
		if leased, l, err = d.Term.Lock(ctx, robot); err != nil {
			return err
		}
		return d.p.sim.after(d.p, "lock")
	})
	if err != nil {
		return nil, nil, err
	}
	return leased, deadlyLock{l, d.p}, nil
}

type deadlyLock struct {
	rollout.Lock
	p *process
}

func (d deadlyLock) Unlock(ctx context.Context) error {
	return d.p.alive(func() error {
		if err := d.Lock.Unlock(ctx); err != nil {
			return err
		}
		return d.p.sim.after(d.p, "unlock")
	})
}

// deadlyEngine is the engines as a process reaches them.
type deadlyEngine struct {
	*rollouttest.Fleet
	p *process
}

func (d deadlyEngine) as(ctx context.Context) context.Context {
	return context.WithValue(ctx, processKey{}, d.p)
}

func (d deadlyEngine) Pull(ctx context.Context, t rollout.Target, report func(rollout.Progress)) error {
	return d.Fleet.Pull(d.as(ctx), t, report)
}

func (d deadlyEngine) Replace(ctx context.Context, t rollout.Target, ready func() error) error {
	return d.Fleet.Replace(d.as(ctx), t, ready)
}

func (d deadlyEngine) Rollback(ctx context.Context, t rollout.Target) error {
	return d.Fleet.Rollback(d.as(ctx), t)
}

func (d deadlyEngine) Commit(ctx context.Context, t rollout.Target) error {
	return d.Fleet.Commit(d.as(ctx), t)
}

func (d deadlyEngine) Discard(ctx context.Context, t rollout.Target) error {
	return d.Fleet.Discard(d.as(ctx), t)
}
