package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Relay hands images on to the engines of a site no faster than its rate. An engine
// has no such limit of its own.
type Relay interface {
	// Lend lets the bearer of key pull the digest from repository, at the site's
	// rate in bytes per second, until end is called. The relay takes it from the
	// first of the repositories that has it; the last one is the image's own.
	Lend(site string, rate float64, digest string, from []name.Repository) (repository string, key authn.AuthConfig, end func())
}

// near pulls from what is nearer than the image's own registry and returns the
// reference that the engine then has; empty when there is nothing nearer.
func (w *work) near(ctx context.Context, report func(rollout.Progress)) (string, error) {
	if w.site.Bandwidth == 0 {
		return w.mirror(ctx, report), nil
	}
	ref, err := w.relayed(ctx, report)
	if cerrdefs.IsUnauthorized(err) {
		// An engine shares a layer between its pulls. When it goes on with one that
		// began under a pull that has ended, the relay no longer knows the password.
		// That passes, so the error is not to tell what would be final.
		err = errors.New(err.Error())
	}
	if err != nil {
		return "", fmt.Errorf("by the relay of site %q: %w", w.site.Name, err)
	}
	return ref, nil
}

// relayed pulls by the relay. Unlike the mirror it must not fail: nobody else keeps
// to the site's bandwidth.
func (w *work) relayed(ctx context.Context, report func(rollout.Progress)) (string, error) {
	var from []name.Repository
	for _, repository := range []string{w.mirrored(), w.t.Image.Repository} {
		if repository == "" {
			continue
		}
		ref, err := parse(repository + "@" + w.t.Image.Digest)
		if err != nil {
			return "", rollout.Fatal(fmt.Errorf("repository %q: %w", repository, err))
		}
		from = append(from, ref.Context())
	}
	repository, key, end := w.opts.Relay.Lend(w.site.Name, w.site.Bandwidth, w.t.Image.Digest, from)
	defer end()
	host, _, _ := strings.Cut(repository, "/")
	auth, err := encoded(key, host)
	if err != nil {
		return "", err
	}
	if err := w.fetchWith(ctx, repository, auth, report); err != nil {
		return "", err
	}
	return repository + "@" + w.t.Image.Digest, nil
}
