package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/muster-fleet/muster/internal/rollout"
)

// need is the compressed size, in bytes, of what the engine must fetch of the
// image: of all layers but the lower ones that it shares with the image of the
// container in place. It is 0 when the manifest's sizes are not known.
func (w *work) need(ctx context.Context) int64 {
	i := slices.IndexFunc(w.t.Image.Manifests, func(m rollout.Manifest) bool { return w.runs(m.Platform) })
	if i < 0 {
		return 0
	}
	m := w.t.Image.Manifests[i]
	need := m.Size
	for i, have := range w.layersInPlace(ctx) {
		if i == len(m.Layers) || m.Layers[i].DiffID != have {
			break
		}
		need -= m.Layers[i].Size
	}
	return need
}

// layersInPlace are the layers of the image in place, from the lowest; none when
// they can not be told.
func (w *work) layersInPlace(ctx context.Context) []string {
	r, err := w.inspect(ctx, w.t.Container)
	if err != nil {
		return nil
	}
	ctx, cancel := w.timed(ctx)
	defer cancel()
	i, err := w.s.ImageInspect(ctx, r.Container.Image)
	if err != nil {
		return nil
	}
	return i.RootFS.Layers
}

// unknownFree stands for free space that cannot be told.
const unknownFree = -1

// free is the space for the engine's images in bytes. The Engine API does not
// tell it. On this machine it is asked for; a Unix socket may also be the near end
// of a tunnel, so the host's name must be ours, too. By ssh the far df tells it,
// and else the df in the robot's container, where it has one: the container's
// root lies beside the images.
func (w *work) free(ctx context.Context) (int64, error) {
	call, cancel := w.timed(ctx)
	defer cancel()
	if strings.HasPrefix(w.endpoint.URL, "tcp:") {
		return w.told(w.freeInside(call)), nil
	}
	info, err := w.s.Info(call, client.InfoOptions{})
	if err != nil {
		return unknownFree, fmt.Errorf("ask engine for its data root: %w", err)
	}
	if strings.HasPrefix(w.endpoint.URL, "ssh:") {
		return w.told(w.farFree(call, imageRoot(info.Info))), nil
	}
	return nearFree(info.Info), nil
}

// told is what a df told, if it did: a login may do nothing but speak with the
// engine, and an image may have no df.
func (w *work) told(free int64, err error) int64 {
	if err != nil {
		w.log.Debug("the free disk space is not known", "err", err)
	}
	return free
}

func nearFree(info system.Info) int64 {
	if host, err := os.Hostname(); err != nil || info.Name != host {
		return unknownFree // not known to be ours
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(imageRoot(info), &fs); err != nil {
		return unknownFree // in another file system namespace
	}
	return int64(fs.Bavail) * fs.Bsize
}

// farFree asks the far machine's df.
func (w *work) farFree(ctx context.Context, root string) (int64, error) {
	quoted := "'" + strings.ReplaceAll(root, "'", `'\''`) + "'"
	said, err := w.endpoint.shell(ctx, "df -Pk "+quoted)
	if err != nil {
		return unknownFree, err
	}
	return readDF(said)
}

// freeInside asks the df in the container in place.
func (w *work) freeInside(ctx context.Context) (int64, error) {
	outcome, said := w.exec(ctx, w.t, rollout.Check{Name: "free disk space", Command: []string{"df", "-Pk", "/"}})
	if outcome != rollout.Pass {
		return unknownFree, errors.New(said)
	}
	return readDF(said)
}

// readDF reads the last line that df -Pk (POSIX) wrote: device, KiB in all, used,
// available, share, place.
func readDF(said string) (int64, error) {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	columns := strings.Fields(lines[len(lines)-1])
	if len(columns) < 6 {
		return unknownFree, fmt.Errorf("df said %q", said)
	}
	free, err := strconv.ParseInt(columns[len(columns)-3], 10, 64)
	if err != nil {
		return unknownFree, fmt.Errorf("df said %q", said)
	}
	return free << 10, nil
}

// fits refuses a pull for which there is known to be no space. The image takes
// at least its compressed size.
func (w *work) fits(ctx context.Context) error {
	need := w.need(ctx)
	if need == 0 && w.t.MinFree == 0 {
		return nil
	}
	free, err := w.free(ctx)
	if err != nil || free == unknownFree || free >= need+w.t.MinFree {
		return err
	}
	return fmt.Errorf("no space on engine %s: the image takes %d MB or more, %d MB are to stay free, and %d MB are free",
		w.endpoint.Name, need/1e6, w.t.MinFree/1e6, free/1e6)
}

// containerdStore reports whether the engine's images are in containerd's store.
func containerdStore(i system.Info) bool {
	return slices.Contains(i.DriverStatus, [2]string{"driver-type", "io.containerd.snapshotter.v1"})
}

// imageRoot is the directory of the engine's images: its data root, or that of
// the system's own containerd, whose place is the usual one as far as is known.
func imageRoot(i system.Info) string {
	c := i.Containerd
	if containerdStore(i) && c != nil && strings.TrimPrefix(c.Address, "/var") == "/run/containerd/containerd.sock" {
		return "/var/lib/containerd"
	}
	return i.DockerRootDir
}
