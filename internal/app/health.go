package app

import (
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

// healthCommand asks a manager's readiness probe, for a container's HEALTHCHECK.
func healthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "health", Args: cobra.NoArgs, Short: "Ask a manager whether it is ready",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, c.base+"/health/ready", nil)
			if err != nil {
				return err
			}
			resp, err := c.http.Do(req)
			if err != nil {
				return fmt.Errorf("no answer from the manager at %s: %w", c.base, err)
			}
			defer resp.Body.Close()
			if _, err := io.Copy(cmd.OutOrStdout(), io.LimitReader(resp.Body, 64<<10)); err != nil {
				return err
			}
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("not ready: %s", resp.Status)
			}
			return nil
		},
	}
	clientFlags(cmd)
	return cmd
}
