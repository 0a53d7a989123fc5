// Command muster is the fleet manager: one binary that serves, and the commands
// with which engineers talk to a running one. This package wires the rooms
// together; it is the only one that knows them all.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the release build.
var version = "dev"

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "muster:", err)
		return 1
	}
	return 0
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "muster", Version: buildVersion(), SilenceUsage: true, SilenceErrors: true,
		Short: "Fleet manager for ROS 2 robots",
		Long: "Muster follows the robots of a ROS 2 domain and the containers on their Docker\n" +
			"Engines, rolls new images out robot by robot, and shows it all on a live map.",
	}
	root.AddCommand(serveCommand(), rolloutCommand(), nodeCommand(), topicCommand(), serviceCommand(), paramCommand(), lifecycleCommand(),
		doctorCommand(), healthCommand())
	return root
}

// buildVersion names the release, or the commit that was built.
func buildVersion() string {
	if version != "dev" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "dev-" + s.Value[:12]
			}
		}
	}
	return version
}
