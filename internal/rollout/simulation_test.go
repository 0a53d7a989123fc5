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
			time.Sleep(5 * time.Second) // leases are given back
			return st, s.wrong(st)
		}
		if st.Status.State == rollout.StatePaused {
			_, _ = s.service().Wish(context.Background(), id, rollout.Wish{Action: rollout.ActionResume, By: "bob", Role: "engineer"})
		}
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

// A manager is killed after every single effect that a rollout has, on the
// store, on a lease and on an engine, and started again. The end is the same.
func TestACrashAfterEveryEffect(t *testing.T) {
	for name, tc := range map[string]struct {
		spec rollout.Spec
		want rollout.State
	}{
		"completes":            {rollout.Spec{Image: "registry/amr:2", Robots: "all"}, rollout.StateCompleted},
		"rolls the robot back": {rollout.Spec{Image: "registry/amr:3", Robots: "all"}, rollout.StateFailed},
	} {
		t.Run(name, func(t *testing.T) {
			run := func(crashAt, loseAt int) (effects int, problem string) {
				problem = simulate(t, func() string {
					s := newSimulation(1, 2)
					defer s.close()
					id := s.begin(tc.spec)
					s.mu.Lock()
					s.effects, s.crashAt, s.loseAt = 0, crashAt, loseAt
					s.mu.Unlock()
					time.Sleep(90 * time.Second)
					s.mu.Lock()
					effects = s.effects
					s.mu.Unlock()
					st, problem := s.finish(id)
					if problem == "" && st.Status.State != tc.want {
						problem = fmt.Sprintf("is %s: %s", st.Status.State, st.Status.Reason)
					}
					if problem != "" {
						problem += "\n" + strings.Join(s.trace, "\n")
					}
					return problem
				})
				return effects, problem
			}
			effects, problem := run(0, 0)
			if problem != "" {
				t.Fatal(problem)
			}
			for n := 1; n <= effects; n++ {
				if _, problem := run(n, 0); problem != "" {
					t.Fatalf("crash after effect %d of %d: %s", n, effects, problem)
				}
				if _, problem := run(0, n); problem != "" {
					t.Fatalf("lost reply of effect %d of %d: %s", n, effects, problem)
				}
			}
			t.Logf("a crash after each of %d effects, and the loss of each reply", effects)
		})
	}
}

// Whatever goes wrong, in whatever order: every robot ends on one image, wholly,
// and never more are down than may be. A failure prints its seed.
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

func (s *simulation) randomSpec(r *rand.Rand) rollout.Spec {
	spec := rollout.Spec{
		Image: []string{"registry/amr:2", "registry/amr:2", "registry/amr:3"}[r.IntN(3)], Robots: "all",
		MaxUnavailable: rollout.Robots(1 + r.IntN(2)), MaxFailures: rollout.Robots(r.IntN(2)),
		OnFailure: []rollout.OnFailure{"", rollout.RollBackWave, rollout.RollBackAll}[r.IntN(3)],
		Before:    rollout.Before{Moving: r.IntN(3) == 0, WavePulled: r.IntN(3) == 0},
		After:     rollout.After{Window: rollout.Duration(2 * time.Second)},
	}
	if r.IntN(4) == 0 {
		spec.Soak = rollout.Duration(10 * time.Second)
	}
	if r.IntN(4) == 0 {
		spec.Approval = rollout.Approval{Before: rollout.ApproveEach}
	}
	if r.IntN(3) == 0 {
		spec.Waves = []rollout.Wave{"50%", "100%"}
	}
	return spec
}

// disturb lets one thing go wrong, or a person want something.
func (s *simulation) disturb(r *rand.Rand, id string) {
	robot := s.robots[r.IntN(len(s.robots))]
	last := time.Duration(500+r.IntN(20_000)) * time.Millisecond
	set := func(what string, change, back func(*rollouttest.Condition)) {
		s.note("%s %s for %v", robot, what, last)
		s.fleet.Set(robot, change)
		s.wg.Go(func() { time.Sleep(last); s.fleet.Set(robot, back) })
	}
	type condition = rollouttest.Condition
	switch r.IntN(13) {
	case 0:
		s.mu.Lock()
		p := s.procs[r.IntN(2)]
		s.mu.Unlock()
		s.crash(p)
	case 1:
		s.note("the lease is lost")
		s.elector.Depose(0)
	case 2:
		late := time.Duration(r.IntN(5000)) * time.Millisecond
		s.note("the lease is lost, and its holder acts for %v more", late)
		s.elector.Depose(late)
	case 3:
		s.note("the store is cut off for %v", last)
		s.store.SetDown(true)
		s.wg.Go(func() { time.Sleep(last); s.store.SetDown(false) })
	case 4:
		set("is not reached", func(c *condition) { c.Engine = fleet.EngineDown }, func(c *condition) { c.Engine = fleet.EngineUp })
	case 5:
		set("has an engine that hangs", func(c *condition) { c.Engine = fleet.EngineHung }, func(c *condition) { c.Engine = fleet.EngineUp })
	case 6:
		set("is off", func(c *condition) { c.Off = true }, func(c *condition) { c.Off = false })
	case 7:
		set("has a full disk", func(c *condition) { c.Full = true }, func(c *condition) { c.Full = false })
	case 8:
		set("does not reach the registry", func(c *condition) { c.NoRegistry = true }, func(c *condition) { c.NoRegistry = false })
	case 9:
		set("stops slowly", func(c *condition) { c.StopTime = last }, func(c *condition) { c.StopTime = 0 })
	case 10:
		set("drives", func(c *condition) { c.Moving = true }, func(c *condition) { c.Moving = false })
	case 11:
		jump := time.Duration(r.IntN(7200)-3600) * time.Second
		s.note("the clock is set by %v", jump)
		s.jump.Add(int64(jump))
	case 12:
		w := rollout.Wish{Action: rollout.Actions[r.IntN(len(rollout.Actions))], By: "bob", Role: "engineer", Reason: "because"}
		if r.IntN(2) == 0 {
			w.Robot = robot
		}
		_, err := s.service().Wish(context.Background(), id, w)
		s.note("bob wants: %s %s: %v", w.Action, w.Robot, err)
	}
}
