package docker

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"
)

// need is the compressed size of the image's layers for the engine's platform,
// in bytes; 0 when the manifest's sizes are not known.
func (w *work) need() int64 {
	for _, m := range w.t.Image.Manifests {
		if w.runs(m.Platform) {
			return m.Size
		}
	}
	return 0
}

// unknownFree stands for free space that cannot be told.
const unknownFree = -1

// free is the space for the engine's images in bytes. The Engine API does not
// tell it, so it is known of engines on this machine, and of those by ssh, whose
// df tells it; a Unix socket may also be the near end of a tunnel, so the host's
// name must be ours, too.
func (w *work) free(ctx context.Context) (int64, error) {
	near, far := strings.HasPrefix(w.endpoint.URL, "unix://"), strings.HasPrefix(w.endpoint.URL, "ssh://")
	if !near && !far {
		return unknownFree, nil
	}
	call, cancel := w.timed(ctx)
	defer cancel()
	info, err := w.s.Info(call, client.InfoOptions{})
	if err != nil {
		return unknownFree, fmt.Errorf("ask engine for its data root: %w", err)
	}
	if far {
		free, err := w.farFree(call, imageRoot(info.Info))
		if err != nil { // a login that may do nothing but speak with the engine
			w.log.Debug("the free disk space is not known", "err", err)
		}
		return free, nil
	}
	if host, err := os.Hostname(); err != nil || info.Info.Name != host {
		return unknownFree, nil //nolint:nilerr // not known to be ours
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(imageRoot(info.Info), &fs); err != nil {
		return unknownFree, nil //nolint:nilerr // in another file system namespace: not known
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// farFree asks the far machine's df.
func (w *work) farFree(ctx context.Context, root string) (int64, error) {
	quoted := "'" + strings.ReplaceAll(root, "'", `'\''`) + "'"
	said, err := w.endpoint.shell(ctx, "df -PB1 "+quoted)
	if err != nil {
		return unknownFree, err
	}
	// A heading, then: device, size, used, available, …
	lines := strings.Split(strings.TrimSpace(said), "\n")
	columns := strings.Fields(lines[len(lines)-1])
	if len(lines) < 2 || len(columns) < 4 {
		return unknownFree, fmt.Errorf("df said %q", said)
	}
	free, err := strconv.ParseInt(columns[3], 10, 64)
	if err != nil {
		return unknownFree, fmt.Errorf("df said %q", said)
	}
	return free, nil
}

// fits refuses a pull for which there is known to be no space. The image takes
// at least its compressed size.
func (w *work) fits(ctx context.Context) error {
	need := w.need()
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
