package docker

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// formatRestart writes a restart policy as docker run takes it.
func formatRestart(p container.RestartPolicy) string {
	switch {
	case p.IsNone():
		return string(container.RestartPolicyDisabled)
	case p.MaximumRetryCount > 0:
		return fmt.Sprintf("%s:%d", p.Name, p.MaximumRetryCount)
	default:
		return string(p.Name)
	}
}

// parseRestart is the inverse of formatRestart.
func parseRestart(s string) (container.RestartPolicy, error) {
	name, count, _ := strings.Cut(s, ":")
	p := container.RestartPolicy{Name: container.RestartPolicyMode(name)}
	if count != "" {
		n, err := strconv.Atoi(count)
		if err != nil {
			return p, fmt.Errorf("restart policy %q: %w", s, err)
		}
		p.MaximumRetryCount = n
	}
	if err := container.ValidateRestartPolicy(p); err != nil || name == "" {
		return p, fmt.Errorf("restart policy %q is not one", s)
	}
	return p, nil
}
