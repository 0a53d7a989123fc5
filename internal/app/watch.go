package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/muster-fleet/muster/internal/rollout"
)

// watchEvery is how often a watched rollout is asked for.
const watchEvery = 300 * time.Millisecond

// watchPatience is how long a manager may be away before the watch gives up.
const watchPatience = time.Minute

// watchRollout shows a rollout until it ends: redrawn in place on a terminal,
// one line for each change elsewhere. A manager that restarts is waited for.
func watchRollout(cmd *cobra.Command, c *client, id string) error {
	var show func(rollout.Report)
	out := cmd.OutOrStdout()
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		show = (&liveView{out: f}).show
	} else {
		show = (&lineView{out: out, now: time.Now}).show
	}
	r, err := follow(cmd.Context(), c, id, show)
	if err != nil {
		return err
	}
	if r.State != rollout.StateCompleted {
		return fmt.Errorf("rollout %s is %s: %s", id, r.State, r.Reason)
	}
	return nil
}

func follow(ctx context.Context, c *client, id string, show func(rollout.Report)) (rollout.Report, error) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for last := time.Now(); ; {
		r, err := c.rollout(ctx, id)
		switch {
		case err == nil:
			last = time.Now()
			show(r)
			if r.State.Terminal() {
				return r, nil
			}
		case time.Since(last) > watchPatience || ctx.Err() != nil:
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-t.C:
		}
	}
}

// liveView redraws the whole rollout in place.
type liveView struct {
	out   *os.File
	lines int // drawn last time
}

// maxRobotLines keeps a big rollout on one screen: robots in hand come first.
const maxRobotLines = 20

func (v *liveView) show(r rollout.Report) {
	width, _, err := term.GetSize(int(v.out.Fd()))
	if err != nil || width < 40 {
		width = 80
	}
	var b strings.Builder
	if v.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.lines)
	}
	lines := render(r, width)
	for _, l := range lines {
		b.WriteString("\r\x1b[K" + l + "\n")
	}
	b.WriteString("\x1b[J")
	v.lines = len(lines)
	_, _ = io.WriteString(v.out, b.String())
}

// render draws a rollout as lines of at most width columns.
func render(r rollout.Report, width int) []string {
	lines := []string{clip(fmt.Sprintf("%s  %s  %s", r.ID, r.Image.Ref, paint(stateColor(r.State), string(r.State))), width+9)}
	hidden := 0
	for _, rr := range ordered(r.Robots) {
		if len(lines) > maxRobotLines {
			hidden++
			continue
		}
		text := rr.Reason
		if rr.Why != "" {
			text = rr.Why
		}
		step := paint(stepColor(rr.Step), fmt.Sprintf("%-14s", rr.Step))
		lines = append(lines, fmt.Sprintf("  %-16s %s %s", rr.Robot, step, clip(text, max(10, width-36))))
	}
	if hidden > 0 {
		lines = append(lines, fmt.Sprintf("  … and %d more", hidden))
	}
	lines = append(lines, "  "+bar(r, max(10, width-24)))
	if text := cmp.Or(r.Held, r.Reason); text != "" {
		lines = append(lines, "  "+clip(text, width-2))
	}
	return lines
}

// ordered puts the robots that are in hand first, then those that ended badly,
// when not all fit on the screen.
func ordered(robots []rollout.RobotReport) []rollout.RobotReport {
	if len(robots) <= maxRobotLines {
		return robots
	}
	rank := func(s rollout.Step) int {
		switch {
		case s == rollout.StepQueued:
			return 2
		case !s.Terminal():
			return 0
		case s.Bad():
			return 1
		default:
			return 3
		}
	}
	sorted := slices.Clone(robots)
	slices.SortStableFunc(sorted, func(a, b rollout.RobotReport) int { return rank(a.Step) - rank(b.Step) })
	return sorted
}

// bar draws the share of robots that ended: filled, failed, in hand, open.
func bar(r rollout.Report, width int) string {
	if r.Total == 0 {
		return ""
	}
	good := r.Counts[rollout.StepDone] + r.Counts[rollout.StepSkipped]
	bad := r.Ended - good
	inHand := r.Total - r.Ended - r.Counts[rollout.StepQueued]
	cells := func(n int) int { return n * width / r.Total }
	open := width - cells(good) - cells(bad) - cells(inHand)
	return paint(green, strings.Repeat("█", cells(good))) + paint(red, strings.Repeat("█", cells(bad))) +
		paint(yellow, strings.Repeat("▒", cells(inHand))) + strings.Repeat("░", open) +
		fmt.Sprintf(" %d/%d", r.Ended, r.Total)
}

// The colours of a terminal, used for what is abnormal or done.
const (
	plain  = ""
	red    = "31"
	green  = "32"
	yellow = "33"
)

func paint(color, text string) string {
	if color == plain || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func stateColor(s rollout.State) string {
	switch s {
	case rollout.StateCompleted:
		return green
	case rollout.StateFailed, rollout.StateAborted, rollout.StateStopping, rollout.StateRolledBack:
		return red
	case rollout.StatePaused:
		return yellow
	default:
		return plain
	}
}

func stepColor(s rollout.Step) string {
	switch {
	case s == rollout.StepDone:
		return green
	case s.Bad() || s == rollout.StepRollingBack:
		return red
	case s == rollout.StepQueued || s == rollout.StepSkipped:
		return plain
	default:
		return yellow
	}
}

// clip cuts a text to n characters.
func clip(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return text
}
