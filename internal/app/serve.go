package app

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/muster-fleet/muster/internal/config"
	"github.com/muster-fleet/muster/internal/observe"
)

// serveCommand runs the manager.
func serveCommand(o Options) *cobra.Command {
	var file, listen string
	cmd := &cobra.Command{
		Use: "serve", Args: cobra.NoArgs, Short: "Run the manager",
		Long: "Run the manager. Without a configuration file it joins the ROS domain of\n" +
			"ROS_DOMAIN_ID, follows the Docker Engine of DOCKER_HOST or of the default socket,\n" +
			"and keeps its state in an embedded etcd.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(file, os.Environ())
			if err != nil {
				return err
			}
			if listen != "" {
				cfg.Listen = listen
			}
			return serve(cmd.Context(), cfg, o)
		},
	}
	cmd.Flags().StringVar(&file, "config", os.Getenv("MUSTER_CONFIG"), "configuration file (MUSTER_CONFIG)")
	cmd.Flags().StringVar(&listen, "listen", "", "address of the app and the API, before the configuration's")
	return cmd
}

func serve(ctx context.Context, cfg config.Config, o Options) error {
	log, err := observe.NewLogger(os.Stderr, cfg.Log.Level, cfg.Log.Format, term.IsTerminal(int(os.Stderr.Fd())))
	if err != nil {
		return err
	}
	a, err := newApp(ctx, cfg, o, log)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.run(ctx); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
