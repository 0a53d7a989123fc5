package rollout

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// RunnerOptions are what a Runner works with. All are required but those that say
// what none means.
type RunnerOptions struct {
	Store    Store
	Elector  Elector
	Engine   Engine
	Registry *fleet.Registry
	Log      *slog.Logger
	// DomainOK says whether the ROS domain is joined and answers; nil means it
	// always does.
	DomainOK func() bool
	// MaxUnavailable bounds the robots that all rollouts together may have down at one
	// time, a share is of those that are known; the zero value sets no limit.
	MaxUnavailable Share
	// Now is the wall clock; nil means time.Now. A jump of it must do no harm.
	Now func() time.Time
}

// Runner carries out rollouts while this manager is the elected one. It is the
// only code with effects on robots.
//
// It decides anew whenever the store or the fleet changed, a verb ended or the
// last decision asked for it. What it remembers between two decisions (leases,
// verbs in flight, results not yet taken in) may be lost at any time: the next
// runner finds the intent in the store and the truth on the engines.
type Runner struct {
	RunnerOptions

	leading atomic.Bool
	working atomic.Pointer[termWork]
	held    atomic.Pointer[string] // why nothing is done, "" when all is well
}

// NewRunner makes a runner; Run starts it.
func NewRunner(o RunnerOptions) *Runner {
	if o.DomainOK == nil {
		o.DomainOK = func() bool { return true }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Runner{RunnerOptions: o}
	r.hold("not elected yet")
	return r
}

// Leading reports whether this manager is the runner now.
func (r *Runner) Leading() bool { return r.leading.Load() }

// Held is why this manager's runner does nothing, "" when it leads and works.
func (r *Runner) Held() string { return *r.held.Load() }

func (r *Runner) hold(why string) { r.held.Store(&why) }

// Run campaigns and leads, again and again, until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	for attempt := 1; ctx.Err() == nil; attempt++ {
		term, t, err := r.Elector.Campaign(ctx)
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			r.hold("the store can not be reached: " + err.Error())
			r.Log.WarnContext(ctx, "campaign for the rollout runner", "err", err, "attempt", attempt)
			pause(ctx, backoff(attempt))
			continue
		}
		attempt = 0
		r.lead(ctx, term, t)
	}
	return nil
}

// lead works for one term and gives it back when nothing of it is in flight.
func (r *Runner) lead(ctx, term context.Context, t Term) {
	r.Log.InfoContext(ctx, "this manager runs the rollouts", "lease", t.Fence().Key)
	r.leading.Store(true)
	r.hold("")
	w := newTermWork(r, t)
	r.working.Store(w)
	w.run(term)
	r.working.Store(nil)
	r.leading.Store(false)
	if ctx.Err() == nil {
		r.hold("the runner's lease was lost")
		r.Log.WarnContext(ctx, "the runner's lease was lost: rollouts are held")
	}
	resign, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := t.Resign(resign); err != nil {
		r.Log.DebugContext(ctx, "resign", "err", err)
	}
}

// termWork is what one term holds. run owns the goroutines of the verbs.
type termWork struct {
	*Runner
	term  Term
	since time.Time // when this term began to watch

	verbs sync.WaitGroup
	wake  chan struct{} // of size 1

	mu     sync.Mutex
	robots map[string]*inFlight // guarded by mu; by robot

	clock  clock                    // owned by run
	set    map[string]time.Duration // owned by run; by rollout, how the clock was set and no decision knows yet
	stored map[string]*Stored       // owned by run; the rollouts that have not ended
	holds  map[string]*Hold         // owned by run; by robot
}

// inFlight is what this term does with one robot.
type inFlight struct {
	rollout string // for which it works on the robot

	lock   Lock
	leased context.Context // ends with the lease
	busy   Verb
	cancel context.CancelFunc
	result *Result

	progress Progress    // of the pull in flight
	late     *time.Timer // ends the pull in flight; stopped while it waits for its turn
	probes   []Gate
	probedAt time.Time

	owner   string    // who held the lease when we last asked
	retryAt time.Time // for the lease
}

func newTermWork(r *Runner, t Term) *termWork {
	return &termWork{
		Runner: r, term: t, since: r.Now(), wake: make(chan struct{}, 1),
		robots: make(map[string]*inFlight), stored: make(map[string]*Stored), set: make(map[string]time.Duration),
	}
}

// run decides until the term ends, then waits for the verbs in flight, whose
// contexts end with it, and gives the leases back.
func (w *termWork) run(ctx context.Context) {
	changed := w.Store.Watch(ctx)
	fleetChanged := w.Registry.Subscribe()
	defer fleetChanged.Close()
	reload := true
	for attempt := 0; ctx.Err() == nil; {
		next, err := w.round(ctx, reload)
		reload = err != nil
		switch {
		case errors.Is(err, ErrFenced):
			w.Log.WarnContext(ctx, "another manager is the runner now")
			w.drain(ctx)
			return
		case errors.Is(err, ErrConflict):
			attempt = 0
			continue // read again
		case err != nil && ctx.Err() == nil:
			attempt++
			w.hold("the store can not be reached: " + err.Error())
			w.Log.WarnContext(ctx, "rollouts are held", "err", err, "attempt", attempt)
			next = w.Now().Add(backoff(attempt))
		default:
			attempt = 0
			w.hold("")
		}
		if w.await(ctx, next, changed, fleetChanged.C) {
			reload = true
		}
	}
	w.drain(ctx)
}

// minRound keeps a busy fleet from making the runner decide without a pause.
const minRound = 100 * time.Millisecond

// await waits for a reason to decide again and reports whether the store told
// of a change.
func (w *termWork) await(ctx context.Context, next time.Time, changed, moved <-chan struct{}) (reload bool) {
	if next.IsZero() {
		next = w.Now().Add(5 * time.Second)
	}
	if len(w.stored) == 0 {
		moved = nil // nothing depends on the fleet
	}
	// What has come already goes by its weight, not by chance: what is stored may
	// change every decision, and a robot's verb that has ended wants the next one.
	select {
	case <-changed:
		return true
	default:
	}
	select {
	case <-w.wake:
		return false
	default:
	}
	t := time.NewTimer(next.Sub(w.Now()))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-w.wake:
	case <-changed:
		reload = true
	case <-moved:
		pause(ctx, minRound)
	}
	return reload
}

// round reads what changed, decides every rollout and starts the verbs. It
// returns when to decide again at the latest.
func (w *termWork) round(ctx context.Context, reload bool) (time.Time, error) {
	if by := w.clock.jumped(w.Now()); by != 0 {
		w.since = w.Now()
		for id := range w.stored {
			w.set[id] += by
		}
		w.mu.Lock()
		for _, fl := range w.robots {
			fl.retryAt = time.Time{}
		}
		w.mu.Unlock()
		w.Log.WarnContext(ctx, "the clock was set", "by", by)
	}
	if reload {
		if err := w.load(ctx); err != nil {
			return time.Time{}, err
		}
	}
	var next time.Time
	for _, st := range w.inOrder() {
		wake, err := w.decide(ctx, st)
		if err != nil {
			return time.Time{}, err
		}
		if st.Status.State.Terminal() {
			delete(w.stored, st.Plan.ID)
		}
		if !wake.IsZero() && (next.IsZero() || wake.Before(next)) {
			next = wake
		}
	}
	return next, nil
}

func (w *termWork) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	all, _, err := w.Store.List(ctx)
	if err != nil {
		return err
	}
	holds, err := w.Store.Holds(ctx)
	if err != nil {
		return err
	}
	w.holds = make(map[string]*Hold, len(holds))
	for i := range holds {
		w.holds[holds[i].Robot] = &holds[i]
	}
	clear(w.stored)
	for i := range all {
		if !all[i].Status.State.Terminal() {
			w.stored[all[i].Plan.ID] = &all[i]
		}
	}
	return nil
}

const storeTimeout = 5 * time.Second

// maxRepeat bounds how often one rollout is decided in a row: a robot takes
// fewer steps than that at one moment.
const maxRepeat = 16

// decide asks Next until it has nothing to change at this moment. Each status
// is stored before its verbs begin.
func (w *termWork) decide(ctx context.Context, st *Stored) (time.Time, error) {
	for range maxRepeat {
		now := w.Now().UTC()
		facts := w.facts(st)
		d := Next(st.Plan, st.Status, st.Wishes, facts, now)
		changed := !d.Status.same(st.Status)
		if changed {
			saved, err := w.save(ctx, st.Status, d.Status)
			if err != nil {
				return time.Time{}, err
			}
			w.tell(ctx, &st.Plan, &st.Status, &saved, now)
			w.tellRefused(ctx, &st.Plan, d.Refused, now)
			st.Status = saved
		}
		delete(w.set, st.Plan.ID)
		w.taken(&st.Plan, facts)
		for _, robot := range d.Cancel {
			w.cancelVerb(robot)
		}
		for _, c := range d.Commands {
			w.start(ctx, st, c)
		}
		if !changed || st.Status.State.Terminal() {
			return d.WakeAt, nil
		}
	}
	return w.Now().Add(pollEvery), nil
}

func (w *termWork) save(ctx context.Context, prev, next Status) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return w.Store.Save(ctx, w.term.Fence(), prev, next)
}

// pause waits for d or for ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
