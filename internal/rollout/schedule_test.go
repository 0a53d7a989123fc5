package rollout

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

var (
	schedules = flag.Int("schedules", 1000, "random schedules to try")
	seed      = flag.Uint64("seed", 0, "try only the schedule of this seed, and print it")
)

// Something bad never happens: whatever the plan and the order of events,
// faults, crashes and wishes. A failure prints its seed, which repeats it.
func TestNextIsSafeUnderAnySchedule(t *testing.T) {
	if *seed != 0 {
		s := newSchedule(*seed)
		err := s.run()
		t.Log(strings.Join(s.w.trace, "\n"))
		if err != "" {
			t.Fatal(err)
		}
		return
	}
	var next, failed atomic.Uint64
	var wg sync.WaitGroup
	var ends [4]atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for n := next.Add(1); n <= uint64(*schedules) && failed.Load() == 0; n = next.Add(1) {
				s := newSchedule(n)
				if err := s.run(); err != "" {
					failed.Store(n)
					t.Errorf("schedule -seed %d: %s\n%s", n, err, strings.Join(s.w.trace, "\n"))
				}
				switch s.w.status.State {
				case StateCompleted:
					ends[0].Add(1)
				case StateFailed:
					ends[1].Add(1)
				case StateAborted:
					ends[2].Add(1)
				case StateRolledBack:
					ends[3].Add(1)
				default:
				}
			}
		})
	}
	wg.Wait()
	t.Logf("of %d schedules %d completed, %d failed, %d were aborted, %d rolled back",
		*schedules, ends[0].Load(), ends[1].Load(), ends[2].Load(), ends[3].Load())
	for i := range ends {
		if failed.Load() == 0 && ends[i].Load() == 0 {
			t.Error("one of the ends was never reached: the schedules try too little")
		}
	}
}

// schedule is one random life of a rollout.
type schedule struct {
	*rand.Rand
	w      *world
	helped map[string]bool // robots that a person took over when they needed one
}

func newSchedule(seed uint64) *schedule {
	s := &schedule{Rand: rand.New(rand.NewPCG(seed, 42)), helped: make(map[string]bool)}
	pick := func(n int) int { return s.IntN(n) }
	spec := Spec{
		MaxUnavailable: Robots(1 + pick(3)), PullAhead: new(pick(3)), MaxFailures: Robots(pick(3)),
		Before: Before{Moving: pick(2) == 0, Charging: pick(4) == 0, WavePulled: pick(4) == 0},
	}
	spec.OnFailure = []OnFailure{"", RollBackWave, RollBackAll, PauseOnly}[pick(4)]
	spec.Offline = []Offline{"", OfflineWait, OfflineBlock}[pick(3)]
	spec.Waves = [][]Wave{nil, {"1", "50%"}, {"2"}, {"50%", "r1,r2"}, {"100%"}}[pick(5)]
	spec.Approval.Before = []ApprovalPoint{"", "", ApproveEach, ApproveFleet, ApproveCanary}[pick(5)]
	if spec.Approval.Before != "" {
		spec.Approval.OtherPerson = pick(2) == 0
	}
	if pick(3) == 0 {
		spec.MaxPer = []GroupLimit{{Label: "station", Max: 1}}
	}
	if pick(4) == 0 {
		spec.Soak = Duration(time.Duration(5+pick(60)) * time.Second)
	}
	if pick(4) == 0 {
		spec.Before.Windows = []string{[]string{"11:00-12:05", "12:01-12:03", "sat,sun 00:00-24:00"}[pick(3)]}
	}
	s.w = newWorld(1+pick(5), spec)
	if pick(3) == 0 {
		s.w.fleetLimit = 1 + pick(3)
	}
	s.w.witness = s.mayStop
	return s
}

// run returns what went wrong, "" when nothing did.
func (s *schedule) run() string {
	for range 5 + s.IntN(60) {
		s.event()
		if err := s.decide(); err != "" {
			return err
		}
	}
	return s.healAndFinish()
}

// event lets one thing happen.
func (s *schedule) event() {
	w := s.w
	id := w.plan.Robots[s.IntN(len(w.plan.Robots))].Robot
	r := w.robots[id]
	switch s.IntN(17) {
	case 0, 1, 2, 3, 4: // a verb ends
		if r.busy != nil {
			w.finish(id, w.effect(id))
		}
	case 5: // it took effect and the reply was lost
		if r.busy != nil {
			verb := r.busy.Verb
			w.effect(id)
			w.finish(id, Result{Verb: verb, Err: "connection reset"})
		}
	case 6: // it fails
		if r.busy != nil {
			w.finish(id, Result{Verb: r.busy.Verb, Err: "no space left on device", Fatal: s.IntN(2) == 0})
		}
	case 7, 8:
		w.now = w.now.Add(time.Duration(1+s.IntN(90)) * time.Second)
	case 9:
		w.crash()
	case 10:
		r.engine = []fleet.EngineState{fleet.EngineUp, fleet.EngineDown, fleet.EngineHung}[s.IntN(3)]
	case 11:
		r.deaf = s.IntN(3) == 0 // a verb that is cancelled goes on all the same
		r.moving, r.silentNew, r.crashNew = s.IntN(2) == 0, s.IntN(2) == 0, s.IntN(4) == 0
	case 12:
		r.held = r.held && s.IntN(2) == 0
		w.domainDown = s.IntN(2) == 0
	case 13:
		r.locked, r.offline, r.charging = s.IntN(3) == 0, s.IntN(3) == 0, s.IntN(3) > 0
	case 16:
		s.others()
	case 14, 15:
		a := Actions[s.IntN(len(Actions))]
		robot := ""
		if s.IntN(2) == 0 {
			robot = id
		}
		w.wish(a, robot, []string{"ada", "bob"}[s.IntN(2)], "because")
	}
}

// others lets other rollouts have robots down, no more than the fleet's limit allows,
// or leave some to an operator.
func (s *schedule) others() {
	w := s.w
	room := 0
	if w.fleetLimit > 0 {
		room = w.fleetLimit
		for _, rs := range w.status.Robots {
			if rs.Step.Down() || !rs.Begun.IsZero() && !rs.Step.Terminal() {
				room--
			}
		}
	}
	w.elsewhere = nil
	for i := range s.IntN(max(room, 0) + 1) {
		w.elsewhere = append(w.elsewhere, Elsewhere{
			Robot: fmt.Sprintf("x%d", i), Rollout: "other", Helpless: s.IntN(3) == 0, Undo: s.IntN(4) == 0,
		})
	}
}

// tooMany says that more robots are down than the fleet's limit allows.
func (s *schedule) tooMany(down int) string {
	for _, o := range s.w.elsewhere {
		if !o.Helpless && !o.Undo {
			down++
		}
	}
	if limit := s.w.fleetLimit; limit > 0 && down > limit {
		return fmt.Sprintf("%d robots of the fleet are down, %d may be", down, limit)
	}
	return ""
}

// decide lets Next decide, now and then twice, and looks at what it decided.
func (s *schedule) decide() string {
	w := s.w
	before, wishes := w.status.clone(), w.wishes
	if s.IntN(4) == 0 { // so many schedules find it all the same
		facts := w.facts()
		all := Next(w.plan, w.status, wishes, facts, w.now)
		if again := Next(w.plan, w.status, wishes, facts, w.now); !reflect.DeepEqual(all, again) {
			return fmt.Sprintf("the same input gave\n%+v\nand\n%+v", all, again)
		}
	}
	w.decide() // with the facts that are needed only
	return s.unsafe(before, wishes)
}

// unsafe says what of the last decision must never be, "" when all is well.
func (s *schedule) unsafe(before Status, wishes []Wish) string {
	w := s.w
	if before.State.Terminal() && !before.same(w.status) {
		return fmt.Sprintf("a terminal rollout changed: %+v → %+v", before, w.status)
	}
	down, perStation := 0, make(map[string]int)
	granted := s.granted(before, wishes)
	for i, rp := range w.plan.Robots {
		was, is := before.Robot(rp.Robot), w.status.Robot(rp.Robot)
		if a := granted[rp.Robot]; was.Step == StepNeedsOperator && (a[ActionRetry] || a[ActionSkip]) {
			s.helped[rp.Robot] = true
		}
		if err := s.badStep(i, was.Step, is, granted[rp.Robot]); err != "" {
			return fmt.Sprintf("%s: %s → %s: %s", rp.Robot, was.Step, is.Step, err)
		}
		if is.Step.Down() {
			down++
			perStation[w.robots[rp.Robot].station]++
		}
	}
	if down > w.plan.Spec.MaxUnavailable.Count {
		return fmt.Sprintf("%d robots are down, %d are allowed", down, w.plan.Spec.MaxUnavailable.Count)
	}
	if why := s.tooMany(down); why != "" {
		return why
	}
	for station, n := range perStation {
		if len(w.plan.Spec.MaxPer) > 0 && n > 1 {
			return fmt.Sprintf("%d robots of station %s are down", n, station)
		}
	}
	for _, c := range w.last.Commands {
		rp := w.plan.Robots[c.Robot]
		r := w.robots[rp.Robot]
		if c.Verb != VerbLock && !r.held {
			return fmt.Sprintf("%s on %s without the lease", c.Verb, rp.Robot)
		}
		if c.Verb != VerbReplace || !r.oldRuns {
			continue
		}
		if why := s.mayNotReplace(rp, r); why != "" {
			return fmt.Sprintf("%s is to be replaced although %s", rp.Robot, why)
		}
	}
	return w.bad
}

// granted are the actions on robots that were wished for and are taken in.
func (s *schedule) granted(before Status, wishes []Wish) map[string]map[Action]bool {
	m := make(map[string]map[Action]bool)
	if len(wishes) == 0 {
		return m
	}
	d := &decider{plan: &s.w.plan, facts: s.w.facts(), now: s.w.now, s: before.clone()}
	for _, wi := range wishes {
		refused := len(d.refused)
		if d.takeWish(wi); len(d.refused) > refused || wi.Robot == "" {
			continue
		}
		if m[wi.Robot] == nil {
			m[wi.Robot] = make(map[Action]bool)
		}
		m[wi.Robot][wi.Action] = true
	}
	return m
}

// badStep says why a robot must not have made this step.
func (s *schedule) badStep(i int, was Step, is RobotStatus, granted map[Action]bool) string {
	w := s.w
	rp, r := w.plan.Robots[i], w.robots[w.plan.Robots[i].Robot]
	switch {
	case was == is.Step:
	case was.Terminal() && !granted[ActionRetry] && (was != StepNeedsOperator || !granted[ActionSkip]) &&
		(is.Step != StepRollingBack || was != StepDone && (was != StepNeedsOperator || !is.Undo)):
		return "a terminal step was left"
	case was == StepDone && is.Step == StepRollingBack && w.status.Undo == UndoNone && !is.Undo && w.plan.Spec.Soak == 0:
		return "nobody asked for it"
	case is.Step == StepReplacing && was == StepWaiting && r.newRuns: // turned back by mistake
	case is.Step == StepReplacing && w.status.State != StateRunning && w.status.State != StatePaused: // a later robot may have paused it
		return "the rollout is " + string(w.status.State)
	case is.Step == StepReplacing && s.tooEarly(rp) != "":
		return s.tooEarly(rp)
	case is.Step == StepReplacing:
		return s.mayNotReplace(rp, r)
	case is.Step == StepDone && (!r.newRuns || r.silentNew || w.domainDown):
		return "it does not run, or is silent"
	}
	switch is.Step {
	case StepQueued, StepPulling, StepWaiting, StepSkipped, StepFailed:
		if (r.newRuns || !r.oldRuns) && !s.helped[rp.Robot] {
			return "it was touched"
		}
	default:
	}
	return ""
}

// healAndFinish ends all faults; then every robot ends on the old or the new
// image, never on both or neither, and the rollout ends.
func (s *schedule) healAndFinish() string {
	w := s.w
	w.domainDown, w.elsewhere = false, nil
	for _, r := range w.robots {
		r.engine, r.moving, r.locked, r.offline, r.charging = fleet.EngineUp, false, false, false, true
		r.deaf = false
	}
	for range 100 {
		if w.status.State.Terminal() {
			break
		}
		s.answer()
		before := w.status.clone()
		w.advanceBy(40*time.Second, 4*time.Second)
		if len(w.plan.Spec.Before.Windows) > 0 && before.same(w.status) {
			w.now = w.now.Add(20 * time.Minute) // it waits for its window
			if w.plan.Spec.Before.Windows[0] == "12:01-12:03" && w.now.Hour() != 12 {
				y, m, d := w.now.Date()
				w.now = time.Date(y, m, d+1, 12, 1, 0, 0, time.UTC)
			}
			if w.plan.Spec.Before.Windows[0][0] == 's' {
				w.now = w.now.Add(11 * time.Hour)
			}
		}
	}
	if !w.status.State.Terminal() {
		return fmt.Sprintf("did not end: %s: %s\n%v", w.status.State, w.status.Reason, w.last.Why)
	}
	for _, rp := range w.plan.Robots {
		if err := s.badEnd(rp); err != "" {
			return rp.Robot + " " + err
		}
	}
	return w.bad
}

// answer does what a person would: resume, approve, and give up on a robot that
// fails for ever.
func (s *schedule) answer() {
	w := s.w
	if _, waits := w.status.nextApproval(&w.plan); waits {
		w.wish(ActionApprove, "", "bob", "")
	}
	if w.status.State != StatePaused {
		return
	}
	for i, rp := range w.plan.Robots {
		for _, a := range robotActions(&w.plan, &w.status, i) {
			step := w.status.Robot(rp.Robot).Step
			if a == ActionRollback && step.Down() && w.plan.Spec.OnFailure == PauseOnly ||
				a == ActionSkip && step == StepNeedsOperator {
				s.helped[rp.Robot] = s.helped[rp.Robot] || a == ActionSkip
				w.wish(a, rp.Robot, "bob", "it never gets well")
			}
		}
	}
	w.wish(ActionResume, "", "bob", "")
}

func (s *schedule) badEnd(rp RobotPlan) string {
	w, r := s.w, s.w.robots[rp.Robot]
	step := w.status.Robot(rp.Robot).Step
	switch {
	case r.held || r.busy != nil:
		return "ends with its lease held"
	case r.oldRuns && r.newRuns:
		return "runs both containers"
	case step == StepNeedsOperator, s.helped[rp.Robot]:
	case step == StepDone && (!r.newRuns && !r.crashNew || r.oldRuns):
		return "is done and does not run the new container"
	case step != StepDone && !r.oldRuns:
		return fmt.Sprintf("is %s and does not run the old container", step)
	}
	return ""
}
