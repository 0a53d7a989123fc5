package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sys/unix"

	"github.com/muster-fleet/muster/internal/etcd"
	"github.com/muster-fleet/muster/internal/etcd/etcdtest"
)

// embed starts an embedded etcd that is looked after and ends with the test.
func embed(t *testing.T, o etcd.EmbedOptions) *etcd.Embedded {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e, err := etcd.Embed(t.Context(), o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		e.Close()
	})
	return e
}

func fill(ctx context.Context, kv *clientv3.Client, puts, size int) error {
	for i := range puts {
		if _, err := kv.Put(ctx, fmt.Sprintf("/fill/%d", i%4), strings.Repeat("x", size)); err != nil {
			return err
		}
	}
	return nil
}

func TestAFullQuotaIsMadeFree(t *testing.T) {
	e := embed(t, etcd.EmbedOptions{Dir: t.TempDir(), Quota: 16 << 20})
	kv := client(t, e.Endpoint)
	err := fill(t.Context(), kv, 40, 1<<20)
	require.ErrorContains(t, err, "database space exceeded", "the quota must be reached, or this test shows nothing")
	require.Eventually(t, func() bool {
		_, err := kv.Put(t.Context(), "/after", "1")
		return err == nil
	}, time.Minute, 100*time.Millisecond, "nobody made room")
	status, err := kv.Status(t.Context(), e.Endpoint)
	require.NoError(t, err)
	assert.Less(t, status.DbSize, int64(10<<20), "the pages are given back")
	got, err := kv.Get(t.Context(), "/fill/1")
	require.NoError(t, err)
	require.Len(t, got.Kvs, 1)
	assert.Len(t, got.Kvs[0].Value, 1<<20, "what is in use stays")
}

func TestFreePagesGoBackToTheDisk(t *testing.T) {
	e := embed(t, etcd.EmbedOptions{Dir: t.TempDir()})
	kv := client(t, e.Endpoint)
	require.NoError(t, fill(t.Context(), kv, 80, 1<<20))
	status, err := kv.Status(t.Context(), e.Endpoint)
	require.NoError(t, err)
	before := status.DbSize
	require.Greater(t, before, int64(64<<20))
	_, err = kv.Compact(t.Context(), status.Header.Revision, clientv3.WithCompactPhysical())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		status, err := kv.Status(t.Context(), e.Endpoint)
		return err == nil && status.DbSize < before/2
	}, time.Minute, 100*time.Millisecond)
}

func TestSnapshotsAreWrittenAndKept(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "snapshots", "20200101T000000Z.db")
	older := filepath.Join(dir, "snapshots", "20190101T000000Z.db")
	require.NoError(t, os.MkdirAll(filepath.Dir(old), 0o700))
	require.NoError(t, os.WriteFile(old, nil, 0o600))
	require.NoError(t, os.WriteFile(older, nil, 0o600))
	embed(t, etcd.EmbedOptions{Dir: dir, SnapshotEvery: time.Hour, KeepSnapshots: 2})
	require.Eventually(t, func() bool {
		_, err := os.Stat(older)
		return errors.Is(err, os.ErrNotExist)
	}, time.Minute, 50*time.Millisecond)
	entries, err := os.ReadDir(filepath.Dir(old))
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, filepath.Base(old), entries[0].Name())
}

func TestASnapshotIsRestored(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "muster.db")
	_, err := etcd.EndpointOf(dir)
	require.ErrorIs(t, err, etcd.ErrNotRunning)
	o := etcd.EmbedOptions{Dir: dir, Log: slog.New(slog.DiscardHandler)}
	e, err := etcd.Embed(t.Context(), o)
	require.NoError(t, err)
	s := etcd.NewStore(etcdtest.Dial(t, "m1", 2*time.Second, e.Endpoint))
	p, st := plan("a", 3)
	require.NoError(t, s.Create(t.Context(), p, st, 0))
	endpoint, err := etcd.EndpointOf(dir)
	require.NoError(t, err)
	require.NoError(t, etcd.SaveSnapshot(t.Context(), endpoint, file))
	_, seen, err := s.List(t.Context())
	require.NoError(t, err)
	b, st := plan("b", 1)
	require.NoError(t, s.Create(t.Context(), b, st, seen))

	_, err = etcd.RestoreSnapshot(dir, file)
	require.ErrorIs(t, err, etcd.ErrInUse, "not under a manager that runs")
	e.Close()
	broken := filepath.Join(t.TempDir(), "broken.db")
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(broken, whole[:len(whole)-700], 0o600))
	_, err = etcd.RestoreSnapshot(dir, broken)
	require.Error(t, err, "one that was cut off is refused")

	kept, err := etcd.RestoreSnapshot(dir, file)
	require.NoError(t, err)
	assert.DirExists(t, kept)
	e, err = etcd.Embed(t.Context(), o)
	require.NoError(t, err)
	defer e.Close()
	s = etcd.NewStore(etcdtest.Dial(t, "m1", 2*time.Second, e.Endpoint))
	all, _, err := s.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1, "b came after the snapshot")
	assert.Equal(t, p, all[0].Plan)
}

// fullDisk names the directory in which a child of this test fills the disk.
const fullDisk = "MUSTER_TEST_FULL_DISK"

// A full disk ends etcd, and with it the process where nothing is done about it;
// so the test runs in a child.
func TestAFullDiskEndsTheStoreAlone(t *testing.T) {
	if dir := os.Getenv(fullDisk); dir != "" {
		fillTheDisk(t, dir)
		return
	}
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=200m"), "needs root")
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), fullDisk+"="+dir)
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)

	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=600m"))
	e := embed(t, etcd.EmbedOptions{Dir: filepath.Join(dir, "etcd")})
	got, err := client(t, e.Endpoint).Get(t.Context(), "/before")
	require.NoError(t, err)
	require.Len(t, got.Kvs, 1, "what was answered as written is there after the next start")
}

func fillTheDisk(t *testing.T, dir string) {
	e := embed(t, etcd.EmbedOptions{Dir: filepath.Join(dir, "etcd")})
	kv := client(t, e.Endpoint)
	_, err := kv.Put(t.Context(), "/before", "1")
	require.NoError(t, err)
	require.NoError(t, e.Err())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	go func() { // its last write may never be answered
		for ; e.Err() == nil && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		}
		cancel()
	}()
	require.Error(t, fill(ctx, kv, 1000, 1<<20))
	require.Eventually(t, func() bool { return e.Err() != nil }, time.Minute, 20*time.Millisecond)
	require.ErrorContains(t, e.Err(), "no space left on device")
	c := etcdtest.Dial(t, "m1", 2*time.Second, e.Endpoint)
	assert.Error(t, c.Health(t.Context()), "it answers nobody, and does not hang")
}
