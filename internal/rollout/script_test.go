package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/muster-fleet/muster/internal/fleet"
)

// script plays commands on a world and tells what happens, in words.
//
//	fleet 3 [at 2026-11-23 21:30]   robots r1, r2, r3 (stations 0 and 1 in turn) and a date
//	robot r1 drives                 see states
//	robot r1 fails pull 2 times: connection reset     (or: fails replace for good: …)
//	plan, with the spec below it    starts a rollout; ada starts it
//	advance 30s                     time passes
//	until r1 verifying, until ended time passes until then, a day at most
//	effect r1                       what is under way on a slow robot ends well
//	lose-reply r1                   it has ended well, but the reply is lost
//	crash-runner [landed]           another runner begins; what was under way is cut, or has landed
//	lose-lease r1, domain down, clock -1h
//	limit 2                             robots of the whole fleet that may be down
//	elsewhere r6 in other, station=0    another rollout has r6 down; none ends that
//	lock r1 by bob: reason          an operator's lock, unlock takes it away
//	pause, resume, abort, rollback [r1], skip r1, retry r1, override r1, approve [1]; by bob as operator: reason
//	show                            how all robots stand, and what an operator may do
//	rollback-ended                  plans the rollback of a rollout that has ended
type script struct {
	*world
	trace trace
	looks map[string]*look
}

func newScript() *script { return &script{} }

// block plays commands and returns what is seen.
func (s *script) block(t *testing.T, commands []scriptCommand) string {
	s.trace.begin()
	for _, c := range commands {
		require.NoError(t, s.play(c), "%s\n%s", c.line, s.trace.text())
	}
	if s.world != nil {
		s.trace.waits(s.world)
	}
	return s.trace.text()
}

var commandWord = regexp.MustCompile(`^[a-z-]+`)

func (s *script) play(c scriptCommand) error {
	verb := commandWord.FindString(c.line)
	rest := strings.TrimPrefix(c.line[len(verb):], " ")
	switch verb {
	case "fleet":
		return s.fleet(rest)
	case "plan":
		return s.start(c.body)
	case "rollback-ended":
		return s.undo()
	case "robot":
		id, state, _ := strings.Cut(rest, " ")
		return s.robot(id, state)
	case "advance":
		d, err := time.ParseDuration(rest)
		s.pass(d, func() bool { return false })
		return err
	case "until":
		return s.until(rest)
	case "effect", "lose-reply":
		return s.effectOf(rest, verb == "lose-reply")
	case "crash-runner":
		return s.crashRunner(rest == "landed")
	case "lose-lease":
		s.robots[rest].held = false
	case "domain":
		s.domainDown = rest == "down"
	case "clock":
		d, err := time.ParseDuration(rest)
		s.now = s.now.Add(d)
		s.since, s.set = s.now, d // the runner notices that the clock was set
		s.settle()
		return err
	case "elsewhere":
		return s.downElsewhere(rest)
	case "limit":
		n, err := strconv.Atoi(rest)
		s.fleetLimit = n
		return err
	case "lock", "unlock":
		return s.lockBy(verb, rest)
	case "show":
		s.trace.show(s.world)
	default:
		return s.want(verb, rest)
	}
	return nil
}

func (s *script) fleet(text string) error {
	count, at, dated := strings.Cut(text, " at ")
	now := t0
	if dated {
		t, err := time.Parse("2006-01-02 15:04", at)
		if err != nil {
			return err
		}
		now = t
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	s.world = newFleet(now, n)
	s.trace.now = nil
	s.looks = make(map[string]*look)
	for id := range s.robots {
		s.looks[id] = &look{hz: 10, since: now}
	}
	s.look = func(id string, r *fleet.Robot) { s.looks[id].at(s.world, id, r) }
	return nil
}

// start reads a spec as the command-line client does and begins the rollout.
func (s *script) start(text string) error {
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
		return err
	}
	b, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	spec, err := ParseSpec(b)
	if err != nil {
		return err
	}
	if err := s.begin(spec); err != nil {
		s.trace.printf("the plan is refused: %v", err)
		return nil
	}
	s.trace.plan(s.world)
	s.settle()
	return nil
}

func (s *script) undo() error {
	p, err := NewUndo(UndoInput{
		ID: "undo", Plan: s.plan, Status: s.status, By: "ada", Generation: 8, Fleet: s.snapshot(), Busy: s.claims(), Now: s.now,
	})
	if err != nil {
		s.trace.printf("the plan is refused: %v", err)
		return nil
	}
	for id, r := range s.robots {
		seen := s.fleetRobot(id)
		for _, c := range seen.Containers {
			if c.Role == fleet.RoleCurrent {
				*r = simRobot{
					oldRuns: c.Running(), was: &c, engine: r.engine, fail: make(map[Verb][]Result),
					moving: r.moving, charging: r.charging, station: r.station, lastSeen: s.now,
				}
			}
		}
	}
	s.plan = p
	s.status = Status{Version: 1, Rollout: p.ID, State: StateRunning, StartedAt: s.now}
	s.trace.plan(s.world)
	s.settle()
	return nil
}

// pass lets time pass until it is over or a condition holds: in coarser steps
// once it takes long.
func (s *script) pass(d time.Duration, enough func() bool) {
	step := 500 * time.Millisecond
	for begin, end := s.now, s.now.Add(d); s.now.Before(end) && !enough(); {
		if s.now.Sub(begin) >= time.Hour {
			step = 30 * time.Second
		}
		s.now = s.now.Add(min(step, end.Sub(s.now)))
		if s.plan.ID != "" {
			s.settle()
		}
	}
}

func (s *script) until(text string) error {
	id, step, aboutRobot := strings.Cut(text, " ")
	holds := func() bool {
		if aboutRobot {
			return s.status.Robot(id).Step == Step(step)
		}
		return s.status.State == State(text) || text == "ended" && s.status.State.Terminal()
	}
	if s.pass(24*time.Hour, func() bool { return holds() || s.status.State.Terminal() }); !holds() {
		return fmt.Errorf("%s was not seen", text)
	}
	return nil
}

// settle decides and carries out until nothing more happens at this moment. What
// is under way on a slow robot stays so.
func (s *script) settle() {
	for range 1000 {
		before := s.status.clone()
		s.decide()
		s.trace.decision(s.world, before, s.looks)
		idle := before.same(s.status)
		for _, rp := range s.plan.Robots {
			if s.robots[rp.Robot].busy != nil && !s.looks[rp.Robot].slow {
				s.end(rp.Robot, nil)
				idle = false
			}
		}
		if idle {
			return
		}
	}
	panic("the world does not settle")
}

// end carries out the verb under way and reports its end, or another that the
// runner hears instead.
func (s *script) end(id string, instead *Result) {
	r := s.effect(id)
	s.trace.effect(s.world, id, r)
	if instead != nil {
		instead.Verb = r.Verb
		r = *instead
	}
	s.finish(id, r)
}

func (s *script) effectOf(id string, lost bool) error {
	r := s.robots[id]
	if r == nil || r.busy == nil {
		return fmt.Errorf("nothing is under way on %s", id)
	}
	if lost {
		s.end(id, &Result{Err: "connection reset"})
		s.trace.printf("%s  the reply is lost", id)
	} else {
		s.end(id, nil)
	}
	s.settle()
	return nil
}

// crashRunner lets another runner begin. What was under way is cut off, or has
// landed on the engine although nobody heard of it.
func (s *script) crashRunner(landed bool) error {
	for _, rp := range s.plan.Robots {
		if r := s.robots[rp.Robot]; r.busy != nil && landed {
			s.trace.effect(s.world, rp.Robot, s.effect(rp.Robot))
		}
	}
	s.crash()
	s.trace.printf("another runner begins")
	s.settle()
	return nil
}

// downElsewhere lets other rollouts have a robot down: "r6 in other, station=0".
func (s *script) downElsewhere(text string) error {
	s.elsewhere = nil
	if text != "none" {
		m := regexp.MustCompile(`^(\w+) in (\w+)(?:, (\w+)=(\w+))?(, needs an operator)?$`).FindStringSubmatch(text)
		if m == nil {
			return fmt.Errorf("%q is no robot in a rollout", text)
		}
		s.elsewhere = []Elsewhere{{Robot: m[1], Rollout: m[2], Labels: map[string]string{m[3]: m[4]}, Helpless: m[5] != ""}}
	}
	if s.plan.ID != "" {
		s.settle()
	}
	return nil
}

func (s *script) lockBy(verb, text string) error {
	id, by, reason := wishWords(text)
	r := s.robots[id]
	if r == nil {
		return errors.New("no such robot")
	}
	r.hold = nil
	if verb == "lock" {
		r.hold = &Hold{Robot: id, By: by, Reason: reason, At: s.now}
	}
	if s.plan.ID != "" {
		s.settle()
	}
	return nil
}

// want is an operator's action on the rollout or on a robot.
func (s *script) want(action, text string) error {
	if reflect.ValueOf(s.plan).IsZero() {
		return fmt.Errorf("no rollout to %s", action)
	}
	subject, by, reason := wishWords(text)
	by, role, hasRole := strings.Cut(by, " as ")
	if !hasRole {
		role = "engineer"
	}
	for name := range strings.SplitSeq(by, " and ") { // at the same moment
		w := Wish{Action: Action(action), Robot: subject, By: name, Role: role, Reason: reason, At: s.now}
		if w.Action == ActionApprove {
			wave, _ := s.status.nextApproval(&s.plan)
			if subject != "" {
				wave, _ = strconv.Atoi(subject)
			}
			w.Robot, w.Wave = "", &wave
		}
		if err := CheckWish(&s.plan, &s.status, w); err != nil {
			s.trace.printf("refused: %v", err)
			continue
		}
		s.seq++
		w.Seq = s.seq
		s.wishes = append(s.wishes, w)
	}
	s.settle()
	return nil
}

// wishWords takes "r1 by bob: reason" apart; ada says what nobody else does.
func wishWords(text string) (subject, by, reason string) {
	text, reason, _ = strings.Cut(text, ": ")
	subject, by, found := strings.Cut(" "+text, " by ")
	if !found {
		by = "ada"
	}
	return strings.TrimSpace(subject), by, reason
}
