package rollout

import (
	"fmt"
	"slices"
	"strings"
)

// trace tells what happens to a world, one line for each thing, under the time
// of its day.
type trace struct {
	out   strings.Builder
	clock string
	told  map[string]string // by robot: what it waits for, as last told
	again map[string]int    // by robot: how often its verb has failed alike
	now   func() string
}

func (t *trace) begin() {
	t.out.Reset()
	t.clock = ""
}

func (t *trace) text() string {
	if t.out.Len() == 0 {
		return "nothing happens\n"
	}
	return t.out.String()
}

// digests are written as what they stand for.
var digests = strings.NewReplacer(oldDigest, "v1", newDigest, "v2", shortDigest(oldDigest), "v1", shortDigest(newDigest), "v2")

func (t *trace) printf(format string, args ...any) {
	clock := ""
	if t.now != nil {
		clock = t.now()
	}
	shown := clock
	if clock == t.clock {
		shown = strings.Repeat(" ", len(clock))
	}
	t.clock = clock
	t.out.WriteString(strings.TrimRight(shown+"  "+digests.Replace(fmt.Sprintf(format, args...)), " ") + "\n")
}

// plan tells who is in which wave, and who is left out.
func (t *trace) plan(w *world) {
	t.told, t.again = make(map[string]string), make(map[string]int)
	t.now = func() string {
		if w.now.YearDay() != w.plan.CreatedAt.YearDay() {
			return w.now.Format("Mon 15:04:05.0")
		}
		return w.now.Format("15:04:05.0")
	}
	waves := make([][]string, w.plan.Waves)
	for _, rp := range w.plan.Robots {
		if rp.Skip == "" {
			waves[rp.Wave] = append(waves[rp.Wave], rp.Robot)
		}
	}
	for i, robots := range waves {
		t.printf("wave %d: %s", i, strings.Join(robots, " "))
	}
	for _, rp := range w.plan.Robots {
		if rp.Skip != "" {
			t.printf("left out: %s %s", rp.Robot, rp.Skip)
		}
	}
}

// decision tells what the last decision changed.
func (t *trace) decision(w *world, before Status, looks map[string]*look) {
	for _, a := range w.status.Approved[min(len(before.Approved), len(w.status.Approved)):] {
		t.printf("wave %d is approved by %s", a.Wave, a.By)
	}
	for _, refused := range w.last.Refused {
		t.printf("refused: %s", refused)
	}
	if before.State != w.status.State {
		t.printf("the rollout is %s: %s", w.status.State, w.status.Reason)
	}
	for _, rp := range w.plan.Robots {
		was, is := before.Robot(rp.Robot), w.status.Robot(rp.Robot)
		if was.Step != is.Step {
			t.printf("%s  %s → %s: %s", rp.Robot, was.Step, is.Step, is.Reason)
		}
	}
	for _, id := range w.last.Cancel {
		if said := "is told to stop what is under way"; t.told[id] != said {
			t.told[id] = said
			t.printf("%s  %s", id, said)
		}
	}
	for _, c := range w.last.Commands {
		if id := w.plan.Robots[c.Robot].Robot; looks[id].slow {
			t.printf("%s  %s begins", id, c.Verb)
		}
	}
}

// effect tells how a verb ended on its robot. What is asked again and again is
// not told when it goes well, nor the same failure for ever.
func (t *trace) effect(w *world, id string, r Result) {
	s := w.robots[id]
	switch {
	case r.Verb == VerbProbe && r.Err == "":
	case r.Verb == VerbLock && s.foreign != "":
	case r.Err == "":
		t.printf("%s  %s", id, r.Verb)
	case r.Fatal:
		t.printf("%s  %s fails for good: %s", id, r.Verb, r.Err)
	default:
		if t.again[id]++; t.again[id] <= 3 {
			t.printf("%s  %s fails: %s", id, r.Verb, r.Err)
		} else if t.again[id] == 4 {
			t.printf("%s  %s fails: and so on", id, r.Verb)
		}
		return
	}
	t.again[id] = 0
}

// waits tells why each robot is not further, where that has changed.
func (t *trace) waits(w *world) {
	for _, rp := range w.plan.Robots {
		why := w.last.Why[rp.Robot].Text
		step := w.status.Robot(rp.Robot).Step
		if w.status.State.Terminal() {
			why = ""
		}
		if why != "" && t.told[rp.Robot] != why {
			t.printf("%s  (%s) %s", rp.Robot, step, why)
		}
		t.told[rp.Robot] = why
	}
}

// show tells how all stands, and what an operator may do.
func (t *trace) show(w *world) {
	r := MakeReport(w.plan, w.status, w.last.Why)
	t.printf("the rollout is %s: %s%s", r.State, r.Reason, may(r.Actions))
	for _, robot := range r.Robots {
		t.printf("%s  is %s: %s%s", robot.Robot, robot.Step, robot.Reason, may(robot.Actions))
		for _, g := range robot.Gates {
			t.printf("      %-12s %-12s %s", g.Outcome, g.Name, g.Reason)
		}
	}
}

func may(actions []Action) string {
	if len(actions) == 0 {
		return ""
	}
	words := make([]string, len(actions))
	for i, a := range actions {
		words[i] = string(a)
	}
	slices.Sort(words)
	return " [" + strings.Join(words, " ") + "]"
}
