package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/muster-fleet/muster/internal/rollout"
)

// States for labelFound.
const (
	foundRunning = "running"
	foundStopped = "stopped"
)

// original is what the engine says of the old container and its image.
type original struct {
	raw   fields // of the container's inspection
	seen  container.InspectResponse
	image container.Config // defaults of the old image
	api   string           // version spoken with the engine
	// borrowed are the volumes, "name:destination", that VolumesFrom brings.
	borrowed map[string]bool
	host     string // the engine's own host name
	mac      string // see userMAC
	restart  container.RestartPolicy
	found    string // state for labelFound
	newID    string // the engine's id of the new image
}

// plan computes the successor and refuses what could not be kept or undone.
func (w *work) plan(ctx context.Context, f *family, old *member) (*successor, error) {
	o, err := w.original(ctx, old)
	if err != nil {
		return nil, err
	}
	if _, o.newID, err = w.imageConfig(ctx, w.t.Image.ByDigest()); err != nil {
		return nil, err
	}
	o.rememberFrom(f, old)
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
	if err := w.borrow(ctx, o); err != nil {
		return nil, err
	}
	if o.mac, err = w.userMAC(ctx, r.Container); err != nil {
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

// borrow notes the volumes that the container has from others.
func (w *work) borrow(ctx context.Context, o *original) error {
	o.borrowed = make(map[string]bool)
	for _, from := range o.seen.HostConfig.VolumesFrom {
		name, _, _ := strings.Cut(from, ":")
		r, err := w.inspect(ctx, name)
		if cerrdefs.IsNotFound(err) {
			return rollout.Fatal(fmt.Errorf("this field cannot be kept: HostConfig.VolumesFrom: container %.64s is gone", name))
		} else if err != nil {
			return err
		}
		for _, m := range r.Container.Mounts {
			o.borrowed[m.Name+":"+m.Destination] = true
		}
	}
	return nil
}

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
// unfinished replacement left, which had set the old container's policy to "no":
// from the successor, or else from the old one's own name.
func (o *original) rememberFrom(f *family, old *member) {
	if !o.restart.IsNone() {
		return
	}
	memory := remembered(old.name)
	var newest *member
	for i := range f.lower {
		m := &f.lower[i]
		if m.slot != slotPrevious && (newest == nil || m.generation > newest.generation) {
			newest = m
		}
	}
	if memory == nil && newest != nil {
		memory = newest.labels
	}
	if p, err := parseRestart(memory[labelRestart]); err == nil {
		o.restart = p
	}
	if found := memory[labelFound]; found != "" {
		o.found = found
	}
}
