package docker

import (
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// subtract gives back what the user set: the container's configuration without
// the image's defaults that the engine merged in when it created the container
// (moby, daemon/commit.go, merge). A value that equals the image's default
// counts as the default, so that the next image's default applies.
func subtract(c, image container.Config) container.Config {
	c.Env = slices.DeleteFunc(slices.Clone(c.Env), func(v string) bool { return slices.Contains(image.Env, v) })
	c.Labels = minusMap(c.Labels, image.Labels)
	c.ExposedPorts = minusMap(c.ExposedPorts, image.ExposedPorts)
	c.Volumes = minusMap(c.Volumes, image.Volumes)
	c.User = minus(c.User, image.User)
	c.WorkingDir = minus(c.WorkingDir, image.WorkingDir)
	c.StopSignal = minus(c.StopSignal, image.StopSignal)
	if c.StopTimeout != nil && image.StopTimeout != nil && *c.StopTimeout == *image.StopTimeout {
		c.StopTimeout = nil
	}
	if slices.Equal(c.Shell, image.Shell) {
		c.Shell = nil
	}
	c.Healthcheck = minusHealthcheck(c.Healthcheck, image.Healthcheck)
	subtractCommand(&c, image)
	return c
}

// subtractCommand handles Entrypoint and Cmd, which the engine merges together:
// an image's Cmd is taken only where the user set neither.
func subtractCommand(c *container.Config, image container.Config) {
	sameEntry := slices.Equal(c.Entrypoint, image.Entrypoint)
	sameCmd := slices.Equal(c.Cmd, image.Cmd)
	switch {
	case sameEntry && sameCmd:
		c.Entrypoint, c.Cmd, c.ArgsEscaped = nil, nil, false
	case len(c.Entrypoint) == 0 && len(image.Entrypoint) > 0:
		// Cleared by the user; the engine wants it said in this way.
		c.Entrypoint = []string{""}
	case sameEntry && len(c.Cmd) == 0:
		// The image has a Cmd and the container has none: only a user who set the
		// entrypoint, though to the same value, gets that.
	case sameEntry:
		c.Entrypoint = nil
	}
}

func minusHealthcheck(c, image *container.HealthConfig) *container.HealthConfig {
	if c == nil || image == nil {
		return c
	}
	h := *c
	if slices.Equal(h.Test, image.Test) {
		h.Test = nil
	}
	h.Interval = minus(h.Interval, image.Interval)
	h.Timeout = minus(h.Timeout, image.Timeout)
	h.StartPeriod = minus(h.StartPeriod, image.StartPeriod)
	h.StartInterval = minus(h.StartInterval, image.StartInterval)
	h.Retries = minus(h.Retries, image.Retries)
	if len(h.Test) == 0 && h.Interval == 0 && h.Timeout == 0 && h.StartPeriod == 0 && h.StartInterval == 0 && h.Retries == 0 {
		return nil
	}
	return &h
}

// minus is v, or zero where it is the default.
func minus[T comparable](v, def T) T {
	if v == def {
		var zero T
		return zero
	}
	return v
}

// minusMap is m without the entries that def has, too.
func minusMap[K, V comparable](m, def map[K]V) map[K]V {
	var out map[K]V
	for k, v := range m {
		if d, ok := def[k]; ok && d == v {
			continue
		}
		if out == nil {
			out = make(map[K]V)
		}
		out[k] = v
	}
	return out
}

// envOf reads one variable of a container's environment.
func envOf(env []string, key string) string {
	for _, v := range env {
		if k, val, ok := strings.Cut(v, "="); ok && k == key {
			return val
		}
	}
	return ""
}
