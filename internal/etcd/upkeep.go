package etcd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Run keeps the embedded etcd in order until ctx ends: it writes snapshots, gives
// free pages of the data file back to the disk, and makes room when the quota is
// reached. It logs what fails and goes on; only ctx ends it.
func (e *Embedded) Run(ctx context.Context) error {
	kv, err := clientv3.New(clientv3.Config{
		Endpoints: []string{e.Endpoint}, DialTimeout: dialTimeout, Logger: zap.NewNop(),
	})
	if err != nil {
		return fmt.Errorf("look after the embedded etcd: %w", err)
	}
	defer func() { _ = kv.Close() }()
	u := upkeep{kv: kv, endpoint: e.Endpoint, opt: e.opt, log: e.opt.Log}
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	failed := e.end.failed
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-failed:
			failed = nil // is told once
			e.opt.Log.Error("the embedded etcd has ended; rollouts are held until the manager is started again", "err", e.Err())
		case now := <-tick.C:
			if e.Err() == nil {
				u.look(ctx, now)
			}
		}
	}
}

const upkeepEvery = 5 * time.Second

// upkeep is what Run does at each look.
type upkeep struct {
	kv       *clientv3.Client
	endpoint string
	opt      EmbedOptions
	log      *slog.Logger

	said string // the last failure that was logged
}

// look does what is due, and logs a failure when it is another than before.
func (u *upkeep) look(ctx context.Context, now time.Time) {
	err := errors.Join(u.makeRoom(ctx), u.snapshotIfDue(ctx, now))
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != u.said && ctx.Err() == nil {
		u.log.WarnContext(ctx, "look after the embedded etcd", "err", err)
	}
	u.said = text
}

// Where the data file is defragmented. etcd answers nobody meanwhile, so what is
// in use must be little enough to be copied well within a lease.
const (
	defragmentFrom  = 64 << 20  // size of the data file in bytes
	defragmentInUse = 256 << 20 // of it in use at most, unless nothing can be written any more
)

// makeRoom lifts the alarm that etcd raises at the quota, which nothing else
// lifts: it drops old revisions, gives the pages back, and takes the alarm away.
// When there is no more room afterwards etcd raises it again.
func (u *upkeep) makeRoom(ctx context.Context) error {
	status, err := within(ctx, callTimeout, func(ctx context.Context) (*clientv3.StatusResponse, error) {
		return u.kv.Status(ctx, u.endpoint)
	})
	if err != nil {
		return fmt.Errorf("ask for the data's size: %w", err)
	}
	alarms, err := within(ctx, callTimeout, u.kv.AlarmList)
	if err != nil {
		return fmt.Errorf("ask for alarms: %w", err)
	}
	for _, a := range alarms.Alarms {
		if a.Alarm == etcdserverpb.AlarmType_NOSPACE {
			return u.liftAlarm(ctx, status, &clientv3.AlarmMember{MemberID: a.MemberID, Alarm: a.Alarm})
		}
	}
	if status.DbSize < defragmentFrom || status.DbSizeInUse > defragmentInUse || status.DbSizeInUse > status.DbSize/2 {
		return nil
	}
	return u.defragment(ctx, status)
}

func (u *upkeep) liftAlarm(ctx context.Context, status *clientv3.StatusResponse, a *clientv3.AlarmMember) error {
	u.log.WarnContext(ctx, "the embedded etcd's data has reached etcd.quota_mib; old revisions are removed",
		"bytes", status.DbSize, "in_use", status.DbSizeInUse)
	_, err := within(ctx, compactTimeout, func(ctx context.Context) (*clientv3.CompactResponse, error) {
		return u.kv.Compact(ctx, status.Header.Revision, clientv3.WithCompactPhysical())
	})
	if err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	if err := u.defragment(ctx, status); err != nil {
		return err
	}
	if _, err := within(ctx, callTimeout, func(ctx context.Context) (*clientv3.AlarmResponse, error) {
		return u.kv.AlarmDisarm(ctx, a)
	}); err != nil {
		return fmt.Errorf("take the alarm away: %w", err)
	}
	return nil
}

func (u *upkeep) defragment(ctx context.Context, before *clientv3.StatusResponse) error {
	began := time.Now()
	_, err := within(ctx, compactTimeout, func(ctx context.Context) (*clientv3.DefragmentResponse, error) {
		return u.kv.Defragment(ctx, u.endpoint)
	})
	if err != nil {
		return fmt.Errorf("defragment: %w", err)
	}
	u.log.InfoContext(ctx, "the embedded etcd's data was defragmented",
		"bytes", before.DbSize, "in_use", before.DbSizeInUse, "took", time.Since(began).Round(time.Millisecond).String())
	return nil
}

const compactTimeout = time.Minute

// within makes a call with a deadline of its own.
func within[T any](ctx context.Context, limit time.Duration, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return call(ctx)
}
