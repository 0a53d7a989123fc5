package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/muster-fleet/muster/internal/config"
	"github.com/muster-fleet/muster/internal/etcd"
)

// etcdCommand saves and restores what the embedded etcd keeps.
func etcdCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "etcd", Short: "Save and restore the embedded etcd's data"}
	cmd.PersistentFlags().StringVar(&file, "config", os.Getenv("MUSTER_CONFIG"), "configuration file (MUSTER_CONFIG)")
	cmd.AddCommand(&cobra.Command{
		Use: "snapshot FILE", Args: cobra.ExactArgs(1), Short: "Write a snapshot of a manager that runs",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := embeddedDir(file)
			if err != nil {
				return err
			}
			endpoint, err := etcd.EndpointOf(dir)
			if err != nil {
				return err
			}
			if err := etcd.SaveSnapshot(cmd.Context(), endpoint, args[0]); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "wrote", args[0])
			return nil
		},
	}, &cobra.Command{
		Use: "restore FILE", Args: cobra.ExactArgs(1), Short: "Put a snapshot in the data's place; no manager may run",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := embeddedDir(file)
			if err != nil {
				return err
			}
			kept, err := etcd.RestoreSnapshot(dir, args[0])
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "restored", args[0], "into", dir)
			if kept != "" {
				fmt.Fprintln(cmd.OutOrStdout(), "what was there is kept as", filepath.Base(kept))
			}
			return nil
		},
	})
	return cmd
}

// embeddedDir is the data directory that the configuration names.
func embeddedDir(file string) (string, error) {
	cfg, err := config.Load(file, os.Environ())
	if err != nil {
		return "", err
	}
	if len(cfg.Etcd.Endpoints) > 0 {
		return "", errors.New("etcd.endpoints: the configuration names a cluster, whose own tools save and restore it")
	}
	return cfg.Etcd.Dir, nil
}
