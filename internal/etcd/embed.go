package etcd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// EmbedOptions say where an embedded etcd keeps its data, and how much.
type EmbedOptions struct {
	// Dir is the data directory, which is made where it is missing.
	Dir string
	// Quota bounds the data in bytes; 0 is etcd's own bound, 2 GiB. Beyond it
	// nothing is written until room has been made, see Run.
	Quota int64
	// SnapshotEvery is how often Run writes a snapshot; 0 for never. The newest
	// KeepSnapshots of them are kept.
	SnapshotEvery time.Duration
	KeepSnapshots int
	Log           *slog.Logger
}

// Embedded is an etcd of one member inside this process, reachable through a
// Unix socket alone.
type Embedded struct {
	// Endpoint is its client address, "unix:///…".
	Endpoint string

	opt     EmbedOptions
	server  *embed.Etcd
	end     *ending
	lock    *os.File
	sockets string // directory of the sockets, when it is not the data's
}

// ErrInUse says that another manager has the data directory.
var ErrInUse = errors.New("another manager uses it")

// Timing of the one member: nobody else votes, so it need not wait for others.
const (
	heartbeat  = 10  // ms
	electionMS = 100 // ms
	startTime  = 30 * time.Second
	maxSocket  = 100 // bytes of a Unix socket's path (the kernel takes 107)
)

// Embed starts an etcd. Its owner calls Run while it is used, and Close.
func Embed(ctx context.Context, o EmbedOptions) (*Embedded, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("etcd.dir: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("etcd.dir: %w", err)
	}
	o.Dir = dir
	e := &Embedded{opt: o, end: &ending{failed: make(chan struct{})}}
	if e.lock, err = lockDir(dir); err != nil {
		return nil, fmt.Errorf("etcd.dir %s: %w", dir, err)
	}
	if err := e.start(ctx); err != nil {
		e.Close()
		return nil, fmt.Errorf("start the embedded etcd in %s: %w", dir, err)
	}
	return e, nil
}

// lockDir refuses a directory that another process has; etcd would wait for it.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, ErrInUse
	}
	return f, nil
}

func (e *Embedded) start(ctx context.Context) error {
	sockets := e.opt.Dir
	if len(filepath.Join(sockets, "client.sock")) > maxSocket {
		var err error
		if sockets, err = os.MkdirTemp("", "muster-etcd-"); err != nil {
			return err
		}
		e.sockets = sockets
	}
	client, peer := socket(sockets, "client.sock"), socket(sockets, "peer.sock")
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir = memberName, dataDir(e.opt.Dir)
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.TickMs, cfg.ElectionMs = heartbeat, electionMS
	cfg.AutoCompactionMode, cfg.AutoCompactionRetention = "periodic", "1h"
	cfg.MaxRequestBytes = 4 << 20
	cfg.QuotaBackendBytes = e.opt.Quota
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.New(slogCore{e.opt.Log, e.end},
		zap.WithFatalHook(e.end), zap.WithPanicHook(e.end)))
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	e.server, e.Endpoint = server, client.String()
	timer := time.NewTimer(startTime)
	defer timer.Stop()
	select {
	case <-server.Server.ReadyNotify():
		return os.WriteFile(filepath.Join(e.opt.Dir, endpointFile), []byte(e.Endpoint), 0o600)
	case err := <-server.Err():
		return err
	case <-e.end.failed:
		return e.end.Err()
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("not ready after %v", startTime)
	}
}

// Names within the data directory: etcd's own, and the file that tells commands
// the address of an etcd that runs.
const (
	memberName   = "muster"
	endpointFile = "endpoint"
)

func dataDir(dir string) string { return filepath.Join(dir, "data") }

func socket(dir, name string) url.URL {
	return url.URL{Scheme: "unix", Path: filepath.Join(dir, name)}
}

// Err says why the server ended by itself, as with a full disk; nil while it
// runs.
func (e *Embedded) Err() error { return e.end.Err() }

// closeTime bounds the end of a server: one that failed may wait for a part of it
// that has gone.
const closeTime = 5 * time.Second

// Close stops the server and waits for it.
func (e *Embedded) Close() {
	e.end.expected.Store(true)
	if e.server != nil {
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			e.server.Close()
		}()
		timer := time.NewTimer(closeTime)
		defer timer.Stop()
		select {
		case <-closed:
		case <-timer.C:
			e.opt.Log.Warn("the embedded etcd did not end in time", "after", closeTime.String())
		}
	}
	_ = os.Remove(filepath.Join(e.opt.Dir, endpointFile))
	if e.sockets != "" {
		_ = os.RemoveAll(e.sockets)
	}
	_ = e.lock.Close()
}
