package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-fleet/muster/internal/rollout"
)

// rolloutCommand is everything an engineer does with rollouts from a shell.
func rolloutCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "rollout", Short: "Start, watch and steer rollouts"}
	clientFlags(cmd)
	cmd.AddCommand(rolloutStart(), rolloutWatch(), rolloutList(),
		rolloutWish(rollout.ActionPause, "Take no further step with robots that wait"),
		rolloutWish(rollout.ActionResume, "Go on with a paused rollout"),
		rolloutWish(rollout.ActionAbort, "Finish the robots in hand and start no other"))
	return cmd
}

func rolloutStart() *cobra.Command {
	var spec rollout.Spec
	var dryRun, watch, asJSON bool
	var window, verify time.Duration
	cmd := &cobra.Command{
		Use: "start --image REF --robots SELECTOR", Args: cobra.NoArgs,
		Short: "Roll an image out, a canary first, then robot by robot",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			spec.After.Window, spec.Deadlines.Verify = rollout.Duration(window), rollout.Duration(verify)
			r, err := c.start(cmd.Context(), spec, dryRun)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return printJSON(cmd.OutOrStdout(), r)
			case dryRun:
				return printPlan(cmd.OutOrStdout(), r)
			case watch:
				return watchRollout(cmd, c, r.ID)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "rollout %s started: %s on %d robots\nwatch it: muster rollout watch %s\n",
				r.ID, r.Image.ByDigest(), r.Total, r.ID)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&spec.Image, "image", "", "image reference, by tag or digest")
	f.StringVar(&spec.Robots, "robots", "", `ids, patterns and label terms, e.g. "robot1,robot2", "hall=north", "all"`)
	f.StringVar(&spec.Container, "container", "", "container name or compose service, where a robot has several")
	f.IntVar(&spec.Canary, "canary", 0, "robots in the first wave (default 1)")
	f.IntVar(&spec.MaxUnavailable, "max-unavailable", 0, "robots that may be down at one time (default 1)")
	f.IntVar(&spec.MaxFailures, "max-failures", 0, "robots that may fail before the rollout stops")
	f.BoolVar(&spec.Before.Stationary, "stationary", false, "wait until the robot stands still")
	f.BoolVar(&spec.Before.Charging, "charging", false, "wait until the robot charges")
	f.Float64Var(&spec.Before.MinBattery, "min-battery", 0, "wait until the battery has this share, 0 … 1")
	f.DurationVar(&window, "window", 0, "for how long the gates must pass after the replacement (default 5s)")
	f.DurationVar(&verify, "verify-deadline", 0, "how long that may take in all (default 1m)")
	f.StringVar(&spec.Note, "note", "", "why, for the audit log")
	f.BoolVar(&dryRun, "dry-run", false, "print the plan and store nothing")
	f.BoolVar(&watch, "watch", false, "watch the rollout until it ends")
	f.BoolVar(&asJSON, "json", false, "print the answer as JSON")
	return cmd
}

func rolloutWatch() *cobra.Command {
	return &cobra.Command{
		Use: "watch [ID]", Args: cobra.MaximumNArgs(1),
		Short: "Show a rollout's progress until it ends; the newest one without an id",
		Long: "Show a rollout's progress until it ends. The command fails when the rollout does,\n" +
			"so that a script can wait for it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var id string
			if len(args) == 1 {
				id = args[0]
			} else {
				all, err := c.rollouts(cmd.Context())
				if err != nil {
					return err
				}
				if len(all) == 0 {
					return errors.New("there is no rollout yet")
				}
				id = all[0].ID
			}
			return watchRollout(cmd, c, id)
		},
	}
}

func rolloutList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Args: cobra.NoArgs, Short: "List the rollouts, newest first",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			all, err := c.rollouts(cmd.Context())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tSTATE\tENDED\tIMAGE\tBY\tREASON")
			for _, r := range all {
				fmt.Fprintf(w, "%s\t%s\t%d/%d\t%s\t%s\t%s\n", r.ID, r.State, r.Ended, r.Total, r.Image.Ref, r.CreatedBy, r.Reason)
			}
			return w.Flush()
		},
	}
}

func rolloutWish(a rollout.Action, short string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: string(a) + " ID", Args: cobra.ExactArgs(1), Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			r, err := c.wish(cmd.Context(), args[0], a, reason)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "rollout %s: %s asked for, now %s\n", r.ID, a, r.State)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who watch and for the audit log")
	return cmd
}

// printPlan shows what a rollout would do.
func printPlan(out io.Writer, r rollout.Report) error {
	fmt.Fprintf(out, "image  %s\n       %s\n\n", r.Image.Ref, r.Image.ByDigest())
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WAVE\tROBOT\tENGINE\tCONTAINER\tFROM\t")
	for _, rr := range r.Robots {
		wave := fmt.Sprint(rr.Wave)
		switch {
		case rr.Step == rollout.StepSkipped:
			wave = "skip"
		case rr.Wave == 0:
			wave = "canary"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", wave, rr.Robot, rr.Engine, rr.Container, rr.From.Ref, rr.Reason)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	s := r.Spec
	var before []string
	if s.Before.Stationary {
		before = append(before, "stands still")
	}
	if s.Before.Charging {
		before = append(before, "charges")
	}
	if s.Before.MinBattery > 0 {
		before = append(before, fmt.Sprintf("battery at %.0f %% or more", s.Before.MinBattery*100))
	}
	if len(before) == 0 {
		before = []string{"its engine answers"}
	}
	fmt.Fprintf(out, "\nat most %d down at one time; a robot is touched when: %s\n", s.MaxUnavailable, strings.Join(before, ", "))
	fmt.Fprintf(out, "it is done when, for %v: the container runs, its nodes are back, its odometry has %.0f %% of its rate\n",
		time.Duration(s.After.Window), s.After.MinRate*100)
	fmt.Fprintln(out, "dry run: nothing was stored, nothing was touched")
	return nil
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
