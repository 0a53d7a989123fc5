//go:build rclgo

// Command muster-rclgo is the fleet manager on rcl: it is muster in all but the
// transport, which joins the ROS 2 domains through whatever RMW the site runs.
// It is a module of its own, so that muster needs neither ROS 2 nor rclgo.
package main

import (
	"log/slog"
	"os"

	"github.com/muster-fleet/muster/cmd/muster-rclgo/rcl"
	"github.com/muster-fleet/muster/internal/app"
	"github.com/muster-fleet/muster/internal/config"
)

// version is set by the release build.
var version = "dev"

func main() { os.Exit(app.Main(app.Options{Version: version, Join: join})) }

// rcl reads SROS 2's variables by itself.
func join(d config.Domain, _ config.Security, log *slog.Logger) (app.Domain, error) {
	if d.Cyclone != "" || d.Range != "" || len(d.Peers) > 0 {
		log.Warn("cyclone, range and peers of a domain do not reach the RMW, which has its own configuration in the environment", "domain", d.ID)
	}
	t, err := rcl.Open(rcl.Options{Domain: d.ID, Log: log})
	if err != nil {
		return app.Domain{}, err
	}
	return app.Domain{
		Transport: t,
		Counts: func() (samples, refused uint64) {
			s := t.Stats()
			return s.Samples, s.Refused
		},
		Close: t.Close,
	}, nil
}
