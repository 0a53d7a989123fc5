package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Resolver pins image references to digests at their registries. Registries on
// a loopback address are spoken to over plain HTTP where they have no TLS, as
// the engines do.
type Resolver struct {
	// Keychain has the registries' credentials; nil means anonymous.
	Keychain authn.Keychain
	// Timeout bounds one Resolve: 20 s when zero.
	Timeout time.Duration
	// Transport is the way to the registries; nil means the default one.
	Transport http.RoundTripper
	// Signatures says which images must be signed, and by whom; nil asks none.
	Signatures *Signatures
}

var _ rollout.Resolver = (*Resolver)(nil)

// Resolve asks the registry for the digest of a tag, or confirms that of a
// digest, and for its manifests by platform. A reference that is malformed,
// unknown or refused is a Fatal error, and so is one that is not signed as it
// must be. The signature is over the digest, by which alone the engines pull.
func (r *Resolver) Resolve(ctx context.Context, ref string) (rollout.PinnedImage, error) {
	timeout := r.Timeout
	if timeout == 0 {
		timeout = 20 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	n, err := parse(ref)
	if err != nil {
		return rollout.PinnedImage{}, rollout.Fatal(fmt.Errorf("image %q is not a reference: %w", ref, err))
	}
	d, err := remote.Get(n, r.options(ctx)...)
	if err != nil {
		return rollout.PinnedImage{}, resolveError(n, err)
	}
	manifests, err := manifestsOf(d)
	if err != nil {
		return rollout.PinnedImage{}, fmt.Errorf("image %s: %w", n, err)
	}
	p := rollout.PinnedImage{Ref: ref, Repository: n.Context().Name(), Digest: d.Digest.String(), Manifests: manifests}
	for _, m := range manifests {
		if !slices.Contains(p.Platforms, m.Platform) {
			p.Platforms = append(p.Platforms, m.Platform)
		}
	}
	p.SignedBy, err = r.Signatures.verify(ctx, n.Context().Digest(p.Digest), r.options(ctx))
	if err != nil {
		return rollout.PinnedImage{}, err
	}
	return p, nil
}

// parse reads a reference. The library itself knows of one loopback address
// only; the engines take 127.0.0.0/8.
func parse(ref string) (name.Reference, error) {
	n, err := name.ParseReference(ref)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(n.Context().RegistryStr())
	if ip := net.ParseIP(host); err == nil && ip.IsLoopback() {
		return name.ParseReference(ref, name.Insecure)
	}
	return n, nil
}

func (r *Resolver) options(ctx context.Context) []remote.Option {
	keys := r.Keychain
	if keys == nil {
		keys = anonymous{}
	}
	// The caller decides about another try; the library's own would hide for how
	// long a registry has been away.
	o := []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(keys),
		remote.WithRetryBackoff(remote.Backoff{Duration: 100 * time.Millisecond, Factor: 1, Steps: 1}),
	}
	if r.Transport != nil {
		o = append(o, remote.WithTransport(r.Transport))
	}
	return o
}

// resolveError says in words what the registry answered.
func resolveError(n name.Reference, err error) error {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return fmt.Errorf("ask registry %s for %s: %w", n.Context().RegistryStr(), n, err)
	}
	switch answer.StatusCode {
	case http.StatusNotFound:
		return rollout.Fatal(fmt.Errorf("image %s is not in registry %s: %w", n, n.Context().RegistryStr(), err))
	case http.StatusUnauthorized, http.StatusForbidden:
		return rollout.Fatal(fmt.Errorf("registry %s refuses access to %s: %w", n.Context().RegistryStr(), n, err))
	case http.StatusBadRequest:
		return rollout.Fatal(fmt.Errorf("registry %s refuses the reference %s: %w", n.Context().RegistryStr(), n, err))
	default:
		return fmt.Errorf("ask registry %s for %s: %w", n.Context().RegistryStr(), n, err)
	}
}

// manifestsOf lists the manifests of an index by platform, or the one image.
// What an index holds beside images (attestations) has the platform "unknown".
func manifestsOf(d *remote.Descriptor) ([]rollout.Manifest, error) {
	if !d.MediaType.IsIndex() {
		img, err := d.Image()
		if err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		c, err := img.ConfigFile()
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		return addManifest(nil, img, c.OS, c.Architecture)
	}
	index, err := d.ImageIndex()
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	entries, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	var out []rollout.Manifest
	for _, e := range entries.Manifests {
		if e.Platform == nil || e.Platform.OS == "unknown" || !e.MediaType.IsImage() {
			continue
		}
		img, err := index.Image(e.Digest)
		if err != nil {
			return nil, fmt.Errorf("read manifest %s: %w", e.Digest, err)
		}
		if out, err = addManifest(out, img, e.Platform.OS, e.Platform.Architecture); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func addManifest(all []rollout.Manifest, img v1.Image, os, arch string) ([]rollout.Manifest, error) {
	if os == "" || arch == "" {
		return all, nil
	}
	m, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	digest, err := img.Digest()
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	c, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	one := rollout.Manifest{Platform: os + "/" + arch, Digest: digest.String(), Size: m.Config.Size}
	for i, l := range m.Layers {
		one.Size += l.Size
		if len(c.RootFS.DiffIDs) == len(m.Layers) {
			one.Layers = append(one.Layers, rollout.Layer{DiffID: c.RootFS.DiffIDs[i].String(), Size: l.Size})
		}
	}
	return append(all, one), nil
}
