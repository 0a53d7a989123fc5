package app

import (
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-fleet/muster/internal/rollout"
)

// rolloutCommand is everything an engineer does with rollouts from a shell.
func rolloutCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "rollout", Short: "Start, watch and steer rollouts"}
	clientFlags(cmd)
	cmd.AddCommand(rolloutStart(), rolloutShow(), rolloutWatch(), rolloutList(),
		rolloutWish(rollout.ActionPause, "Take no further step with robots that wait"),
		rolloutWish(rollout.ActionResume, "Go on with a paused rollout"),
		rolloutWish(rollout.ActionAbort, "Finish the robots in hand and start no other"),
		rolloutWish(rollout.ActionApprove, "Approve the wave that waits for it"),
		rolloutWish(rollout.ActionRollback, "Put back what each robot had, or one robot; of an ended rollout, too"),
		rolloutWish(rollout.ActionSkip, "Leave a robot out, take it as it is, or give it up when its engine is lost"),
		rolloutWish(rollout.ActionRetry, "Try a robot again, now"),
		rolloutWish(rollout.ActionOverride, "Go on although a robot is locked"),
		rolloutLock(), rolloutUnlock(), rolloutLocks())
	return cmd
}

func rolloutStart() *cobra.Command {
	var spec rollout.Spec
	var dryRun, watch, asJSON bool
	cmd := &cobra.Command{
		Use: "start --image REF --robots SELECTOR", Args: cobra.NoArgs,
		Short: "Roll an image out, a canary first, then robot by robot",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
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
	specFlags(cmd.Flags(), &spec)
	f := cmd.Flags()
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
			id, err := c.named(cmd.Context(), args)
			if err != nil {
				return err
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

// rolloutWish is one of an operator's actions.
func rolloutWish(a rollout.Action, short string) *cobra.Command {
	var reason, robot string
	var wave int
	cmd := &cobra.Command{Use: string(a) + " ID", Args: cobra.ExactArgs(1), Short: short}
	ofRobot := slices.Contains([]rollout.Action{rollout.ActionSkip, rollout.ActionRetry, rollout.ActionOverride}, a)
	switch {
	case ofRobot:
		cmd.Use, cmd.Args = cmd.Use+" ROBOT", cobra.ExactArgs(2)
	case a == rollout.ActionRollback:
		cmd.Flags().StringVar(&robot, "robot", "", "this robot alone")
	case a == rollout.ActionApprove:
		cmd.Flags().IntVar(&wave, "wave", 0, "the wave that you looked at (default the one that waits now)")
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who watch and for the audit log")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := newClient(cmd)
		if err != nil {
			return err
		}
		if ofRobot {
			robot = args[1]
		}
		w := rollout.Wish{Action: a, Robot: robot, Reason: reason}
		if cmd.Flags().Changed("wave") {
			w.Wave = &wave
		}
		r, err := c.wish(cmd.Context(), args[0], w)
		if err != nil {
			return err
		}
		switch {
		case r.ID != args[0]:
			fmt.Fprintf(cmd.OutOrStdout(), "rollout %s started: it takes back %s\n", r.ID, args[0])
		case robot != "":
			fmt.Fprintf(cmd.OutOrStdout(), "rollout %s: %s of %s asked for\n", r.ID, a, robot)
		default:
			fmt.Fprintf(cmd.OutOrStdout(), "rollout %s: %s asked for, now %s\n", r.ID, a, r.State)
		}
		return nil
	}
	return cmd
}

func rolloutLock() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "lock ROBOT", Args: cobra.ExactArgs(1), Short: "Lock a robot: no rollout touches it",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if err := c.lock(cmd.Context(), args[0], reason); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "robot %s is locked: no rollout touches it\n", args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who wait for it")
	return cmd
}

func rolloutUnlock() *cobra.Command {
	return &cobra.Command{
		Use: "unlock ROBOT", Args: cobra.ExactArgs(1), Short: "Take an operator's lock away",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if err := c.unlock(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "robot %s is not locked\n", args[0])
			return nil
		},
	}
}

func rolloutLocks() *cobra.Command {
	return &cobra.Command{
		Use: "locks", Args: cobra.NoArgs, Short: "List the operators' locks on robots",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			locks, err := c.locks(cmd.Context())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ROBOT\tBY\tSINCE\tREASON")
			for _, h := range locks {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", h.Robot, h.By, h.At.Local().Format(time.DateTime), h.Reason)
			}
			return w.Flush()
		},
	}
}
