package app

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-fleet/muster/internal/rollout"
)

func rolloutShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show [ID]", Args: cobra.MaximumNArgs(1),
		Short: "Tell where a rollout stands, why each robot waits, and what can be done; the newest one without an id",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			id, err := c.named(cmd.Context(), args)
			if err != nil {
				return err
			}
			r, err := c.rollout(cmd.Context(), id)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), r)
			}
			return printReport(cmd.OutOrStdout(), r, time.Now())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// printReport tells a rollout in words: the whole, then robot by robot, each with
// the commands that are possible now.
func printReport(out io.Writer, r rollout.Report, now time.Time) error {
	fmt.Fprintf(out, "rollout %s  %s: %s\n", r.ID, r.State, r.Reason)
	fact := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	if r.Held != "" {
		fact("held", "%s", r.Held)
	}
	fact("image", "%s = %s", r.Image.Ref, r.Image.ByDigest())
	waves := fmt.Sprintf("in %d waves", r.Waves)
	if r.Waves == 1 {
		waves = "in 1 wave"
	}
	fact("robots", "%s: %d/%d ended (%s), %s, at most %s down at one time%s%s", r.Spec.Robots, r.Ended, r.Total, counts(r),
		waves, r.Spec.MaxUnavailable, perGroup(r.Spec.MaxPer), ofTheFleet(r))
	started := "by " + r.CreatedBy
	if r.Note != "" {
		started += ": " + r.Note
	}
	fact("started", "%v ago %s", since(r.CreatedAt, now), started)
	if r.State.Terminal() {
		fact("ended", "%v ago", since(r.EndedAt, now))
	}
	if r.Undoes != "" {
		fact("undoes", "%s", r.Undoes)
	}
	for _, a := range r.Approved {
		fact("approved", "wave %d by %s, %v ago", a.Wave, a.By, since(a.At, now))
	}
	if r.Approval != nil {
		fact("approval", "wave %d waits for one%s", *r.Approval, approvers(r))
	}
	if len(r.Actions) > 0 {
		fact("now", "muster rollout %s %s", either(r.Actions), r.ID)
	}
	return printRobots(out, r, now)
}

// approvers says who may give the approval that is waited for.
func approvers(r rollout.Report) string {
	text := " of the role engineer"
	if role := r.Spec.Approval.Role; role != "" && role != "engineer" {
		text = " of the role " + role + " or higher"
	}
	if r.Spec.Approval.OtherPerson {
		text += ", other than " + r.CreatedBy
	}
	return text
}

func counts(r rollout.Report) string {
	var all []string
	for _, s := range slices.Sorted(maps.Keys(r.Counts)) {
		all = append(all, fmt.Sprintf("%d %s", r.Counts[s], s))
	}
	return strings.Join(all, ", ")
}

func printRobots(out io.Writer, r rollout.Report, now time.Time) error {
	if len(r.Robots) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WAVE\tROBOT\tSTEP\tFOR\tWHY")
	for _, rr := range r.Robots {
		wave, age := fmt.Sprint(rr.Wave), ""
		if rr.Wave == 0 && r.Waves > 1 {
			wave = "canary"
		}
		if !rr.Since.IsZero() {
			age = since(rr.Since, now).String()
		}
		why := append([]string{rr.Reason}, more(r, rr, now)...)
		if rr.Why != "" { // what it waits for says more than why it entered the step
			why[0] = rr.Why
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", wave, rr.Robot, rr.Step, age, why[0])
		for _, line := range why[1:] {
			fmt.Fprintf(w, "\t\t\t\t%s\n", line)
		}
	}
	return w.Flush()
}

// more are the lines below a robot's: its gates, tries and deadline, and what can
// be done with it.
func more(r rollout.Report, rr rollout.RobotReport, now time.Time) (lines []string) {
	for _, g := range rr.Gates {
		lines = append(lines, fmt.Sprintf("%-4s  %s: %s", g.Outcome, g.Name, g.Reason))
	}
	if topics := topicsText(rr.Topics); topics != "" && !slices.ContainsFunc(rr.Gates, aboutTopic) {
		lines = append(lines, "topics: "+topics)
	}
	var tries []string
	switch {
	case rr.Attempt == 1:
		tries = append(tries, "1 failed try")
	case rr.Attempt > 1:
		tries = append(tries, fmt.Sprintf("%d failed tries", rr.Attempt))
	}
	if !rr.Step.Terminal() && !rr.Deadline.IsZero() {
		tries = append(tries, fmt.Sprintf("until %v from now", since(now, rr.Deadline)))
	}
	if len(tries) > 0 {
		lines = append(lines, strings.Join(tries, "; "))
	}
	var of []rollout.Action
	for _, a := range rr.Actions {
		if a != rollout.ActionRollback {
			of = append(of, a)
		}
	}
	if len(of) > 0 {
		lines = append(lines, fmt.Sprintf("now: muster rollout %s %s %s", either(of), r.ID, rr.Robot))
	}
	if len(of) < len(rr.Actions) {
		lines = append(lines, fmt.Sprintf("now: muster rollout rollback %s --robot %s", r.ID, rr.Robot))
	}
	return lines
}

// aboutTopic says that a gate tells of a topic itself.
func aboutTopic(g rollout.Gate) bool { return strings.HasPrefix(g.Name, "topic ") }

// topicsText are the topics that a robot is measured by.
func topicsText(topics []rollout.TopicExpect) string {
	all := make([]string, len(topics))
	for i, t := range topics {
		all[i] = fmt.Sprintf("%s %.1f Hz", t.Name, t.Hz)
	}
	return strings.Join(all, ", ")
}

func either(actions []rollout.Action) string {
	var names []string
	for _, a := range actions {
		names = append(names, string(a))
	}
	return strings.Join(names, "|")
}

// since is how long a time is ago, in whole seconds.
func since(t, now time.Time) time.Duration { return now.Sub(t).Round(time.Second) }
