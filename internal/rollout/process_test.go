package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

var errDead = errors.New("the process has ended")

// process is a manager that can be killed at any effect: from then on nothing
// that it calls has an effect, and its leases end with their TTL only.
type process struct {
	sim     *simulation
	number  int
	life    int    // how often it was started
	name    string // of this life: "m1.2"
	watches atomic.Int64
	dead    atomic.Bool
	cancel  context.CancelFunc
	service *rollout.Service
	wg      sync.WaitGroup
}

// leaseTTL is how long a dead process keeps the others waiting.
const leaseTTL = 2 * time.Second

func (s *simulation) startProcess(number, life int) *process {
	p := &process{sim: s, number: number, life: life, name: fmt.Sprintf("m%d.%d", number, life)}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), processKey{}, p))
	p.cancel = cancel
	slow := s.latency(p.name + " clock")
	now := func() time.Time { return s.now().Add(slow) } // the managers' clocks differ
	reg := fleet.NewRegistry(&fleet.Journal{})
	show := func() { s.fleet.Show(ctx, reg, now, func() time.Duration { return s.latency(p.name + " sees") }) }
	if life == 1 {
		show()
	} else { // one that is started again has yet to find the robots
		time.AfterFunc(s.chance(p.name+" finds the robots", 5*time.Second), show)
	}
	r := rollout.NewRunner(rollout.RunnerOptions{
		Store: deadlyStore{s.store, p}, Elector: deadlyElector{s.elector, p}, Engine: deadlyEngine{s.fleet, p},
		Registry: reg, Log: s.log(p), Now: now,
	})
	p.service = rollout.NewService(deadlyStore{s.store, p}, s.fleet, r)
	p.wg.Go(func() { _ = r.Run(ctx) })
	p.wg.Go(func() { _ = p.service.Run(ctx) })
	return p
}

type processKey struct{}

// processOf is the process that acts; all that do come through a deadlyEngine.
func processOf(ctx context.Context) *process { return ctx.Value(processKey{}).(*process) }

// log goes to the trace.
func (s *simulation) log(p *process) *slog.Logger {
	return slog.New(slog.NewTextHandler(lineWriter(func(line string) { s.note("m%d %s", p.number, line) }), nil))
}

type lineWriter func(string)

func (w lineWriter) Write(b []byte) (int, error) {
	_, text, _ := strings.Cut(strings.TrimSpace(string(b)), "level=")
	w(text)
	return len(b), nil
}

// sent waits until a request of the process is where it goes.
func (p *process) sent(to string) { time.Sleep(p.sim.latency(p.name + " " + to)) }

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

// Watch tells each watcher late, at an instant of its own.
func (d deadlyStore) Watch(ctx context.Context) <-chan struct{} {
	who, changed, told := fmt.Sprint("watch ", d.p.watches.Add(1)), d.Store.Watch(ctx), make(chan struct{}, 1)
	d.p.wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
			if d.p.sent(who); ctx.Err() != nil {
				return
			}
			select {
			case told <- struct{}{}:
			default:
			}
		}
	})
	return told
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
	if d.p.sent("campaign"); !d.p.dead.Load() {
		d.p.sim.note("m%d leads", d.p.number)
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
	d.p.sent(robot)
	err = d.p.alive(func() error {
		if leased, l, err = d.Term.Lock(ctx, robot); err != nil {
			return err
		}
		return d.p.sim.after(d.p, "lock")
	})
	if err != nil {
		return nil, nil, err
	}
	return leased, deadlyLock{l, d.p, robot}, nil
}

type deadlyLock struct {
	rollout.Lock
	p     *process
	robot string
}

func (d deadlyLock) Unlock(ctx context.Context) error {
	d.p.sent(d.robot)
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
