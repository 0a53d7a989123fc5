package docker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/muster-fleet/muster/internal/rollout"
)

// work is one verb's run for one target: the small steps that the verbs are
// made of. Each step looks first, does what is missing and takes "already so"
// for success.
type work struct {
	*Client
	s   *session
	t   rollout.Target
	log *slog.Logger
}

func (c *Client) begin(ctx context.Context, t rollout.Target) (*work, error) {
	switch {
	case t.Container == "":
		return nil, rollout.Fatal(errors.New("target.container: is missing"))
	case t.Generation == 0:
		return nil, rollout.Fatal(errors.New("target.generation: is missing"))
	case t.Image.Digest == "" || t.Image.Repository == "":
		return nil, rollout.Fatal(errors.New("target.image: is not pinned to a digest"))
	}
	s, err := c.get(ctx)
	if err != nil {
		return nil, err
	}
	return &work{Client: c, s: s, t: t, log: c.log.With(
		"robot", t.Robot, "container", t.Container, "rollout", t.Rollout, "generation", t.Generation)}, nil
}

func (w *work) inspect(ctx context.Context, id string) (client.ContainerInspectResult, error) {
	ctx, cancel := w.timed(ctx)
	defer cancel()
	r, err := w.s.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return r, fmt.Errorf("inspect container %s: %w", id, err)
	}
	if r.Container.State == nil || r.Container.Config == nil || r.Container.HostConfig == nil || r.Container.NetworkSettings == nil {
		return r, fmt.Errorf("inspect container %s: the engine's answer is incomplete", id)
	}
	return r, nil
}

// setRestart sets the restart policy where it differs. It goes by the name, as
// stop does.
func (w *work) setRestart(ctx context.Context, name string, p container.RestartPolicy) error {
	r, err := w.inspect(ctx, name)
	if err != nil {
		return err
	}
	if formatRestart(r.Container.HostConfig.RestartPolicy) == formatRestart(p) {
		return nil
	}
	if err := rollout.MayAct(ctx); err != nil {
		return err
	}
	ctx, cancel := w.timed(ctx)
	defer cancel()
	if _, err := w.s.ContainerUpdate(ctx, name, client.ContainerUpdateOptions{RestartPolicy: &p}); err != nil {
		return fmt.Errorf("set restart policy %s of container %s: %w", formatRestart(p), name, err)
	}
	return nil
}

var noRestart = container.RestartPolicy{Name: container.RestartPolicyDisabled}

// rename gives a container a name. A name that another actor gave it meanwhile
// is fine; a name that another container has is an error that names its owner.
func (w *work) rename(ctx context.Context, m *member, name string) error {
	if m.name == name {
		return nil
	}
	if err := rollout.MayAct(ctx); err != nil {
		return err
	}
	tctx, cancel := w.timed(ctx)
	defer cancel()
	_, err := w.s.ContainerRename(tctx, m.id, client.ContainerRenameOptions{NewName: name})
	if err != nil {
		r, ierr := w.inspect(ctx, m.id)
		if ierr != nil || engineName(r.Container.Name) != name {
			return fmt.Errorf("rename container %s to %s: %w", m.name, name, err)
		}
	}
	m.name = name
	return nil
}

// halt stops a container with its own stop signal and timeout and makes sure
// that it is stopped. Inspect waits for a start that is under way, so what it
// says is certain.
func (w *work) halt(ctx context.Context, m *member) error {
	for range 3 {
		r, err := w.inspect(ctx, m.id)
		if err != nil {
			return err
		}
		st := r.Container.State
		if !st.Running && !st.Restarting && !st.Paused {
			return nil
		}
		if err := w.stop(ctx, m, r.Container.Config.StopTimeout); err != nil {
			return err
		}
	}
	return fmt.Errorf("stop container %s: something starts it again", m.name)
}

// stop goes by the name and not by the id: a request that comes late, when the
// container was rolled back, finds nothing.
func (w *work) stop(ctx context.Context, m *member, timeout *int) error {
	grace := 10 * time.Second // the Engine's default
	if timeout != nil {
		grace = time.Duration(*timeout) * time.Second
	}
	call := ctx
	if grace >= 0 { // a negative one waits for ever: the caller's deadline holds
		var cancel context.CancelFunc
		call, cancel = context.WithTimeout(ctx, grace+2*w.opts.CallTimeout)
		defer cancel()
	}
	if err := rollout.MayAct(ctx); err != nil {
		return err
	}
	began := time.Now()
	if _, err := w.s.ContainerStop(call, m.name, client.ContainerStopOptions{}); err != nil {
		return fmt.Errorf("stop container %s: %w", m.name, err)
	}
	if r, err := w.inspect(ctx, m.id); err == nil {
		level := slog.LevelInfo
		if r.Container.State.ExitCode == 137 {
			level = slog.LevelWarn // it ignored its stop signal
		}
		w.log.Log(ctx, level, "container stopped", "name", m.name,
			"exit_code", r.Container.State.ExitCode, "took", time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// start starts whichever container has the target's name. It goes by the name
// and not by the id: an actor that was overtaken cannot start the container
// that the other one took out of its place.
func (w *work) start(ctx context.Context) error {
	name := w.t.Container
	if err := rollout.MayAct(ctx); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, 12*w.opts.CallTimeout)
	defer cancel()
	_, err := w.s.ContainerStart(call, name, client.ContainerStartOptions{})
	if err != nil {
		return fmt.Errorf("start container %s: %w", name, err)
	}
	return nil
}

// runsInPlace is an error when the container in the place does not run.
func (w *work) runsInPlace(ctx context.Context) error {
	r, err := w.inspect(ctx, w.t.Container)
	if err == nil && !r.Container.State.Running {
		err = fmt.Errorf("container %s was started and has ended with code %d", w.t.Container, r.Container.State.ExitCode)
	}
	return err
}

// hopeless marks the error of a successor that the engine says cannot be
// started: a device that is not there, a program that is not in the image.
// Rather than try again with the robot down, go back.
func (w *work) hopeless(ctx context.Context, err error) error {
	if r, ierr := w.inspect(ctx, w.t.Container); ierr == nil && r.Container.State.Error != "" && !r.Container.State.Running {
		return rollout.Fatal(err)
	}
	return err
}

// create makes the successor under its own name. It is found again by that
// name, so a second call, or another actor's, ends with the same container.
func (w *work) create(ctx context.Context, s *successor, name string) error {
	if err := rollout.MayAct(ctx); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, 6*w.opts.CallTimeout)
	defer cancel()
	err := w.s.post(call, "/containers/create", url.Values{"name": {name}}, s.body, nil)
	switch {
	case err == nil, cerrdefs.IsConflict(err): // the family tells whose it is
		return nil
	case cerrdefs.IsNotFound(err), cerrdefs.IsInvalidArgument(err):
		return rollout.Fatal(fmt.Errorf("create container %s: %w", name, err))
	default:
		return fmt.Errorf("create container %s: %w", name, err)
	}
}

// join connects the successor to the networks that create did not take.
func (w *work) join(ctx context.Context, m *member, networks map[string]fields) error {
	if len(networks) == 0 {
		return nil
	}
	r, err := w.inspect(ctx, m.id)
	if err != nil {
		return err
	}
	for name, endpoint := range networks {
		if _, ok := r.Container.NetworkSettings.Networks[name]; ok {
			continue
		}
		if err := rollout.MayAct(ctx); err != nil {
			return err
		}
		body := map[string]any{"Container": m.id, "EndpointConfig": endpoint}
		call, cancel := w.timed(ctx)
		err := w.s.post(call, "/networks/"+url.PathEscape(name)+"/connect", nil, body, nil)
		cancel()
		if err != nil && !w.joined(ctx, m, name) {
			err = fmt.Errorf("connect container %s to network %s: %w", m.name, name, err)
			if cerrdefs.IsNotFound(err) || cerrdefs.IsInvalidArgument(err) {
				return rollout.Fatal(err)
			}
			return err
		}
	}
	return nil
}

// joined tells whether another actor, or a call whose reply was lost, has
// connected the container meanwhile.
func (w *work) joined(ctx context.Context, m *member, network string) bool {
	r, err := w.inspect(ctx, m.id)
	if err != nil {
		return false
	}
	_, ok := r.Container.NetworkSettings.Networks[network]
	return ok
}

// remove removes a stopped container; one that is gone already is fine.
func (w *work) remove(ctx context.Context, m *member, volumes bool) error {
	if err := rollout.MayAct(ctx); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, 6*w.opts.CallTimeout)
	defer cancel()
	_, err := w.s.ContainerRemove(call, m.id, client.ContainerRemoveOptions{RemoveVolumes: volumes})
	if err == nil || cerrdefs.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("remove container %s: %w", m.name, err)
}
