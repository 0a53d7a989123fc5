package rollout_test

import (
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

	mu      sync.Mutex
	procs   [2]*process               // guarded by mu
	effects int                       // guarded by mu; of all kinds
	crashAt int                       // guarded by mu; the effect after which its process dies; 0 for none
	loseAt  int                       // guarded by mu; the effect of which the reply is lost
	trace   []string                  // guarded by mu
	stands  map[string]rollout.Status // guarded by mu; as last stored, by rollout
	most    int                       // guarded by mu; robots that may be down
	bad     string                    // guarded by mu; the first thing that must never be
	began   time.Time
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

func newSimulation(seed uint64, robots int) *simulation {
	s := &simulation{
		Rand: rand.New(rand.NewPCG(seed, 7)), store: rollouttest.NewStore(), began: time.Now(), stands: make(map[string]rollout.Status),
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
	was := s.stands[st.Rollout]
	for _, robot := range s.robots {
		if old, rs := was.Robot(robot), st.Robot(robot); old.Step != rs.Step {
			s.trace = append(s.trace, fmt.Sprintf("%8.3f %s %s: %s → %s: %s", time.Since(s.began).Seconds(), st.Rollout, robot, old.Step, rs.Step, rs.Reason))
		}
	}
	s.stands[st.Rollout] = st
	down := 0
	for _, st := range s.stands {
		for _, rs := range st.Robots {
			if rs.Step.Down() {
				down++
			}
		}
	}
	if down > s.most && s.bad == "" {
		s.bad = fmt.Sprintf("%d robots are down, %d may be", down, s.most)
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
	s.mu.Lock()
	s.most = max(s.most, spec.MaxUnavailable.Count, 1)
	s.mu.Unlock()
	for {
		r, err := s.service().Start(context.Background(), spec, "ada", false)
		if err == nil {
			return r.ID
		}
		if !errors.Is(err, errDead) {
			panic(err)
		}
		time.Sleep(time.Second)
	}
}

// queue starts a rollout that waits for the others' robots, if a manager takes it.
func (s *simulation) queue(spec rollout.Spec) (ids []string) {
	spec.Conflict = rollout.ConflictQueue
	s.mu.Lock()
	s.most = max(s.most, spec.MaxUnavailable.Count)
	s.mu.Unlock()
	r, err := s.service().Start(context.Background(), spec, "ada", false)
	s.note("ada queues another rollout: %s %v", r.ID, err)
	if err != nil {
		return nil
	}
	return []string{r.ID}
}

// finish heals everything and lets a person answer until the rollouts, which began
// in this order, have ended. It returns how they did.
func (s *simulation) finish(ids ...string) (all []rollout.Stored, problem string) {
	s.store.SetDown(false)
	s.mu.Lock()
	s.crashAt, s.loseAt = 0, 0
	s.mu.Unlock()
	for _, robot := range s.robots {
		s.fleet.Set(robot, func(c *rollouttest.Condition) { *c = rollouttest.Condition{Engine: fleet.EngineUp} })
	}
	for range 240 {
		time.Sleep(5 * time.Second)
		all = all[:0]
		open := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
			all = append(all, s.stored(id))
			return all[len(all)-1].Status.State.Terminal()
		})
		if len(open) == 0 {
			time.Sleep(30 * time.Second) // leases are given back, and stops that were given up have ended
			return all, s.wrong(all)
		}
		for _, id := range open {
			s.answer(id)
		}
	}
	var why []string
	for _, id := range ids {
		r, _ := s.service().Get(context.Background(), id)
		why = append(why, fmt.Sprintf("%s: %s %s %s", id, r.State, r.Reason, r.Held))
		for _, rr := range r.Robots {
			why = append(why, fmt.Sprintf("%s %s: %s %s", rr.Robot, rr.Step, rr.Why, rr.Reason))
		}
	}
	return all, fmt.Sprintf("did not end: %v", why)
}

// answer is what a person does who is asked.
func (s *simulation) answer(id string) {
	st := s.stored(id)
	if st.Status.State == rollout.StatePaused {
		_, _ = s.service().Wish(context.Background(), id, rollout.Wish{Action: rollout.ActionResume, By: "bob", Role: "engineer"})
	}
	s.takeBack(id, st)
	if r, err := s.service().Get(context.Background(), id); err == nil && r.Approval != nil {
		_, _ = s.service().Wish(context.Background(), id, rollout.Wish{Action: rollout.ActionApprove, By: "bob", Role: "engineer"})
	}
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
func (s *simulation) wrong(all []rollout.Stored) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad != "" {
		return s.bad
	}
	for _, robot := range s.robots {
		want, told, problem := s.should(robot, all)
		switch runs, names := s.fleet.Running(robot), s.fleet.Containers(robot); {
		case problem != "":
			return problem
		case want == "":
		case !slices.Equal(runs, []string{want}):
			return fmt.Sprintf("%s is %s and runs %v", robot, told, runs)
		case !slices.Equal(names, []string{"amr"}):
			return fmt.Sprintf("%s is %s and has the containers %v", robot, told, names)
		}
	}
	if held := s.elector.Locked(); len(held) > 0 {
		return fmt.Sprintf("the leases of %v are held", held)
	}
	return ""
}

// should is the digest that a robot runs after rollouts that ended so; "" when
// that can not be told.
func (s *simulation) should(robot string, all []rollout.Stored) (want, told, problem string) {
	want = rollouttest.OldDigest
	for _, st := range all {
		rs := st.Status.Robot(robot)
		told += fmt.Sprintf("%s (%s), ", rs.Step, rs.Reason)
		switch rs.Step {
		case rollout.StepDone:
			want = st.Plan.Image.Digest
		case rollout.StepNeedsOperator:
			if strings.HasPrefix(rs.Reason, "given up while it was ") {
				return "", "", "" // a person wanted it so, and the rollout ended before another did
			}
			return "", "", fmt.Sprintf("%s needs an operator: %s", robot, rs.Reason)
		case rollout.StepQueued, rollout.StepSkipped, rollout.StepFailed, rollout.StepRolledBack:
		default:
			return "", "", fmt.Sprintf("%s ends as %s", robot, rs.Step)
		}
	}
	return want, strings.TrimSuffix(told, ", "), ""
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
	ends, queued := make(map[rollout.State]int), 0
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for n := next.Add(1); n <= uint64(*simulations) && !failed.Load(); n = next.Add(1) {
				problem, trace, all := simulateSeed(t, n)
				if problem != "" {
					failed.Store(true)
					t.Errorf("-simulate %d: %s\n%s", n, problem, strings.Join(trace, "\n"))
				}
				mu.Lock()
				for _, state := range all {
					ends[state]++
				}
				queued += len(all) - 1
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d simulations, %d with another rollout queued, ended: %v", *simulations, queued, ends)
	if queued == 0 {
		t.Error("none queued a rollout: the simulations try too little")
	}
	for _, state := range []rollout.State{rollout.StateCompleted, rollout.StateFailed, rollout.StateAborted, rollout.StateRolledBack} {
		if !failed.Load() && ends[state] == 0 {
			t.Errorf("none ended %s: the simulations try too little", state)
		}
	}
}

func simulateSeed(t *testing.T, seed uint64) (problem string, trace []string, ends []rollout.State) {
	problem = simulate(t, func() string {
		r := rand.New(rand.NewPCG(seed, 9))
		s := newSimulation(seed, 1+r.IntN(3))
		defer s.close()
		ids := []string{s.begin(s.randomSpec(r))}
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
			if s.stored(ids[len(ids)-1]).Status.State.Terminal() {
				break
			}
			if len(ids) == 1 && r.IntN(8) == 0 {
				ids = append(ids, s.queue(s.randomSpec(r))...)
			}
			s.disturb(r, ids[r.IntN(len(ids))])
		}
		all, problem := s.finish(ids...)
		for _, st := range all {
			ends = append(ends, st.Status.State)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		trace = slices.Clone(s.trace)
		return problem
	})
	return problem, trace, ends
}
