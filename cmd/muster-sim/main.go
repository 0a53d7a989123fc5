// Command muster-sim is the built-in simulation: a robot, a fleet of them in one
// process, and the demo that shows Muster with both.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/muster-fleet/muster/sim/demo"
	"github.com/muster-fleet/muster/sim/images"
	"github.com/muster-fleet/muster/sim/robot"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	root := &cobra.Command{
		Use: "muster-sim", Short: "Simulated ROS 2 robots for Muster", SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(robotCommand(log), fleetCommand(log), pushCommand(), demoCommand(log))
	if err := root.ExecuteContext(ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "muster-sim:", err)
		return 1
	}
	return 0
}

func robotCommand(log *slog.Logger) *cobra.Command {
	return &cobra.Command{
		Use: "robot", Args: cobra.NoArgs, Short: "Be one robot",
		Long: "Be one robot, as the environment describes it: ROBOT_ID, ROBOT_NAMESPACE,\n" +
			"ROS_DOMAIN_ID, CYCLONEDDS_URI, SROS 2's ROS_SECURITY_… variables, SIM_INDEX (its way\n" +
			"through the hall), SIM_HZ (of its odometry, 10), SIM_VERSION, SIM_FAULT (silent, crash,\n" +
			"mute) and SIM_JOURNAL (a directory in which it notes when it begins and ends, and whether\n" +
			"another process of the same robot runs).",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := robot.FromEnvironment(os.Getenv)
			if err != nil {
				return err
			}
			o.Log = log
			return robot.Run(cmd.Context(), o)
		},
	}
}

func fleetCommand(log *slog.Logger) *cobra.Command {
	var n, domain, first int
	var noMap bool
	cmd := &cobra.Command{
		Use: "fleet", Args: cobra.NoArgs, Short: "Be many robots, each a participant of its own",
		Long: "Be many robots, each a participant of its own; all in the enclave that SROS 2's\n" +
			"ROS_SECURITY_… variables name, if they do.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			security, err := robot.Security(os.Getenv)
			if err != nil {
				return err
			}
			g, ctx := errgroup.WithContext(cmd.Context())
			for i := first; i < first+n; i++ {
				id := fmt.Sprintf("robot%d", i+1)
				o := robot.Options{
					ID: id, Namespace: "/" + id, Domain: domain, Index: i, Version: "v1", NoMap: noMap, Security: security, Log: log,
				}
				g.Go(func() error { return robot.Run(ctx, o) })
			}
			return g.Wait()
		},
	}
	cmd.Flags().IntVar(&n, "robots", 6, "how many")
	cmd.Flags().IntVar(&first, "first", 0, "index of the first robot")
	cmd.Flags().IntVar(&domain, "domain", 0, "ROS domain id")
	cmd.Flags().BoolVar(&noMap, "no-map", false, "publish no occupancy grid")
	return cmd
}

func pushCommand() *cobra.Command {
	var version, fault string
	cmd := &cobra.Command{
		Use: "push IMAGE", Args: cobra.ExactArgs(1), Short: "Make a robot image of this program and push it to a registry",
		RunE: func(cmd *cobra.Command, args []string) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			layer, err := images.Layer(program)
			if err != nil {
				return err
			}
			img, err := images.Image(layer, version, fault)
			if err != nil {
				return err
			}
			digest, err := images.Push(cmd.Context(), args[0], img)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), digest)
			return nil
		},
	}
	cmd.Flags().StringVar(&version, "version", "v1", "the version that the robot's diagnostics tell")
	cmd.Flags().StringVar(&fault, "fault", "", "silent, crash or mute")
	return cmd
}

func demoCommand(log *slog.Logger) *cobra.Command {
	o := demo.Options{Log: log}
	cmd := &cobra.Command{
		Use: "demo", Args: cobra.NoArgs, Short: "Show Muster with a simulated fleet",
		RunE: func(cmd *cobra.Command, _ []string) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			o.Sim, o.Out = program, cmd.OutOrStdout()
			if o.Muster == "" {
				o.Muster = filepath.Join(filepath.Dir(program), "muster")
			}
			if o.Robots < 1 {
				return fmt.Errorf("--robots %d: at least one", o.Robots)
			}
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().IntVar(&o.Robots, "robots", 6, "how many")
	cmd.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8480", "address of the app")
	cmd.Flags().StringVar(&o.Muster, "muster", "", "the manager's program (beside this one)")
	cmd.Flags().BoolVar(&o.Simulate, "simulate", false, "simulated engines even where there is a Docker Engine")
	return cmd
}
