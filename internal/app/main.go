// Package app is the fleet manager as a whole: its command line, and the wiring
// of all rooms. The commands in cmd call it and say how a ROS domain is joined; it
// is the only package that knows all the others but the transports.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-fleet/muster/internal/config"
	"github.com/muster-fleet/muster/internal/ros"
)

// Options say what differs between the commands.
type Options struct {
	Version string // "dev" names the commit that was built
	Join    Join
}

// Join joins a ROS domain, with DDS Security where a keystore is named.
type Join func(config.Domain, config.Security, *slog.Logger) (Domain, error)

// Domain is a ROS domain that was joined.
type Domain struct {
	Transport ros.Transport
	Counts    func() (samples, refused uint64) // since the start
	Close     func() error
}

// leaveTime bounds how long leaving a domain may take.
const leaveTime = 3 * time.Second

var errStays = errors.New("the transport does not end: does a firewall drop what this host sends to itself by multicast?")

// leave leaves the domain. Cyclone DDS wakes its threads by datagrams to itself, and
// waits for ever where a firewall drops them; so the process, which is about to end,
// does not.
func (d Domain) leave() error {
	left := make(chan error, 1)
	go func() { left <- d.Close() }()
	timer := time.NewTimer(leaveTime)
	defer timer.Stop()
	select {
	case err := <-left:
		return err
	case <-timer.C:
		return errStays
	}
}

// Main runs the command line and returns the exit status.
func Main(o Options) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	o.Version = buildVersion(o.Version)
	if err := rootCommand(o).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "muster:", err)
		return 1
	}
	return 0
}

func rootCommand(o Options) *cobra.Command {
	root := &cobra.Command{
		Use: "muster", Version: o.Version, SilenceUsage: true, SilenceErrors: true,
		Short: "Fleet manager for ROS 2 robots",
		Long: "Muster follows the robots of a ROS 2 domain and the containers on their Docker\n" +
			"Engines, rolls new images out robot by robot, and shows it all on a live map.",
	}
	root.AddCommand(serveCommand(o), rolloutCommand(), nodeCommand(), topicCommand(), serviceCommand(), paramCommand(),
		lifecycleCommand(), doctorCommand(o), healthCommand(), etcdCommand())
	return root
}

// buildVersion names the release, or the commit that was built.
func buildVersion(version string) string {
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
