package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/muster-fleet/muster/internal/rollout"
)

// refuse names what makes a replacement impossible to undo or to do right.
func (w *work) refuse(ctx context.Context, o *original) error {
	c := o.seen
	switch {
	case c.HostConfig.AutoRemove:
		return rollout.Fatal(errors.New("HostConfig.AutoRemove (--rm): stopping the old container would remove it, and nothing would be left to roll back to"))
	case c.State.Paused:
		return rollout.Fatal(errors.New("the container is paused: somebody holds it; unpause it first"))
	case c.Config.Labels["com.docker.swarm.service.id"] != "":
		return rollout.Fatal(errors.New("the container belongs to a Swarm service, which would make another one"))
	}
	if network := o.untoldMAC(); network != "" {
		return rollout.Fatal(fmt.Errorf("this field cannot be kept: NetworkSettings.Networks.%s.MacAddress: the engine tells it of a container that runs only; start it first", network))
	}
	for field, mode := range map[string]string{
		"NetworkMode": string(c.HostConfig.NetworkMode),
		"PidMode":     string(c.HostConfig.PidMode),
		"IpcMode":     string(c.HostConfig.IpcMode),
	} {
		other, ok := strings.CutPrefix(mode, "container:")
		if !ok {
			continue
		}
		if _, err := w.inspect(ctx, other); cerrdefs.IsNotFound(err) {
			return rollout.Fatal(fmt.Errorf("this field cannot be kept: HostConfig.%s: container %.12s is gone", field, other))
		} else if err != nil {
			return err
		}
	}
	return w.refuseShared(ctx, c)
}

// refuseShared looks for containers that live in one of the old one's
// namespaces: they would lose it. The list tells of networks only.
func (w *work) refuseShared(ctx context.Context, c container.InspectResponse) error {
	call, cancel := w.timed(ctx)
	list, err := w.s.ContainerList(call, client.ContainerListOptions{All: true})
	cancel()
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	for _, s := range list.Items {
		if s.ID == c.ID {
			continue
		}
		other, err := w.inspect(ctx, s.ID)
		if cerrdefs.IsNotFound(err) {
			continue
		} else if err != nil {
			return err
		}
		if field, what := sharedWith(other.Container.HostConfig, c); field != "" {
			return rollout.Fatal(fmt.Errorf("container %s shares this one's %s (HostConfig.%s) and would lose it", engineName(other.Container.Name), what, field))
		}
	}
	return nil
}

// sharedWith tells which namespace of c the other's configuration names.
func sharedWith(h *container.HostConfig, c container.InspectResponse) (field, what string) {
	for _, m := range []struct{ mode, field, what string }{
		{string(h.NetworkMode), "NetworkMode", "network"},
		{string(h.IpcMode), "IpcMode", "IPC namespace"},
		{string(h.PidMode), "PidMode", "PID namespace"},
	} {
		// By its name, its id or the beginning of that one.
		of, ok := strings.CutPrefix(m.mode, "container:")
		if ok && of != "" && (of == engineName(c.Name) || strings.HasPrefix(c.ID, of)) {
			return m.field, m.what
		}
	}
	return "", ""
}
