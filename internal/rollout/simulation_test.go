package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/rollout/rollouttest"
)

// simulation is two managers, their store, and a fleet of engines, in the time
// of one bubble. A seed decides on all that goes wrong.
type simulation struct {
	seed    uint64
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
		seed: seed, store: rollouttest.NewStore(), began: time.Now(), stands: make(map[string]rollout.Status),
	}
	s.elector = rollouttest.NewElector(s.store)
	s.fleet = rollouttest.NewFleet(nil, robots)
	s.fleet.After = func(ctx context.Context, robot, effect string) error {
		return s.after(processOf(ctx), robot+": "+effect)
	}
	s.fleet.Now = s.now
	s.fleet.Latency = func(ctx context.Context, robot string) time.Duration {
		return s.latency(processOf(ctx).name + " " + robot)
	}
	for i := range robots {
		s.robots = append(s.robots, fmt.Sprintf("r%d", i+1))
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.wg.Go(func() { s.fleet.Run(ctx, time.Second) })
	for i := range s.procs {
		s.procs[i] = s.startProcess(i, 1)
		time.Sleep(s.latency("start")) // the first one is elected
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
	s.tracef(format, args...)
}

// tracef wants the lock.
func (s *simulation) tracef(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf("%13.9f ", time.Since(s.began).Seconds())+fmt.Sprintf(format, args...))
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
	pause := s.chance(p.name+" is away", 5*time.Second)
	s.wg.Go(func() {
		p.wg.Wait()
		time.Sleep(pause)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.procs[p.number] == p {
			s.procs[p.number] = s.startProcess(p.number, p.life+1)
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
			s.tracef("%s %s: %s → %s: %s", st.Rollout, robot, old.Step, rs.Step, rs.Reason)
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
