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
	next, err := w.imageFacts(ctx, w.t.Image.ByDigest())
	if err != nil {
		return nil, err
	}
	o.newID = next.ID
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
	// Another actor may have taken it out of its place since it was listed: its
	// name tells, and remembers how it was.
	old.name = engineName(r.Container.Name)
	_, old.slot, old.generation = parseName(old.name)
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
	if o.image, err = w.oldImage(ctx, r.Container); err != nil {
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

// imageFacts is what the engine says of an image. Of one for several platforms
// it is that which the engine would take.
type imageFacts struct {
	ID                        string `json:"Id"`
	Os, Architecture, Variant string // empty when that part is not on the engine
	Config                    container.Config
}

func (w *work) imageFacts(ctx context.Context, ref string) (imageFacts, error) {
	ctx, cancel := w.timed(ctx)
	defer cancel()
	var raw bytes.Buffer
	var i imageFacts
	if _, err := w.s.ImageInspect(ctx, ref, client.ImageInspectWithRawResponse(&raw)); err != nil {
		return i, fmt.Errorf("inspect image %s: %w", ref, err)
	}
	// The library's type leaves out members of older engines, such as StopTimeout.
	if err := json.Unmarshal(raw.Bytes(), &i); err != nil {
		return i, fmt.Errorf("read image %s: %w", ref, err)
	}
	return i, nil
}

// oldImage finds the defaults that the old container was made with.
func (w *work) oldImage(ctx context.Context, c container.InspectResponse) (container.Config, error) {
	i, err := w.imageFacts(ctx, c.Image)
	of := c.ImageManifestDescriptor // of containerd's image store
	switch {
	case cerrdefs.IsNotFound(err):
	case err != nil:
		return container.Config{}, err
	case of != nil && of.Platform != nil && !w.takes(i, of.Platform.OS, of.Platform.Architecture, of.Platform.Variant):
		return container.Config{}, rollout.Fatal(fmt.Errorf("this field cannot be kept: platform %s: the container was made for it, and the engine takes another one of its image",
			strings.TrimSuffix(of.Platform.OS+"/"+of.Platform.Architecture+"/"+of.Platform.Variant, "/")))
	case of == nil || i.Os != "":
		return i.Config, nil
	}
	return container.Config{}, rollout.Fatal(fmt.Errorf("this field cannot be kept: Config: the old image %.19s is no longer on the engine, so what the user set cannot be told from its defaults", c.Image))
}

// takes reports whether a platform is the one that the engine takes of an image.
// Variants are compared where both are told: for some kinds one goes without.
func (w *work) takes(i imageFacts, system, arch, variant string) bool {
	if i.Os == "" { // that part is not on the engine
		return system == w.s.os && arch == w.s.arch
	}
	return system == i.Os && arch == i.Architecture && (variant == i.Variant || variant == "" || i.Variant == "")
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
