package app

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/muster-fleet/muster/internal/rollout"
)

// printPlan shows what a rollout would do.
func printPlan(out io.Writer, r rollout.Report) error {
	fmt.Fprintf(out, "image  %s\n       %s\n", r.Image.Ref, r.Image.ByDigest())
	if r.Image.SignedBy != "" {
		fmt.Fprintf(out, "       signed by %s\n", r.Image.SignedBy)
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WAVE\tROBOT\tENGINE\tCONTAINER\tFROM\tWOULD WAIT NOW, AS")
	for _, rr := range r.Robots {
		wave, why := fmt.Sprint(rr.Wave), rr.Why
		switch {
		case rr.Step == rollout.StepSkipped:
			wave, why = "skip", rr.Reason
		case rr.Wave == 0 && r.Waves > 1:
			wave = "canary"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", wave, rr.Robot, rr.Engine, rr.Container, rr.From.Ref, why)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	printPreviews(out, r.Robots)
	s := r.Spec
	fmt.Fprintf(out, "\nat most %s down at one time%s%s\n", s.MaxUnavailable, perGroup(s.MaxPer), ofTheFleet(r))
	fmt.Fprintf(out, "a robot is touched when: %s\n", strings.Join(gatesBefore(s), ", "))
	held := "it is done when"
	if window := rollout.OrZero(s.After.Window); window > 0 {
		held += fmt.Sprintf(", for %v", window)
	}
	fmt.Fprintf(out, "%s: %s\n", held, strings.Join(gatesAfter(s.After), ", "))
	for _, rr := range r.Robots {
		if topics := topicsText(rr.Topics); topics != "" {
			fmt.Fprintf(out, "  topics of %s: %s\n", rr.Robot, topics)
		}
	}
	fmt.Fprintf(out, "on a failure: %s\n", s.OnFailure)
	fmt.Fprintln(out, "dry run: nothing was stored, nothing was touched")
	return nil
}

// printPreviews shows what would become of the containers; robots of which the
// same is said stand together.
func printPreviews(out io.Writer, robots []rollout.RobotReport) {
	var order []string
	who := make(map[string][]string)
	for _, rr := range robots {
		if rr.Preview == nil {
			continue
		}
		text := previewText(*rr.Preview)
		if who[text] == nil {
			order = append(order, text)
		}
		who[text] = append(who[text], rr.Robot)
	}
	for _, text := range order {
		fmt.Fprintf(out, "\n%s:\n%s", strings.Join(who[text], ", "), text)
	}
}

func previewText(p rollout.Preview) string {
	var b strings.Builder
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-8s %s\n", what, text)
		}
	}
	line("not asked:", p.NotAsked)
	line("keeps", strings.Join(p.Kept, ", "))
	line("changes", strings.Join(p.Changed, ", "))
	line("REFUSED", p.Refused)
	switch {
	case p.Present:
		line("pull", "the image is there")
	case p.Need > 0:
		line("pull", fmt.Sprintf("%.1f MB", float64(p.Need)/1e6))
	}
	if p.Free < 0 && !p.Present && p.NotAsked == "" {
		line("disk", "the free space is not known")
	}
	return b.String()
}

func perGroup(limits []rollout.GroupLimit) string {
	var b strings.Builder
	for _, g := range limits {
		fmt.Fprintf(&b, ", and %d of one %s", g.Max, g.Label)
	}
	return b.String()
}

// ofTheFleet is the manager's own limit.
func ofTheFleet(r rollout.Report) string {
	if r.FleetLimit == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d of the whole fleet", r.FleetLimit)
}

func gatesBefore(s rollout.Spec) []string {
	before := []string{"its engine answers", "nobody has locked it"}
	add := func(on bool, format string, args ...any) {
		if on {
			before = append(before, fmt.Sprintf(format, args...))
		}
	}
	b := s.Before
	add(b.Stationary, "it stands still")
	add(b.Idle > 0, "it has stood still for %v", b.Idle)
	add(b.Charging, "it charges")
	add(b.MinBattery > 0, "its battery is at %.0f %% or more", b.MinBattery*100)
	add(len(b.Windows) > 0, "it is %s %s", strings.Join(b.Windows, " or "), b.TimeZone)
	add(b.WavePulled, "the whole wave has the image")
	add(s.Approval.Before != "", "a person has approved (%s)", s.Approval.Before)
	return before
}

func gatesAfter(a rollout.After) []string {
	after := []string{"the container runs and is healthy"}
	add := func(on bool, format string, args ...any) {
		if on {
			after = append(after, fmt.Sprintf(format, args...))
		}
	}
	add(!a.SkipNodes, "its nodes are back")
	rate := rollout.OrZero(a.MinRate)
	add(!a.SkipTopics && rate > 0, "its topics have %.0f %% of their rate", rate*100)
	add(!a.SkipTopics && rate == 0, "its topics are published")
	add(!a.SkipDiagnostics, "its diagnostics are not worse")
	for _, c := range a.Checks {
		add(true, "check %s passes", c.Name)
	}
	return after
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
