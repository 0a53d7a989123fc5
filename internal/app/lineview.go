package app

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/muster-fleet/muster/internal/rollout"
)

// lineView prints a line for each change: of the rollout's state, of a robot's
// step, and of why it waits. It is what a log or a pipe gets.
type lineView struct {
	out    io.Writer
	now    func() time.Time
	header string // the line of the whole, as last printed but for its count
	held   string
	robots map[string]lineOf
}

// lineOf is what was printed of a robot.
type lineOf struct {
	step rollout.Step
	why  string
	at   time.Time // when why was printed
}

// figuresEvery is how often a reason is printed again of which only the figures
// changed: "pulled 3.1 MB of 80 MB".
const figuresEvery = 10 * time.Second

// namesInLine bounds the robots that are named in one line.
const namesInLine = 3

func (v *lineView) show(r rollout.Report) {
	if v.robots == nil {
		v.robots = make(map[string]lineOf)
	}
	v.whole(r)
	for _, rr := range r.Robots {
		was, known := v.robots[rr.Robot]
		if was.step == rr.Step {
			continue
		}
		if known || rr.Step != rollout.StepQueued {
			fmt.Fprintf(v.out, "%s  %-14s %s\n", rr.Robot, rr.Step, rr.Reason)
		}
		v.robots[rr.Robot] = lineOf{step: rr.Step}
	}
	v.reasons(r.Robots)
}

// whole prints what changed of the whole rollout.
func (v *lineView) whole(r rollout.Report) {
	if v.held != r.Held {
		if v.held = r.Held; v.held != "" {
			fmt.Fprintf(v.out, "rollout %s  held: %s\n", r.ID, r.Held)
		} else {
			fmt.Fprintf(v.out, "rollout %s  goes on\n", r.ID)
		}
	}
	if header := string(r.State) + " " + r.Reason; v.header != header {
		v.header = header
		fmt.Fprintf(v.out, "rollout %s  %s  %d/%d  %s\n", r.ID, r.State, r.Ended, r.Total, r.Reason)
	}
}

// reasons prints why robots wait where that changed, in one line for those that
// wait for the same.
func (v *lineView) reasons(robots []rollout.RobotReport) {
	type same struct {
		step rollout.Step
		why  string
	}
	var order []same
	names := make(map[same][]string)
	now := v.now()
	for _, rr := range robots {
		was := v.robots[rr.Robot]
		if was.why == rr.Why || inWords(was.why) == inWords(rr.Why) && now.Sub(was.at) < figuresEvery {
			continue
		}
		v.robots[rr.Robot] = lineOf{rr.Step, rr.Why, now}
		if rr.Why == "" {
			continue
		}
		s := same{rr.Step, rr.Why}
		if names[s] == nil {
			order = append(order, s)
		}
		names[s] = append(names[s], rr.Robot)
	}
	for _, s := range order {
		fmt.Fprintf(v.out, "%s  %-14s now: %s\n", several(names[s]), s.step, s.why)
	}
}

// inWords is a reason without its figures.
func inWords(why string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) || r == '.' {
			return -1
		}
		return r
	}, why)
}

// several names robots, and counts the rest.
func several(names []string) string {
	if len(names) <= namesInLine {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:namesInLine], ", "), len(names)-namesInLine)
}
