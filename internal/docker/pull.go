package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errhttp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Pull makes the target's image present by digest. An image that is there
// already costs one small call. It is Fatal when the registry does not know the
// image, refuses access, or has none for the engine's platform; everything else
// is worth another try.
func (c *Client) Pull(ctx context.Context, t rollout.Target) error {
	w, err := c.begin(ctx, t)
	if err != nil {
		return err
	}
	if err := w.runsHere(); err != nil {
		return fmt.Errorf("pull image %s: %w", t.Image.ByDigest(), err)
	}
	here, err := w.present(ctx)
	if err == nil && !here {
		if err = w.fetch(ctx); err == nil {
			here, err = w.present(ctx)
		}
	}
	if err == nil && !here {
		err = errors.New("the engine took it and does not have it")
	}
	if err != nil {
		return fmt.Errorf("pull image %s: %w", t.Image.ByDigest(), err)
	}
	return nil
}

// runsHere refuses a platform that the image is known not to have.
func (w *work) runsHere() error {
	platform := w.s.os + "/" + w.s.arch
	if p := w.t.Image.Platforms; len(p) > 0 && !slices.Contains(p, platform) {
		return rollout.Fatal(fmt.Errorf("engine %s is %s, the image is for %v", w.endpoint.Name, platform, p))
	}
	return nil
}

// present reports whether the engine has the image, and that it can run it.
func (w *work) present(ctx context.Context) (bool, error) {
	ctx, cancel := w.timed(ctx)
	defer cancel()
	i, err := w.s.ImageInspect(ctx, w.t.Image.ByDigest())
	switch {
	case cerrdefs.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("inspect image: %w", err)
	case i.Os != w.s.os || i.Architecture != w.s.arch:
		return false, rollout.Fatal(fmt.Errorf("engine %s is %s/%s, the image is for %s/%s",
			w.endpoint.Name, w.s.os, w.s.arch, i.Os, i.Architecture))
	}
	return true, nil
}

// fetch pulls and reads the engine's report to its end: a pull that fails half
// way is answered with success first.
func (w *work) fetch(ctx context.Context) error {
	auth, err := w.auth()
	if err != nil {
		return err
	}
	resp, err := w.s.ImagePull(ctx, w.t.Image.ByDigest(), client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return pullError(err)
	}
	w.progress.begin(w.t)
	for m, err := range resp.JSONMessages(ctx) {
		if err == nil && m.Error != nil {
			err = pullError(streamError(m.Error))
		}
		if err != nil {
			w.progress.end(w.t, err)
			return err
		}
		w.progress.note(w.t, m)
	}
	w.progress.end(w.t, nil)
	return nil
}

// auth is the registry's credential in the Engine's encoding.
func (w *work) auth() (string, error) {
	repo, err := name.NewRepository(w.t.Image.Repository)
	if err != nil {
		return "", rollout.Fatal(fmt.Errorf("repository %q: %w", w.t.Image.Repository, err))
	}
	a, err := w.opts.Keychain.Resolve(repo)
	if err != nil {
		return "", fmt.Errorf("credentials of %s: %w", repo.RegistryStr(), err)
	}
	if a == authn.Anonymous {
		return "", nil
	}
	cfg, err := a.Authorization()
	if err != nil {
		return "", fmt.Errorf("credentials of %s: %w", repo.RegistryStr(), err)
	}
	return authconfig.Encode(registry.AuthConfig{
		Username: cfg.Username, Password: cfg.Password, Auth: cfg.Auth,
		IdentityToken: cfg.IdentityToken, RegistryToken: cfg.RegistryToken,
		ServerAddress: repo.RegistryStr(),
	})
}

// streamError is a failure reported inside the stream. Engines before 23 give
// no code, which makes it one worth another try.
func streamError(e *jsonstream.Error) error {
	if e.Code == 0 {
		return e
	}
	return &engineError{message: e.Message, class: errhttp.ToNative(e.Code)}
}

// pullError marks what another try will not mend.
func pullError(err error) error {
	if cerrdefs.IsNotFound(err) || cerrdefs.IsUnauthorized(err) ||
		cerrdefs.IsPermissionDenied(err) || cerrdefs.IsInvalidArgument(err) {
		return rollout.Fatal(err)
	}
	return err
}

// Progress is how far a robot's pull came.
type Progress struct {
	Image  string    `json:"image"` // by digest
	Layers int       `json:"layers"`
	Ready  int       `json:"ready"` // layers that are complete
	Bytes  int64     `json:"bytes"` // fetched so far, of the layers whose size is known
	Total  int64     `json:"total"`
	Done   bool      `json:"done"`
	Error  string    `json:"error,omitempty"`
	At     time.Time `json:"at"` // of the engine's last word
}

// Progress returns how far the robot's last pull came. It is kept until Commit
// or Discard.
func (c *Client) Progress(robot string) (Progress, bool) { return c.progress.get(robot) }

// progressBook has one entry per robot.
type progressBook struct {
	mu  sync.Mutex
	all map[string]*pulling
}

type pulling struct {
	Progress
	layers map[string]layer
}

type layer struct {
	bytes, total int64
	ready        bool
}

func (b *progressBook) begin(t rollout.Target) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = make(map[string]*pulling)
	}
	b.all[t.Robot] = &pulling{
		Progress: Progress{Image: t.Image.ByDigest(), At: time.Now().UTC()},
		layers:   make(map[string]layer),
	}
}

// note takes in one message. The Engine names a layer by a short id and reports
// the states in words (moby, distribution/pull_v2.go).
func (b *progressBook) note(t rollout.Target, m jsonstream.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.all[t.Robot]
	if p == nil {
		return
	}
	p.At = time.Now().UTC()
	l, known := p.layers[m.ID]
	switch m.Status {
	case "Pulling fs layer", "Waiting":
	case "Downloading":
		if m.Progress != nil {
			l.bytes, l.total = m.Progress.Current, m.Progress.Total
		}
	case "Download complete":
		l.bytes = l.total
	case "Pull complete", "Already exists":
		l.bytes, l.ready = l.total, true
	default:
		if !known {
			return // a word about the image as a whole
		}
	}
	p.layers[m.ID] = l
	p.Layers, p.Ready, p.Bytes, p.Total = len(p.layers), 0, 0, 0
	for _, l := range p.layers {
		p.Bytes += l.bytes
		p.Total += l.total
		if l.ready {
			p.Ready++
		}
	}
}

func (b *progressBook) end(t rollout.Target, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.all[t.Robot]; p != nil {
		p.At, p.Done = time.Now().UTC(), err == nil
		if err != nil {
			p.Error = err.Error()
		}
	}
}

func (b *progressBook) get(robot string) (Progress, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.all[robot]
	if !ok {
		return Progress{}, false
	}
	return p.Progress, true
}

func (b *progressBook) forget(robot string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.all, robot)
}
