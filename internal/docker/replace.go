package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Replace puts a container of the target's image in the old one's place; see
// the package's doc. It refuses with a Fatal error, before anything is touched,
// what could not be undone or kept.
func (c *Client) Replace(ctx context.Context, t rollout.Target) error {
	w, err := c.begin(ctx, t)
	if err != nil {
		return err
	}
	f, err := w.family(ctx)
	if err != nil {
		return fmt.Errorf("replace: %w", err)
	}
	if err := w.notUndone(f); err != nil {
		return fmt.Errorf("replace %s: %w", t.Container, err)
	}
	next, old := f.mine(t), f.prev
	if next != nil {
		err = w.surplus(ctx, f)
	} else {
		next, old, err = w.prepare(ctx, f)
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", t.Container, err)
	}
	if err := w.takeOver(ctx, next, old); err != nil {
		return fmt.Errorf("replace %s: %w", t.Container, err)
	}
	return nil
}

// prepare gets the successor ready and takes the old container out of its
// place. The old one goes on running.
func (w *work) prepare(ctx context.Context, f *family) (next, old *member, err error) {
	switch {
	case f.place != nil && f.prev != nil:
		return nil, nil, rollout.Fatal(fmt.Errorf("the place was taken meanwhile by %s", f.place.owner()))
	case f.place != nil:
		old = f.place
	case f.prev != nil:
		old = f.prev
	default:
		return nil, nil, w.missing(f)
	}
	// The image is here since the pull; when it was removed meanwhile it is better
	// to fetch it now than to learn it with the robot down.
	if err := w.Pull(ctx, w.t); err != nil {
		return nil, nil, err
	}
	s, err := w.plan(ctx, f, old)
	if err != nil {
		return nil, nil, err
	}
	if f.next == nil {
		if err := w.create(ctx, s, nameOf(w.t.Container, slotNext, w.t.Generation)); err != nil {
			return nil, nil, err
		}
	}
	// Look again: another actor may have been faster by any number of steps.
	if f, err = w.family(ctx); err != nil {
		return nil, nil, err
	}
	if err := w.notUndone(f); err != nil {
		return nil, nil, err
	}
	if next = f.mine(w.t); next != nil {
		return next, f.prev, w.surplus(ctx, f)
	}
	if next = f.next; next == nil {
		return nil, nil, errors.New("the successor was created and is gone")
	}
	if err := w.join(ctx, next, s.networks); err != nil {
		return nil, nil, err
	}
	if err := w.setRestart(ctx, old.id, noRestart); err != nil {
		return nil, nil, err
	}
	return next, old, w.rename(ctx, old, nameOf(w.t.Container, slotPrevious, w.t.Generation))
}

// notUndone refuses to bring back what was rolled back.
func (w *work) notUndone(f *family) error {
	if f.undone == nil {
		return nil
	}
	return rollout.Fatal(fmt.Errorf("generation %d was rolled back here", w.t.Generation))
}

// surplus removes the second successor that a slower actor created after the
// first one had taken its place. It was never started.
func (w *work) surplus(ctx context.Context, f *family) error {
	if f.next == nil {
		return nil
	}
	return w.remove(ctx, f.next, true)
}

// missing says why there is no container to replace.
func (w *work) missing(f *family) error {
	for _, m := range f.lower {
		if m.slot == slotPrevious {
			return rollout.Fatal(fmt.Errorf("container %s is not there, but %s is: an earlier rollout was left unfinished; roll that one back first", w.t.Container, m.name))
		}
	}
	return rollout.Fatal(fmt.Errorf("container %s is not on engine %s", w.t.Container, w.endpoint.Name))
}

// takeOver stops the old container and starts the successor in its place. old
// is nil once Commit has removed it.
func (w *work) takeOver(ctx context.Context, next, old *member) error {
	wanted, err := parseRestart(next.labels[labelRestart])
	if err != nil {
		return rollout.Fatal(fmt.Errorf("label %s of %s: %w", labelRestart, next.name, err))
	}
	if old != nil {
		if err := w.halt(ctx, old); err != nil {
			return err
		}
		// Stopping can take long: another may have taken over or rolled back.
		f, err := w.family(ctx)
		if err != nil {
			return err
		}
		if err := w.notUndone(f); err != nil {
			return err
		}
	}
	if err := w.rename(ctx, next, w.t.Container); err != nil {
		return err
	}
	if err := w.start(ctx); err != nil {
		return err
	}
	if err := w.setRestart(ctx, next.id, wanted); err != nil {
		return err
	}
	w.log.Info("container replaced", "image", w.t.Image.ByDigest())
	return nil
}

// plan computes the successor and refuses what could not be kept or undone.
func (w *work) plan(ctx context.Context, f *family, old *member) (*successor, error) {
	o, err := w.original(ctx, old)
	if err != nil {
		return nil, err
	}
	o.rememberFrom(f)
	if err := w.refuse(ctx, o); err != nil {
		return nil, err
	}
	s, err := newSuccessor(*o, w.t)
	if err != nil {
		return nil, rollout.Fatal(fmt.Errorf("this field cannot be kept: %w", err))
	}
	return s, nil
}

// original asks the engine for all that the successor is computed from.
func (w *work) original(ctx context.Context, old *member) (*original, error) {
	r, err := w.inspect(ctx, old.id)
	if err != nil {
		return nil, err
	}
	o := &original{
		seen: r.Container, api: w.s.api, found: foundStopped,
		restart: r.Container.HostConfig.RestartPolicy,
	}
	if st := r.Container.State; st.Running || st.Restarting {
		o.found = foundRunning
	}
	if err := json.Unmarshal(r.Raw, &o.raw); err != nil {
		return nil, fmt.Errorf("read container %s: %w", old.name, err)
	}
	if o.image, _, err = w.imageConfig(ctx, r.Container.Image); err != nil {
		if cerrdefs.IsNotFound(err) {
			return nil, rollout.Fatal(fmt.Errorf("this field cannot be kept: Config: the old image %.19s is no longer on the engine, so what the user set cannot be told from its defaults", r.Container.Image))
		}
		return nil, err
	}
	if _, o.newID, err = w.imageConfig(ctx, w.t.Image.ByDigest()); err != nil {
		return nil, err
	}
	call, cancel := w.timed(ctx)
	defer cancel()
	info, err := w.s.Info(call, client.InfoOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask engine for its name: %w", err)
	}
	o.host = info.Info.Name
	return o, nil
}

// States for labelFound.
const (
	foundRunning = "running"
	foundStopped = "stopped"
)

// imageConfig returns an image's defaults and its id on the engine.
func (w *work) imageConfig(ctx context.Context, ref string) (container.Config, string, error) {
	ctx, cancel := w.timed(ctx)
	defer cancel()
	var raw bytes.Buffer
	if _, err := w.s.ImageInspect(ctx, ref, client.ImageInspectWithRawResponse(&raw)); err != nil {
		return container.Config{}, "", fmt.Errorf("inspect image %s: %w", ref, err)
	}
	// The library's type leaves out members of older engines, such as StopTimeout.
	var i struct {
		ID     string `json:"Id"`
		Config *container.Config
	}
	if err := json.Unmarshal(raw.Bytes(), &i); err != nil {
		return container.Config{}, "", fmt.Errorf("read image %s: %w", ref, err)
	}
	if i.Config == nil {
		return container.Config{}, i.ID, nil
	}
	return *i.Config, i.ID, nil
}

// rememberFrom takes the wanted restart policy and the found state from what an
// unfinished rollout left: it had set the old container's policy to "no".
func (o *original) rememberFrom(f *family) {
	if !o.restart.IsNone() {
		return
	}
	var newest *member
	for i := range f.lower {
		m := &f.lower[i]
		if m.slot != slotPrevious && (newest == nil || m.generation > newest.generation) {
			newest = m
		}
	}
	if newest == nil {
		return
	}
	if p, err := parseRestart(newest.labels[labelRestart]); err == nil {
		o.restart = p
	}
	if found := newest.labels[labelFound]; found != "" {
		o.found = found
	}
}

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
