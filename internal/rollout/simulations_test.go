package rollout_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-fleet/muster/internal/rollout"
)

var (
	simulations = flag.Int("simulations", 300, "random simulations to run")
	simSeed     = flag.Uint64("simulate", 0, "run only the simulation of this seed, and print it")
)

// simulate runs f in a bubble and returns what it returns.
func simulate(t *testing.T, f func() string) (problem string) {
	synctest.Test(t, func(*testing.T) { problem = f() })
	return problem
}

// Whatever goes wrong, in whatever order: every robot ends on one image, wholly,
// and never more are down than may be. A failure prints its seed; -simulate repeats
// exactly that, see TestASeedRepeatsItsSimulation, and prints all that happens.
func TestSimulations(t *testing.T) {
	if *simSeed != 0 {
		problem, trace, _ := simulateSeed(t, *simSeed)
		t.Log(strings.Join(trace, "\n"))
		if problem != "" {
			t.Fatal(problem)
		}
		return
	}
	var failed atomic.Bool
	var mu sync.Mutex
	ends, queued := make(map[rollout.State]int), 0
	eachSeed(1, *simulations, func(seed uint64) {
		if failed.Load() {
			return
		}
		problem, trace, all := simulateSeed(t, seed)
		if problem != "" {
			failed.Store(true)
			t.Errorf("-simulate %d: %s\n%s", seed, problem, strings.Join(trace, "\n"))
		}
		mu.Lock()
		defer mu.Unlock()
		for _, state := range all {
			ends[state]++
		}
		queued += len(all) - 1
	})
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

// A failure that is found once in a hundred thousand seeds is of use when its seed
// shows it again, whatever the scheduler does: each line of the trace, at the same
// nanosecond, on one processor as on all.
func TestASeedRepeatsItsSimulation(t *testing.T) {
	const some = 60
	n, differ, lines := max(1, *simulations/5), 0, 0
	for from := 1; from <= n; from += some {
		batch := min(some, n-from+1)
		first := traces(t, from, batch)
		procs := runtime.GOMAXPROCS(1)
		second := traces(t, from, batch)
		runtime.GOMAXPROCS(procs)
		for i := range first {
			lines += len(first[i])
			if where := difference(first[i], second[i]); where != "" {
				differ++
				t.Errorf("-simulate %d: %s", from+i, where)
			}
		}
	}
	t.Logf("%d of %d seeds differ, %d lines", differ, n, lines)
	if lines < 50*n {
		t.Errorf("%d lines in %d traces: they tell too little", lines, n)
	}
}

// traces are those of so many seeds, each with how it ended.
func traces(t *testing.T, from, count int) [][]string {
	all := make([][]string, count)
	eachSeed(from, count, func(seed uint64) {
		problem, trace, ends := simulateSeed(t, seed)
		all[seed-uint64(from)] = append(trace, fmt.Sprintf("ends: %v %s", ends, problem))
	})
	return all
}

// difference shows the first lines of two traces that are not the same.
func difference(a, b []string) string {
	for i := range max(len(a), len(b)) {
		if i < min(len(a), len(b)) && a[i] == b[i] {
			continue
		}
		around := func(trace []string) string {
			return strings.Join(trace[min(len(trace), max(0, i-3)):min(len(trace), i+4)], "\n")
		}
		return fmt.Sprintf("line %d is, first,\n%s\nand then\n%s", i+1, around(a), around(b))
	}
	return ""
}

// eachSeed calls do for so many seeds, some at the same time.
func eachSeed(from, count int, do func(seed uint64)) {
	var done atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for n := done.Add(1); n <= int64(count); n = done.Add(1) {
				do(uint64(from) + uint64(n) - 1)
			}
		})
	}
	wg.Wait()
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
			time.Sleep(upTo(r, 4*time.Second))
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
		trace = named(s.trace)
		return problem
	})
	return problem, trace, ends
}
