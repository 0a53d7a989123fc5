package rollout_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

var (
	simulations = flag.Int("simulations", 300, "random simulations to run")
	simSeed     = flag.Uint64("simulate", 0, "run only the simulation of this seed, and print it")
)

// simulation is two managers, their store, and a fleet of engines, in the time
// of one bubble. A seed decides on all that goes wrong.
type simulation struct {
	*rand.Rand
	store   *rollouttest.Store
	elector *rollouttest.Elector
	fleet   *rollouttest.Fleet
	robots  []string
	jump    atomic.Int64 // by how much the clock was set
	plan    rollout.Plan

	mu      sync.Mutex
	procs   [2]*process // guarded by mu
	effects int         // guarded by mu; of all kinds
	crashAt int         // guarded by mu; the effect after which its process dies; 0 for none
	loseAt  int         // guarded by mu; the effect of which the reply is lost
	trace   []string    // guarded by mu
	steps   map[string]rollout.Step
	bad     string // guarded by mu; the first thing that must never be
	began   time.Time
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

func newSimulation(seed uint64, robots int) *simulation {
	s := &simulation{
		Rand: rand.New(rand.NewPCG(seed, 7)), store: rollouttest.NewStore(), began: time.Now(), steps: make(map[string]rollout.Step),
	}
	s.elector = rollouttest.NewElector(s.store)
	s.fleet = rollouttest.NewFleet(fleet.NewRegistry(&fleet.Journal{}), robots)
	s.fleet.After = func(ctx context.Context, robot, effect string) error {
		p, _ := ctx.Value(processKey{}).(*process)
		return s.after(p, robot+": "+effect)
	}
	s.fleet.Now = s.now
	for i := range robots {
		s.robots = append(s.robots, fmt.Sprintf("r%d", i+1))
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.wg.Go(func() { s.fleet.Run(ctx, time.Second) })
	for i := range s.procs {
		s.procs[i] = s.startProcess(i)
		time.Sleep(time.Millisecond) // the first one is elected
	}
	time.Sleep(1500 * time.Millisecond)
	return s
}

// now is the wall clock.
func (s *simulation) now() time.Time { return time.Now().Add(time.Duration(s.jump.Load())) }

// close ends what still runs.
func (s *simulation) close() {
	s.stop()
	for _, p := range s.procs {
		p.cancel()
		p.wg.Wait()
	}
	s.wg.Wait()
}

func (s *simulation) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trace = append(s.trace, fmt.Sprintf("%8.3f ", time.Since(s.began).Seconds())+fmt.Sprintf(format, args...))
}

// after is called after each effect of a process: now it may die, or not hear of
// it.
func (s *simulation) after(p *process, effect string) error {
	s.note("m%d %s", p.number, effect)
	s.mu.Lock()
	s.effects++
	dies, deaf := s.effects == s.crashAt, s.effects == s.loseAt
	s.mu.Unlock()
	switch {
	case dies:
		s.crash(p)
		return errDead
	case deaf:
		s.note("m%d does not hear of it", p.number)
		return errors.New("connection reset by peer")
	}
	return nil
}

// crash kills a process and starts it again after a while.
func (s *simulation) crash(p *process) {
	s.note("m%d dies", p.number)
	p.kill()
	s.mu.Lock()
	pause := time.Duration(s.IntN(5000)) * time.Millisecond
	s.mu.Unlock()
	s.wg.Go(func() {
		p.wg.Wait()
		time.Sleep(pause)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.procs[p.number] == p {
			s.procs[p.number] = s.startProcess(p.number)
		}
	})
}

// saved looks at each status that is stored.
func (s *simulation) saved(st rollout.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	down := 0
	for _, robot := range s.robots {
		rs := st.Robot(robot)
		if was := cmp.Or(s.steps[robot], rollout.StepQueued); was != rs.Step {
			s.trace = append(s.trace, fmt.Sprintf("%8.3f %s %s → %s: %s", time.Since(s.began).Seconds(), robot, was, rs.Step, rs.Reason))
			s.steps[robot] = rs.Step
		}
		if rs.Step.Down() {
			down++
		}
	}
	if limit := s.plan.Spec.MaxUnavailable.Count; down > limit && s.bad == "" && limit > 0 {
		s.bad = fmt.Sprintf("%d robots are down, %d may be", down, limit)
	}
}

// service is that of a manager that lives.
func (s *simulation) service() *rollout.Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.procs {
		if !p.dead.Load() {
			return p.service
		}
	}
	return s.procs[0].service
}

// stored is the rollout as it is stored, once the store can be reached.
func (s *simulation) stored(id string) rollout.Stored {
	for {
		st, err := s.store.Load(context.Background(), id)
		if err == nil {
			return st
		}
		if !errors.Is(err, rollouttest.ErrDown) {
			panic(err)
		}
		time.Sleep(time.Second)
	}
}

// begin starts a rollout; it waits for a manager that lives.
func (s *simulation) begin(spec rollout.Spec) string {
	for {
		r, err := s.service().Start(context.Background(), spec, "ada", false)
		if err == nil {
			s.mu.Lock()
			s.plan = s.stored(r.ID).Plan
			s.mu.Unlock()
			return r.ID
		}
		if !errors.Is(err, errDead) {
			panic(err)
		}
		time.Sleep(time.Second)
	}
}

// finish heals everything and lets a person answer until the rollout has ended.
func (s *simulation) finish(id string) (st rollout.Stored, problem string) {
	s.store.SetDown(false)
	s.mu.Lock()
	s.crashAt, s.loseAt = 0, 0
	s.mu.Unlock()
	for _, robot := range s.robots {
		s.fleet.Set(robot, func(c *rollouttest.Condition) { *c = rollouttest.Condition{Engine: fleet.EngineUp} })
	}
	for range 240 {
		time.Sleep(5 * time.Second)
		if st = s.stored(id); st.Status.State.Terminal() {
			time.Sleep(30 * time.Second) // leases are given back, and stops that were given up have ended
			return st, s.wrong(st)
		}
		if st.Status.State == rollout.StatePaused {
			_, _ = s.service().Wish(context.Background(), id, rollout.Wish{Action: rollout.ActionResume, By: "bob", Role: "engineer"})
		}
		s.takeBack(id, st)
		if r, err := s.service().Get(context.Background(), id); err == nil && r.Approval != nil {
			_, _ = s.service().Wish(context.Background(), id, rollout.Wish{Action: rollout.ActionApprove, By: "bob", Role: "engineer"})
		}
	}
	r, _ := s.service().Get(context.Background(), id)
	var why []string
	for _, rr := range r.Robots {
		why = append(why, fmt.Sprintf("%s %s: %s %s", rr.Robot, rr.Step, rr.Why, rr.Reason))
	}
	return st, fmt.Sprintf("did not end: %s %s %s %v", st.Status.State, st.Status.Reason, r.Held, why)
}

// takeBack rolls the robots back that a person gave up.
func (s *simulation) takeBack(id string, st rollout.Stored) {
	for robot, rs := range st.Status.Robots {
		if rs.Step == rollout.StepNeedsOperator && !rs.Undo {
			_, _ = s.service().Wish(context.Background(), id, rollout.Wish{
				Action: rollout.ActionRollback, Robot: robot, By: "bob", Role: "engineer",
			})
		}
	}
}

// wrong says what is not as it must be at the end.
func (s *simulation) wrong(st rollout.Stored) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad != "" {
		return s.bad
	}
	for _, robot := range s.robots {
		rs, runs, names := st.Status.Robot(robot), s.fleet.Running(robot), s.fleet.Containers(robot)
		want := rollouttest.OldDigest
		switch rs.Step {
		case rollout.StepDone:
			want = st.Plan.Image.Digest
		case rollout.StepNeedsOperator:
			if strings.HasPrefix(rs.Reason, "given up while it was ") {
				continue // a person wanted it so, and the rollout ended before another did
			}
			return fmt.Sprintf("%s needs an operator: %s", robot, rs.Reason)
		case rollout.StepQueued, rollout.StepSkipped, rollout.StepFailed, rollout.StepRolledBack:
		default:
			return fmt.Sprintf("%s ends as %s", robot, rs.Step)
		}
		if !slices.Equal(runs, []string{want}) {
			return fmt.Sprintf("%s is %s (%s) and runs %v", robot, rs.Step, rs.Reason, runs)
		}
		if !slices.Equal(names, []string{"amr"}) {
			return fmt.Sprintf("%s is %s and has the containers %v", robot, rs.Step, names)
		}
	}
	if held := s.elector.Locked(); len(held) > 0 {
		return fmt.Sprintf("the leases of %v are held", held)
	}
	return ""
}

// simulate runs f in a bubble and returns what it returns.
func simulate(t *testing.T, f func() string) (problem string) {
	synctest.Test(t, func(*testing.T) { problem = f() })
	return problem
}

// Whatever goes wrong, in whatever order: every robot ends on one image, wholly,
// and never more are down than may be. A failure prints its seed, which repeats
// what is done to them; of what falls on one instant the order may differ.
func TestSimulations(t *testing.T) {
	if *simSeed != 0 {
		problem, trace, _ := simulateSeed(t, *simSeed)
		t.Log(strings.Join(trace, "\n"))
		if problem != "" {
			t.Fatal(problem)
		}
		return
	}
	var next atomic.Uint64
	var failed atomic.Bool
	var mu sync.Mutex
	ends := make(map[rollout.State]int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for n := next.Add(1); n <= uint64(*simulations) && !failed.Load(); n = next.Add(1) {
				problem, trace, state := simulateSeed(t, n)
				if problem != "" {
					failed.Store(true)
					t.Errorf("-simulate %d: %s\n%s", n, problem, strings.Join(trace, "\n"))
				}
				mu.Lock()
				ends[state]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d simulations ended: %v", *simulations, ends)
	for _, state := range []rollout.State{rollout.StateCompleted, rollout.StateFailed, rollout.StateAborted, rollout.StateRolledBack} {
		if !failed.Load() && ends[state] == 0 {
			t.Errorf("none ended %s: the simulations try too little", state)
		}
	}
}

func simulateSeed(t *testing.T, seed uint64) (problem string, trace []string, end rollout.State) {
	problem = simulate(t, func() string {
		r := rand.New(rand.NewPCG(seed, 9))
		s := newSimulation(seed, 1+r.IntN(3))
		defer s.close()
		id := s.begin(s.randomSpec(r))
		s.mu.Lock()
		if r.IntN(2) == 0 {
			s.crashAt = s.effects + 1 + r.IntN(60)
		}
		if r.IntN(2) == 0 {
			s.loseAt = s.effects + 1 + r.IntN(60)
		}
		s.mu.Unlock()
		for range r.IntN(8) {
			time.Sleep(time.Duration(r.IntN(4000)) * time.Millisecond)
			if s.stored(id).Status.State.Terminal() {
				break
			}
			s.disturb(r, id)
		}
		st, problem := s.finish(id)
		end = st.Status.State
		s.mu.Lock()
		defer s.mu.Unlock()
		trace = slices.Clone(s.trace)
		return problem
	})
	return problem, trace, end
}
