package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errhttp"
	"github.com/distribution/reference"
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
// is worth another try, an engine without space for it included. It waits while the
// site pulls as much as it may. A layer that is cut off is the engine's to go on
// with: it asks for the rest, five times by default. A pull of which nothing is
// heard for Options.Stalled is given up, and its site's next one begins.
func (c *Client) Pull(ctx context.Context, t rollout.Target, report func(rollout.Progress)) error {
	w, err := c.begin(ctx, t)
	if err != nil {
		return err
	}
	if err := w.pull(ctx, report); err != nil {
		return fmt.Errorf("pull image %s: %w", t.Image.ByDigest(), err)
	}
	return nil
}

func (w *work) pull(ctx context.Context, report func(rollout.Progress)) error {
	if err := w.runsHere(); err != nil {
		return err
	}
	here, err := w.present(ctx)
	if err != nil || here {
		return err
	}
	if err := w.signed(ctx); err != nil {
		return err
	}
	if err := w.fits(ctx); err != nil {
		return err
	}
	if err := w.site.enter(ctx, report); err != nil {
		return err
	}
	defer w.site.leave()
	near, err := w.near(ctx, report)
	if err != nil {
		return err
	}
	if err := w.fetch(ctx, w.t.Image.Repository, report); err != nil {
		return err
	}
	if near != "" {
		w.forget(ctx, near)
	}
	here, err = w.present(ctx)
	if err == nil && !here {
		err = errors.New("the engine took it and does not have it")
	}
	return err
}

// signed asks once more who signed the digest: a rollback's plan is made of what
// the robots had, and a rule may have changed since a plan was made.
func (w *work) signed(ctx context.Context) error {
	ref, err := parse(w.t.Image.ByDigest())
	if err != nil {
		return rollout.Fatal(fmt.Errorf("image %s: %w", w.t.Image.ByDigest(), err))
	}
	d, ok := ref.(name.Digest)
	if !ok {
		return rollout.Fatal(fmt.Errorf("image %s is not pinned to a digest", ref))
	}
	_, err = w.opts.Signatures.verify(ctx, d, (&Resolver{Keychain: w.opts.Keychain}).options(ctx))
	return err
}

// runsHere refuses an image that is known to have no platform of the engine's.
func (w *work) runsHere() error {
	p := w.t.Image.Platforms
	if len(p) == 0 || slices.ContainsFunc(p, w.runs) {
		return nil
	}
	return rollout.Fatal(fmt.Errorf("engine %s is %s/%s, the image is for %s",
		w.endpoint.Name, w.s.os, w.s.arch, strings.Join(p, ", ")))
}

// runs reports whether the engine runs images of a platform: its own, and the
// 32-bit one of the same kind, which small robots' images often are.
func (w *work) runs(platform string) bool {
	narrow := map[string]string{"arm64": "arm", "amd64": "386"}
	return platform == w.s.os+"/"+w.s.arch || platform == w.s.os+"/"+narrow[w.s.arch]
}

// present reports whether the engine has the image, and that it can run it. An
// image that was pulled for another platform is there in that part only, which
// containerd's store tells by leaving the platform out; a pull brings ours.
func (w *work) present(ctx context.Context) (bool, error) {
	ctx, cancel := w.timed(ctx)
	defer cancel()
	i, err := w.s.ImageInspect(ctx, w.t.Image.ByDigest())
	switch {
	case cerrdefs.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("inspect image: %w", err)
	case w.runs(i.Os + "/" + i.Architecture):
		return true, nil
	case i.Os == "":
		return false, nil
	default:
		return false, rollout.Fatal(fmt.Errorf("engine %s is %s/%s, the image is for %s/%s",
			w.endpoint.Name, w.s.os, w.s.arch, i.Os, i.Architecture))
	}
}

// mirror pulls by the site's mirror and returns the reference that the engine
// then has. It may fail: the image's own registry has it all. That one is asked
// in any case, since the engine takes the name by which the container is to run
// from nobody else; it need not send the layers again.
func (w *work) mirror(ctx context.Context, report func(rollout.Progress)) string {
	repo := w.mirrored()
	if repo == "" {
		return ""
	}
	if err := w.fetch(ctx, repo, report); err != nil {
		w.log.Warn("the mirror does not help", "mirror", w.site.Mirror, "err", err)
		return ""
	}
	return repo + "@" + w.t.Image.Digest
}

// mirrored is the image's repository at the site's mirror; empty without one.
func (w *work) mirrored() string {
	n, err := reference.ParseNormalizedNamed(w.t.Image.Repository)
	if err != nil || w.site.Mirror == "" || reference.Domain(n) == w.site.Mirror {
		return ""
	}
	return w.site.Mirror + "/" + reference.Path(n)
}

// forget takes the mirror's or relay's name from the image, so that it does not
// outlive the pull.
func (w *work) forget(ctx context.Context, ref string) {
	ctx, cancel := w.timed(ctx)
	defer cancel()
	if _, err := w.s.ImageRemove(ctx, ref, client.ImageRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
		w.log.Warn("a name stays on the image", "image", ref, "err", err)
	}
}

// fetch pulls the target's digest from a repository and reads the engine's
// report to its end: a pull that fails half way is answered with success first.
func (w *work) fetch(ctx context.Context, repository string, report func(rollout.Progress)) error {
	auth, err := w.auth(repository)
	if err != nil {
		return err
	}
	return w.fetchWith(ctx, repository, auth, report)
}

func (w *work) fetchWith(ctx context.Context, repository, auth string, report func(rollout.Progress)) error {
	ref := repository + "@" + w.t.Image.Digest
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(w.opts.Stalled, func() {
		cancel(fmt.Errorf("nothing was heard of it for %v", w.opts.Stalled))
	})
	defer silence.Stop()
	if err := w.receive(ctx, ref, auth, report, silence); ctx.Err() != nil {
		return context.Cause(ctx)
	} else if err != nil {
		return err
	}
	w.log.Info("image pulled", "image", ref, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// receive is the pull itself; each message that says something new puts silence
// off.
func (w *work) receive(ctx context.Context, ref, auth string, report func(rollout.Progress), silence *time.Timer) error {
	resp, err := w.s.ImagePull(ctx, ref, client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return pullError(err)
	}
	p := layers{total: w.need(ctx), layers: make(map[string]rollout.Progress), said: make(map[string]string)}
	for m, err := range resp.JSONMessages(ctx) {
		if err != nil {
			return err
		}
		if m.Error != nil {
			return pullError(streamError(m.Error))
		}
		if p.news(m) {
			silence.Reset(w.opts.Stalled)
		}
		if p.take(m) {
			report(p.sum())
		}
	}
	return nil
}

// auth is the credential of a repository's registry in the Engine's encoding.
func (w *work) auth(repository string) (string, error) {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return "", rollout.Fatal(fmt.Errorf("repository %q: %w", repository, err))
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
	return encoded(*cfg, repo.RegistryStr())
}

// encoded is a credential in the Engine's encoding.
func encoded(c authn.AuthConfig, server string) (string, error) {
	return authconfig.Encode(registry.AuthConfig{
		Username: c.Username, Password: c.Password, Auth: c.Auth,
		IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken,
		ServerAddress: server,
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
