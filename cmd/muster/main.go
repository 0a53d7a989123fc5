// Command muster is the fleet manager: one binary that serves, and the commands
// with which engineers talk to a running one. It joins ROS domains through
// Cyclone DDS.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/muster-fleet/muster/internal/app"
	"github.com/muster-fleet/muster/internal/config"
	"github.com/muster-fleet/muster/internal/dds"
)

// version is set by the release build.
var version = "dev"

func main() { os.Exit(app.Main(app.Options{Version: version, Join: join})) }

// join opens our participant in a configured domain.
func join(d config.Domain, s config.Security, log *slog.Logger) (app.Domain, error) {
	text := d.Cyclone
	if text == "" {
		var err error
		if text, err = dds.DiscoveryConfig(d.Range, d.Peers); err != nil {
			return app.Domain{}, fmt.Errorf("domain %d: %w", d.ID, err)
		}
	}
	o := dds.Options{Domain: d.ID, Config: text, IgnoreLocal: true, Log: log}
	if s.Keystore != "" {
		o.Security = &dds.Security{Keystore: s.Keystore, Enclave: s.Enclave}
	}
	p, err := dds.Open(o)
	if errors.Is(err, fs.ErrNotExist) && s.Strategy == "permissive" {
		log.Warn("the ROS domain is joined without security: the enclave's files are missing", "domain", d.ID, "err", err)
		o.Security = nil
		p, err = dds.Open(o)
	}
	if err != nil {
		return app.Domain{}, err
	}
	return app.Domain{
		Transport: p,
		Counts: func() (samples, refused uint64) {
			s := p.Stats()
			return s.Samples, s.Refused + s.Unkept
		},
		Close: p.Close,
	}, nil
}
