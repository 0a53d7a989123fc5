package engine

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// image is what the engine keeps of an image: its configuration and its names.
type image struct {
	id      string // digest of the configuration
	config  *v1.ConfigFile
	tags    []string // "host/repository:tag"
	digests []string // "host/repository@sha256:…"
}

// pull fetches an image's configuration from its registry.
func (e *Engine) pull(ctx context.Context, ref string) error {
	n, err := name.ParseReference(ref)
	if err != nil {
		return errorf(http.StatusBadRequest, "invalid reference format: %v", err)
	}
	img, err := remote.Image(n, remote.WithContext(ctx))
	if err != nil {
		if t := new(transport.Error); asTransport(err, &t) && t.StatusCode == http.StatusNotFound {
			return errorf(http.StatusNotFound, "manifest for %s not found: manifest unknown", ref)
		}
		return errorf(http.StatusInternalServerError, "%v", err)
	}
	id, err := img.ConfigName()
	if err != nil {
		return errorf(http.StatusInternalServerError, "%v", err)
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return errorf(http.StatusInternalServerError, "%v", err)
	}
	digest, err := img.Digest()
	if err != nil {
		return errorf(http.StatusInternalServerError, "%v", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.images[id.String()]
	if i == nil {
		i = &image{id: id.String(), config: cf}
		e.images[i.id] = i
	}
	repo := n.Context().Name()
	i.digests = addOnce(i.digests, repo+"@"+digest.String())
	if tag, ok := n.(name.Tag); ok {
		for _, other := range e.images {
			other.tags = slices.DeleteFunc(other.tags, func(s string) bool { return s == tag.Name() })
		}
		i.tags = append(i.tags, tag.Name())
	}
	return nil
}

func addOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// findImage finds an image by id, tag or digest. mu is held.
func (e *Engine) findImage(ref string) *image {
	if i := e.images[ref]; i != nil {
		return i
	}
	for _, i := range e.images {
		if slices.Contains(i.tags, ref) || slices.Contains(i.digests, ref) || strings.TrimPrefix(i.id, "sha256:") == ref {
			return i
		}
	}
	return nil
}

// inspectImage is GET /images/{name}/json.
func (e *Engine) inspectImage(ref string) (map[string]any, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.findImage(ref)
	if i == nil {
		return nil, errorf(http.StatusNotFound, "No such image: %s", ref)
	}
	return map[string]any{
		"Id": i.id, "RepoTags": slices.Clone(i.tags), "RepoDigests": slices.Clone(i.digests),
		"Os": i.config.OS, "Architecture": i.config.Architecture, "Config": i.config.Config,
		"Created": i.config.Created.Time, "Size": 0,
	}, nil
}

// listImages is GET /images/json, without filters.
func (e *Engine) listImages() []map[string]any {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]map[string]any, 0, len(e.images))
	for _, id := range slices.Sorted(maps.Keys(e.images)) {
		i := e.images[id]
		all = append(all, map[string]any{"Id": i.id, "RepoTags": slices.Clone(i.tags), "RepoDigests": slices.Clone(i.digests)})
	}
	return all
}

// removeImage forgets an image that no container uses.
func (e *Engine) removeImage(ref string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.findImage(ref)
	if i == nil {
		return errorf(http.StatusNotFound, "No such image: %s", ref)
	}
	for _, b := range e.containers {
		if b.image == i {
			return errorf(http.StatusConflict, "image %s is used by container %s", ref, b.name)
		}
	}
	delete(e.images, i.id)
	return nil
}
