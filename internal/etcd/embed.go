package etcd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"
)

// Embedded is an etcd of one member inside this process, reachable through a
// Unix socket alone.
type Embedded struct {
	// Endpoint is its client address, "unix:///…".
	Endpoint string

	server  *embed.Etcd
	closing *atomic.Bool
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

// Embed starts an etcd on a data directory, which is made where it is missing.
func Embed(ctx context.Context, dir string, log *slog.Logger) (*Embedded, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("etcd.dir: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("etcd.dir: %w", err)
	}
	e := &Embedded{closing: new(atomic.Bool)}
	if e.lock, err = lockDir(dir); err != nil {
		return nil, fmt.Errorf("etcd.dir %s: %w", dir, err)
	}
	if err := e.start(ctx, dir, log); err != nil {
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

func (e *Embedded) start(ctx context.Context, dir string, log *slog.Logger) error {
	sockets := dir
	if len(filepath.Join(dir, "client.sock")) > maxSocket {
		var err error
		if sockets, err = os.MkdirTemp("", "muster-etcd-"); err != nil {
			return err
		}
		e.sockets = sockets
	}
	client, peer := socket(sockets, "client.sock"), socket(sockets, "peer.sock")
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir = "muster", filepath.Join(dir, "data")
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.TickMs, cfg.ElectionMs = heartbeat, electionMS
	cfg.AutoCompactionMode, cfg.AutoCompactionRetention = "periodic", "1h"
	cfg.MaxRequestBytes = 4 << 20
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.New(slogCore{log, e.closing}))
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	e.server, e.Endpoint = server, client.String()
	timer := time.NewTimer(startTime)
	defer timer.Stop()
	select {
	case <-server.Server.ReadyNotify():
		return nil
	case err := <-server.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("not ready after %v", startTime)
	}
}

func socket(dir, name string) url.URL {
	return url.URL{Scheme: "unix", Path: filepath.Join(dir, name)}
}

// Err gives an error when the server ends by itself.
func (e *Embedded) Err() <-chan error { return e.server.Err() }

// Close stops the server and waits for it.
func (e *Embedded) Close() {
	e.closing.Store(true)
	if e.server != nil {
		e.server.Close()
	}
	if e.sockets != "" {
		_ = os.RemoveAll(e.sockets)
	}
	_ = e.lock.Close()
}

// slogCore hands etcd's errors to our log; it is chatty below that, and calls its
// own orderly end an error.
type slogCore struct {
	log     *slog.Logger
	closing *atomic.Bool
}

func (c slogCore) Enabled(l zapcore.Level) bool { return l >= zapcore.ErrorLevel && !c.closing.Load() }

func (c slogCore) With([]zapcore.Field) zapcore.Core { return c }

func (c slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// firstStart is what etcd 3.7 reports of every new data directory, in vain: the
// version is written with the first snapshot.
const firstStart = "failed to update storage version"

func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	if e.Message == firstStart {
		return nil
	}
	m := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(m)
	}
	args := make([]any, 0, 2*len(m.Fields))
	for k, v := range m.Fields {
		args = append(args, k, v)
	}
	c.log.Warn("etcd: "+e.Message, args...)
	return nil
}

func (c slogCore) Sync() error { return nil }
