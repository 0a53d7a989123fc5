package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxManifest is how long a manifest may be; registries take no longer ones.
const maxManifest = 4 << 20

// loan is what one engine may pull now: an image, and all that its manifest names.
type loan struct {
	path, password string
	sources        []*source // in the order in which they are asked; the image's own registry is the last
	pace           *pace

	mu     sync.Mutex      // guards the rest; never held during a call
	known  map[string]bool // the digests that may be read
	unread []string        // those of manifests of which the relay has not seen what they name
}

// errNotLent is for a digest that is no part of the image.
var errNotLent = errors.New("it is no part of the image that is lent")

// allows returns nil when the digest is a part of the image. Manifests that the
// engine did not ask for are read where that may tell: an engine that has one from
// an earlier pull asks for its layers at once. One that cannot be read, as that of
// another platform which a mirror left out, is passed over.
func (l *loan) allows(ctx context.Context, digest string) error {
	tried, failed := make(map[string]bool), errNotLent
	for {
		known, next := l.look(digest, tried)
		switch {
		case known:
			return nil
		case next == "":
			return failed
		}
		tried[next] = true
		if _, err := l.manifest(ctx, next); err != nil {
			failed = err
		}
	}
}

// look tells whether the digest is known, and the first manifest to read that was
// not tried; empty when there is none.
func (l *loan) look(digest string, tried map[string]bool) (known bool, next string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range l.unread {
		if !tried[u] {
			return l.known[digest], u
		}
	}
	return l.known[digest], ""
}

// manifest is what a registry answers for a manifest that may be read.
type manifest struct {
	mediaType string
	body      []byte
}

// acceptManifests are the kinds of manifests; by digest there is no choice of them.
var acceptManifests = http.Header{"Accept": {
	string(types.OCIImageIndex), string(types.OCIManifestSchema1),
	string(types.DockerManifestList), string(types.DockerManifestSchema2),
}}

// manifest reads a manifest and learns what it names.
func (l *loan) manifest(ctx context.Context, digest string) (*manifest, error) {
	var m *manifest
	if err := l.ask(ctx, func(s *source) (err error) {
		m, err = s.manifest(ctx, digest)
		return err
	}); err != nil {
		return nil, err
	}
	return m, l.learn(digest, m.body)
}

// learn notes what a manifest names: manifests, or a configuration and layers.
func (l *loan) learn(digest string, body []byte) error {
	var names struct {
		Manifests []v1.Descriptor `json:"manifests"`
		Config    v1.Descriptor   `json:"config"`
		Layers    []v1.Descriptor `json:"layers"`
	}
	if err := json.Unmarshal(body, &names); err != nil {
		return fmt.Errorf("read manifest %s: %w", digest, err)
	}
	for _, layer := range names.Layers {
		if len(layer.URLs) > 0 { // some engines would go there, past the limit
			return &refusal{http.StatusForbidden, "DENIED", fmt.Sprintf(
				"layer %s is outside of the registry, which a bandwidth limit does not allow", layer.Digest)}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unread = slices.DeleteFunc(l.unread, func(u string) bool { return u == digest })
	for _, d := range names.Manifests {
		if !l.known[d.Digest.String()] {
			l.unread = append(l.unread, d.Digest.String())
		}
		l.known[d.Digest.String()] = true
	}
	for _, d := range append(names.Layers, names.Config) {
		l.known[d.Digest.String()] = true
	}
	return nil
}

// ask asks the sources in their order until one has an answer. The error is that of
// the image's own registry.
func (l *loan) ask(ctx context.Context, question func(*source) error) (err error) {
	for i, s := range l.sources {
		last := i == len(l.sources)-1
		if !last && s.away.Load() {
			continue
		}
		if err = question(s); err == nil || ctx.Err() != nil {
			return err
		}
		if !last {
			s.fails(err)
		}
	}
	return err
}

// verified reads a manifest and compares it with its digest.
func verified(body io.Reader, digest string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, maxManifest+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > maxManifest:
		return nil, fmt.Errorf("manifest %s is longer than %d bytes", digest, maxManifest)
	}
	h, _, err := v1.SHA256(bytes.NewReader(b))
	if err == nil && h.String() != digest {
		err = fmt.Errorf("manifest %s: what the registry sent is %s", digest, h)
	}
	return b, err
}
