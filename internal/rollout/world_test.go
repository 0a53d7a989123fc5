package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

var t0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	oldDigest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	newDigest = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

// world is a small fleet that obeys the verbs of Next: it plays runner, store,
// engines and robots in one, one event at a time, so that a test can cut it
// anywhere.
type world struct {
	plan   Plan
	status Status
	wishes []Wish
	seq    uint64
	now    time.Time
	since  time.Time     // of the present runner
	set    time.Duration // by how much its clock was set and Next does not know yet

	robots map[string]*simRobot
	last   Decision
	trace  []string
	verbs  int // carried out so far

	domainDown bool
	elsewhere  []Elsewhere
	fleetLimit int
	bad        string // the first thing that must never happen

	look func(id string, r *fleet.Robot) // what a test changes of how a robot looks
	// witness judges by the world alone whether a robot's old container may be
	// stopped at this moment.
	witness func(id string) string
}

// simRobot is a robot with its two containers.
type simRobot struct {
	newMade, newRuns, oldRuns, oldGone bool
	pulled                             bool
	newSince                           time.Time
	silentNew                          bool // the new image never publishes
	crashNew                           bool // the new container ends at once
	engine                             fleet.EngineState
	moving                             bool
	offline                            bool
	undone                             bool // rolled back, and the successor is still there
	locked                             bool // asks not to be updated
	deaf                               bool // a cancelled verb goes on
	ghost                              bool // its old nodes stay in the graph
	noPose                             bool
	mute                               bool // has no node and no topic that is known
	lastSeen                           time.Time
	stopped                            bool // its container was found stopped
	health                             string
	charging                           bool
	station                            string
	was                                *fleet.Container // what the old container is a copy of, nil for the plain one
	hold                               *Hold
	claimed                            string // the rollout that has the robot instead
	probes                             []Gate // the answers to the spec's checks
	probed                             time.Time

	held    bool
	foreign string // holds the lease instead of us
	retryAt time.Time
	busy    *Command
	result  *Result
	fail    map[Verb][]Result // what the next tries of a verb give
}

func newWorld(n int, spec Spec) *world { return newWorldAt(t0, n, spec) }

func newWorldAt(now time.Time, n int, spec Spec) *world {
	w := newFleet(now, n)
	if err := w.begin(spec); err != nil {
		panic(err)
	}
	return w
}

// newFleet is a world without a rollout.
func newFleet(now time.Time, n int) *world {
	w := &world{now: now, since: now, robots: make(map[string]*simRobot)}
	for i := range n {
		id := fmt.Sprintf("r%d", i+1)
		w.robots[id] = &simRobot{oldRuns: true, engine: fleet.EngineUp, fail: make(map[Verb][]Result), charging: true, station: fmt.Sprint(i % 2), lastSeen: now}
	}
	return w
}

// begin plans a rollout on the fleet as it is.
func (w *world) begin(spec Spec) error {
	if spec.Image == "" {
		spec.Image = "registry/amr:2"
	}
	if spec.Robots == "" {
		spec.Robots = "all"
	}
	p, err := NewPlan(PlanInput{
		ID: "ro", By: "ada", Spec: spec, Generation: 7, Fleet: w.snapshot(), Now: w.now, Holds: w.holds(), Busy: w.claims(),
		Image: PinnedImage{Ref: spec.Image, Repository: "registry/amr", Digest: newDigest},
	})
	if err != nil {
		return err
	}
	w.plan = p
	w.status = Status{Version: 1, Rollout: "ro", State: StateRunning, StartedAt: w.now}
	return nil
}

func (w *world) facts() Facts {
	return w.factsOf(func(int) bool { return true })
}

// factsOf has the robots that are asked for.
func (w *world) factsOf(needed func(i int) bool) Facts {
	f := Facts{Since: w.since, Set: w.set, DomainOK: !w.domainDown, DownElsewhere: w.elsewhere, Robots: make(map[string]RobotFacts)}
	f.FleetLimit = w.fleetLimit
	for i, rp := range w.plan.Robots {
		id := rp.Robot
		s := w.robots[id]
		if !needed(i) && !s.held && s.busy == nil {
			continue
		}
		rf := RobotFacts{
			Known: true, Robot: w.fleetRobot(id), Held: s.held, LockedBy: s.foreign, LockRetryAt: s.retryAt,
			Engine: fleet.Engine{Name: "e-" + id, State: s.engine, Error: "connection refused"}, Result: s.result,
			Hold: s.hold, Claimed: s.claimed, Probes: s.probes, ProbedAt: s.probed,
		}
		if s.busy != nil {
			rf.Busy = s.busy.Verb
		}
		f.Robots[id] = rf
	}
	return f
}

// decide runs Next once and stores and starts what it says.
func (w *world) decide() {
	before := w.status.clone()
	needed := Needed(&w.plan, &w.status)
	d := Next(w.plan, w.status, w.wishes, w.factsOf(needed), w.now)
	w.wishes = slices.DeleteFunc(slices.Clone(w.wishes), func(wi Wish) bool { return wi.Seq <= d.Status.Wish })
	w.last, w.status, w.set = d, d.Status, 0
	for _, s := range w.robots {
		s.result = nil
	}
	for _, id := range d.Cancel {
		if s := w.robots[id]; s.busy != nil && !s.deaf {
			w.finish(id, Result{Verb: s.busy.Verb, Err: "cancelled"})
		}
	}
	for _, c := range d.Commands {
		w.robots[w.plan.Robots[c.Robot].Robot].busy = &c
	}
	w.note(before)
}

// wish adds an operator's wish.
func (w *world) wish(a Action, robot, by, reason string) {
	w.seq++
	wi := Wish{Seq: w.seq, Action: a, Robot: robot, By: by, Role: "engineer", Reason: reason, At: w.now}
	if wave, waits := w.status.nextApproval(&w.plan); waits && a == ActionApprove {
		wi.Wave = &wave // as the service does
	}
	w.wishes = append(w.wishes, wi)
}

func (w *world) note(before Status) {
	for _, rp := range w.plan.Robots {
		was, is := before.Robot(rp.Robot), w.status.Robot(rp.Robot)
		if was.Step != is.Step {
			w.tracef("%s %s → %s: %s", rp.Robot, was.Step, is.Step, is.Reason)
		}
	}
	if before.State != w.status.State {
		w.tracef("rollout %s → %s: %s", before.State, w.status.State, w.status.Reason)
	}
}

func (w *world) tracef(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%6s  ", w.now.Sub(t0).Round(100*time.Millisecond))+fmt.Sprintf(format, args...))
}

// effect carries out the verb in flight of a robot, in the world only.
func (w *world) effect(id string) Result {
	s := w.robots[id]
	verb := s.busy.Verb
	w.verbs++
	if next := s.fail[verb]; len(next) > 0 {
		s.fail[verb] = next[1:]
		next[0].Verb = verb
		return next[0]
	}
	if s.engine != fleet.EngineUp && verb != VerbLock && verb != VerbUnlock {
		return Result{Verb: verb, Err: "connection refused"}
	}
	switch verb {
	case VerbPull:
		s.pulled = true
	case VerbReplace:
		if s.undone {
			return Result{Verb: verb, Err: "generation 7 was rolled back here", Fatal: true}
		}
		if s.oldRuns {
			if why := w.notReady(id); why != "" {
				return Result{Verb: verb, Err: why, NotNow: true}
			}
			if w.witness != nil && w.bad == "" {
				w.bad = w.witness(id)
			}
		}
		s.newMade, s.oldRuns, s.newRuns, s.newSince = true, false, !s.crashNew, w.now
	case VerbRollback:
		if s.oldGone {
			w.bad = id + " is rolled back after its old container was removed"
			return Result{Verb: verb, Err: "there is no old container", Fatal: true}
		}
		s.newRuns, s.oldRuns, s.undone = false, !s.stopped, s.newMade
	case VerbCommit:
		if !s.newRuns {
			w.bad = id + " loses its old container and does not run the new one"
		}
		s.oldGone = true
	case VerbDiscard:
		s.newMade, s.newRuns, s.undone = false, false, false
	case VerbLock:
		s.held = s.foreign == ""
		if !s.held {
			s.retryAt = w.now.Add(2 * time.Second)
		}
	case VerbUnlock:
		s.held = false
	case VerbProbe:
		s.probed = w.now
	}
	return Result{Verb: verb}
}

// notReady asks as Replace does, before it stops the old container.
func (w *world) notReady(id string) string {
	i := slices.IndexFunc(w.plan.Robots, func(rp RobotPlan) bool { return rp.Robot == id })
	return Ready(w.plan, w.status, w.facts(), i, w.now)
}

// finish reports a verb's end to the runner.
func (w *world) finish(id string, r Result) {
	s := w.robots[id]
	s.busy = nil
	if r.Verb != VerbLock && r.Verb != VerbUnlock {
		s.result = &r
	}
}

// settle carries out what is in flight and decides until nothing more happens
// at this moment.
func (w *world) settle() {
	for range 1000 {
		before := w.status.clone()
		w.decide()
		idle := before.same(w.status)
		for _, rp := range w.plan.Robots {
			if w.robots[rp.Robot].busy != nil {
				w.finish(rp.Robot, w.effect(rp.Robot))
				idle = false
			}
		}
		if idle {
			return
		}
	}
	panic("the world does not settle")
}

// advance lets time pass in steps of half a second.
func (w *world) advance(d time.Duration) { w.advanceBy(d, 500*time.Millisecond) }

// advanceBy lets time pass in coarser steps, until the rollout ends.
func (w *world) advanceBy(d, step time.Duration) {
	for end := w.now.Add(d); w.now.Before(end) && !w.status.State.Terminal(); {
		w.now = w.now.Add(step)
		w.settle()
	}
}

// crash replaces the runner: it forgets what was in flight and its leases.
func (w *world) crash() {
	w.since = w.now
	for _, s := range w.robots {
		s.busy, s.result, s.held = nil, nil, false
	}
}
