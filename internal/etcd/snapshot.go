package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	clientsnapshot "go.etcd.io/etcd/client/v3/snapshot"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
)

// Snapshots lie beside the data, named by the second at which they were begun.
const (
	snapshotDir    = "snapshots"
	snapshotName   = "20060102T150405Z"
	snapshotSuffix = ".db"
)

// snapshotIfDue writes a snapshot when the newest one is old enough, and removes
// those that are more than are kept.
func (u *upkeep) snapshotIfDue(ctx context.Context, now time.Time) error {
	if u.opt.SnapshotEvery <= 0 {
		return nil
	}
	dir := filepath.Join(u.opt.Dir, snapshotDir)
	names, err := snapshots(dir)
	if err != nil {
		return err
	}
	if n := len(names); n > 0 {
		last, err := time.Parse(snapshotName, strings.TrimSuffix(names[n-1], snapshotSuffix))
		// One from the future was written before the clock was set back.
		if age := now.Sub(last); err == nil && age >= 0 && age < u.opt.SnapshotEvery {
			return nil
		}
	}
	name := now.UTC().Format(snapshotName) + snapshotSuffix
	if err := SaveSnapshot(ctx, u.endpoint, filepath.Join(dir, name)); err != nil {
		return err
	}
	names = append(slices.DeleteFunc(names, func(n string) bool { return n == name }), name)
	for _, old := range names[:max(0, len(names)-max(1, u.opt.KeepSnapshots))] {
		if err := os.Remove(filepath.Join(dir, old)); err != nil {
			return fmt.Errorf("remove an old snapshot: %w", err)
		}
	}
	return nil
}

// snapshots are the names of those that are there, the oldest first.
func snapshots(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the snapshots: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), snapshotSuffix) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// snapshotTimeout bounds the writing of one snapshot.
const snapshotTimeout = 10 * time.Minute

// SaveSnapshot writes all that an etcd has into a file, which is there whole or
// not at all.
func SaveSnapshot(ctx context.Context, endpoint, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("write snapshot %s: %w", file, err)
	}
	ctx, cancel := context.WithTimeout(ctx, snapshotTimeout)
	defer cancel()
	cfg := clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: dialTimeout}
	if _, err := clientsnapshot.SaveWithVersion(ctx, zap.NewNop(), cfg, file); err != nil {
		return fmt.Errorf("write snapshot %s: %w", file, err)
	}
	return nil
}

// ErrNotRunning says that no etcd runs on a directory.
var ErrNotRunning = errors.New("no manager with an embedded etcd runs on it")

// EndpointOf is the address of the embedded etcd that runs on a directory.
func EndpointOf(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, endpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotRunning
	}
	if err != nil {
		return "", fmt.Errorf("etcd.dir %s: %w", dir, err)
	}
	return string(b), nil
}

// RestoreSnapshot makes the data of an embedded etcd's directory from a snapshot.
// What was there is kept beside it, under the name that is returned ("" when
// nothing was). No manager may run on the directory.
func RestoreSnapshot(dir, file string) (kept string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("restore %s: %w", file, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return "", fmt.Errorf("etcd.dir %s: %w", dir, err)
	}
	defer func() { _ = lock.Close() }()
	fresh := filepath.Join(dir, "restoring")
	if err := os.RemoveAll(fresh); err != nil {
		return "", fmt.Errorf("restore %s: %w", file, err)
	}
	peer := "http://localhost:2380" // of a cluster of one; Embed gives its own
	err = snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
		SnapshotPath: file, Name: memberName, OutputDataDir: fresh,
		PeerURLs: []string{peer}, InitialCluster: memberName + "=" + peer, InitialClusterToken: "etcd-cluster",
	})
	if err != nil {
		_ = os.RemoveAll(fresh)
		return "", fmt.Errorf("restore %s: %w", file, err)
	}
	if _, err := os.Stat(dataDir(dir)); err == nil {
		kept = dataDir(dir) + "-before-" + time.Now().UTC().Format(snapshotName)
		if err := os.Rename(dataDir(dir), kept); err != nil {
			return "", fmt.Errorf("restore %s: %w", file, err)
		}
	}
	if err := os.Rename(fresh, dataDir(dir)); err != nil {
		return kept, fmt.Errorf("restore %s: %w", file, err)
	}
	return kept, nil
}
