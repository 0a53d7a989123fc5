package docker

import (
	"context"
	"fmt"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"
)

// prune removes the images of the target's repository that no container uses,
// but never the target's own nor the one that was replaced: it is what a
// rollback goes back to. An image that is in use after all is left by the engine,
// and one that could not be removed by this commit is by the next.
func (w *work) prune(ctx context.Context) {
	if w.t.Previous == "" {
		return // what must be kept is not known
	}
	if err := w.removeUnused(ctx); err != nil {
		w.log.Warn("images that nothing needs are left", "err", err)
	}
}

func (w *work) removeUnused(ctx context.Context) error {
	call, cancel := w.timed(ctx)
	defer cancel()
	containers, err := w.s.ContainerList(call, client.ContainerListOptions{All: true})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	used := make(map[string]bool)
	for _, c := range containers.Items {
		used[c.ImageID] = true
	}
	// The filter goes by the name as people write it, without Docker Hub's.
	repository, err := reference.ParseNormalizedNamed(w.t.Image.Repository)
	if err != nil {
		return fmt.Errorf("repository %s: %w", w.t.Image.Repository, err)
	}
	images, err := w.s.ImageList(call, client.ImageListOptions{
		Filters: make(client.Filters).Add("reference", reference.FamiliarName(repository)),
	})
	if err != nil {
		return fmt.Errorf("list images of %s: %w", w.t.Image.Repository, err)
	}
	for _, i := range images.Items {
		refs := append(w.ours(i.RepoTags, ":"), w.ours(i.RepoDigests, "@")...)
		if used[i.ID] || w.kept(i.RepoDigests) || len(i.RepoDigests) == 0 || len(refs) == 0 {
			continue
		}
		for _, ref := range refs {
			_, err := w.s.ImageRemove(call, ref, client.ImageRemoveOptions{PruneChildren: true})
			if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) {
				return fmt.Errorf("remove image %s: %w", ref, err)
			}
		}
		w.log.Info("image removed", "image", refs)
	}
	return nil
}

// ours are the references to the target's repository.
func (w *work) ours(refs []string, separator string) []string {
	var ours []string
	for _, ref := range refs {
		if at := strings.LastIndex(ref, separator); at > 0 && sameRepository(ref[:at], w.t.Image.Repository) {
			ours = append(ours, ref)
		}
	}
	return ours
}

// sameRepository compares repositories however much of their names is written.
func sameRepository(a, b string) bool {
	x, errX := reference.ParseNormalizedNamed(a)
	y, errY := reference.ParseNormalizedNamed(b)
	return errX == nil && errY == nil && x.Name() == y.Name()
}

// kept reports whether an image has a digest that must stay.
func (w *work) kept(digests []string) bool {
	for _, d := range digests {
		_, digest, _ := strings.Cut(d, "@")
		if digest == w.t.Image.Digest || digest == w.t.Previous {
			return true
		}
	}
	return false
}
