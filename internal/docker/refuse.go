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

// refuseShared looks for containers that live in the old one's network: they
// would lose it.
func (w *work) refuseShared(ctx context.Context, c container.InspectResponse) error {
	ctx, cancel := w.timed(ctx)
	defer cancel()
	list, err := w.s.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	for _, s := range list.Items {
		mode, ok := strings.CutPrefix(s.HostConfig.NetworkMode, "container:")
		if ok && (mode == c.ID || mode == engineName(c.Name)) && len(s.Names) > 0 {
			return rollout.Fatal(fmt.Errorf("container %s shares this one's network (HostConfig.NetworkMode) and would lose it", engineName(s.Names[0])))
		}
	}
	return nil
}
