package docker

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Preview says what a Replace would keep and change of the container, by the
// same code that makes the successor. Nothing is touched.
func (c *Client) Preview(ctx context.Context, t rollout.Target) (rollout.Preview, error) {
	w, err := c.begin(ctx, t)
	if err != nil {
		return rollout.Preview{}, err
	}
	p := rollout.Preview{Free: unknownFree}
	if err = w.preview(ctx, &p); rollout.IsFatal(err) {
		p.Refused, err = err.Error(), nil
	}
	if err != nil {
		return rollout.Preview{}, fmt.Errorf("preview %s: %w", t.Container, err)
	}
	return p, nil
}

func (w *work) preview(ctx context.Context, p *rollout.Preview) (err error) {
	if err = w.runsHere(); err != nil {
		return err
	}
	if p.Present, err = w.present(ctx); err != nil {
		return err
	}
	if p.Free, err = w.free(ctx); err != nil {
		return err
	}
	if !p.Present {
		p.Need = w.need(ctx)
	}
	f, err := w.family(ctx)
	if err != nil {
		return err
	}
	old := f.place
	if old == nil {
		if old, err = w.leftBehind(f); err != nil {
			return err
		}
	}
	o, err := w.original(ctx, old)
	if err != nil {
		return err
	}
	o.rememberFrom(f, old)
	p.Kept, p.Changed = o.kept(), []string{"image: " + o.seen.Config.Image + " → " + w.t.Image.ByDigest()}
	if err := w.refuse(ctx, o); err != nil {
		return err
	}
	if _, err := newSuccessor(*o, w.t); err != nil {
		return rollout.Fatal(fmt.Errorf("this field cannot be kept: %w", err))
	}
	next, err := w.imageFacts(ctx, w.t.Image.ByDigest())
	if !p.Present && (err == nil || cerrdefs.IsNotFound(err)) {
		return nil // its defaults are not known before the pull
	}
	if err == nil {
		p.Changed = append(p.Changed, changedDefaults(o.image, next.Config)...)
	}
	return err
}

// kept lists what the user set, in words. Of the environment there are the
// names only: values may be secrets.
func (o *original) kept() []string {
	var out []string
	add := func(on bool, format string, args ...any) {
		if on {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	h := o.seen.HostConfig
	for _, d := range devices(h) {
		add(true, "device %s", or(d.Host, or(d.Request, d.Rule)))
	}
	for _, m := range o.seen.Mounts {
		add(true, "%s %s at %s", m.Type, or(m.Name, m.Source), m.Destination)
	}
	mode := string(h.NetworkMode)
	add(h.NetworkMode.IsHost() || h.NetworkMode.IsContainer() || h.NetworkMode.IsNone(), "network mode %s", mode)
	for _, name := range slices.Sorted(maps.Keys(o.seen.NetworkSettings.Networks)) {
		address := ""
		if e := o.seen.NetworkSettings.Networks[name]; e.IPAMConfig != nil && e.IPAMConfig.IPv4Address != (netip.Addr{}) {
			address = " at " + e.IPAMConfig.IPv4Address.String()
		}
		add(!h.NetworkMode.IsHost() && !h.NetworkMode.IsNone(), "network %s%s", name, address)
	}
	for port, to := range h.PortBindings {
		for _, b := range to {
			add(true, "port %s as %s", port, b.HostPort)
		}
	}
	user := subtract(*o.seen.Config, o.image)
	for _, v := range user.Env {
		name, _, _ := strings.Cut(v, "=")
		add(true, "environment %s", name)
	}
	add(len(user.Entrypoint) > 0, "entrypoint %s", strings.Join(user.Entrypoint, " "))
	add(len(user.Cmd) > 0, "command %s", strings.Join(user.Cmd, " "))
	add(user.User != "", "user %s", user.User)
	add(h.Privileged, "privileged")
	add(len(h.CapAdd) > 0, "capabilities %s", strings.Join(h.CapAdd, " "))
	add(!h.PidMode.IsPrivate() && h.PidMode != "", "pid mode %s", h.PidMode)
	add(!h.IpcMode.IsPrivate() && h.IpcMode != "", "ipc mode %s", h.IpcMode)
	add(!o.restart.IsNone(), "restart policy %s", formatRestart(o.restart))
	add(h.Memory > 0, "memory limit %d MB", h.Memory/1e6)
	add(user.Labels["com.docker.compose.project"] != "", "compose project %s, service %s",
		user.Labels["com.docker.compose.project"], user.Labels["com.docker.compose.service"])
	return out
}

// changedDefaults lists the image's defaults that the new image has otherwise.
func changedDefaults(old, next container.Config) []string {
	var out []string
	add := func(same bool, what string) {
		if !same {
			out = append(out, what+" follows the image")
		}
	}
	for _, name := range envNames(old.Env, next.Env) {
		add(envOf(old.Env, name) == envOf(next.Env, name), "environment "+name)
	}
	add(slices.Equal(old.Entrypoint, next.Entrypoint), "entrypoint")
	add(slices.Equal(old.Cmd, next.Cmd), "command")
	add(old.User == next.User, "user")
	add(old.WorkingDir == next.WorkingDir, "working directory")
	add(old.StopSignal == next.StopSignal, "stop signal")
	add(maps.Equal(old.Volumes, next.Volumes), "volumes")
	return out
}

func envNames(lists ...[]string) []string {
	names := make(map[string]bool)
	for _, list := range lists {
		for _, v := range list {
			name, _, _ := strings.Cut(v, "=")
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
