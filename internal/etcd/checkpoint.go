package etcd

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// SaveCheckpoints writes the last known state of robots, by id; each is JSON.
func (c *Client) SaveCheckpoints(ctx context.Context, robots map[string]json.RawMessage) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ops := make([]clientv3.Op, 0, maxOps)
	commit := func() error {
		if len(ops) == 0 {
			return nil
		}
		_, err := c.kv.Txn(ctx).Then(ops...).Commit()
		ops = ops[:0]
		return err
	}
	for id, state := range robots {
		ops = append(ops, clientv3.OpPut(c.key("checkpoint", id), string(state)))
		if len(ops) == maxOps {
			if err := commit(); err != nil {
				return fmt.Errorf("save checkpoints: %w", err)
			}
		}
	}
	if err := commit(); err != nil {
		return fmt.Errorf("save checkpoints: %w", err)
	}
	return nil
}

// LoadCheckpoints gives all that were saved.
func (c *Client) LoadCheckpoints(ctx context.Context) (map[string]json.RawMessage, error) {
	all := make(map[string]json.RawMessage)
	prefix := c.key("checkpoint") + "/"
	err := c.each(ctx, prefix, 0, 0, func(kv *mvccpb.KeyValue) error {
		all[strings.TrimPrefix(string(kv.Key), prefix)] = kv.Value
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load checkpoints: %w", err)
	}
	return all, nil
}

// DropCheckpoint forgets a robot.
func (c *Client) DropCheckpoint(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := c.kv.Delete(ctx, c.key("checkpoint", id)); err != nil {
		return fmt.Errorf("drop the checkpoint of robot %s: %w", id, err)
	}
	return nil
}

// The audit log keeps that many entries, and is trimmed once in a while.
const (
	maxAudit  = 10_000
	trimEvery = 256
)

// Append adds an entry to the audit log; it is JSON.
func (c *Client) Append(ctx context.Context, entry json.RawMessage) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	key := c.key("audit", time.Now().UTC().Format("20060102T150405.000000000")+"-"+c.opt.ID)
	resp, err := c.kv.Put(ctx, key, string(entry))
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	if resp.Header.Revision%trimEvery == 0 {
		return c.trimAudit(ctx)
	}
	return nil
}

// trimAudit removes the oldest entries above the limit.
func (c *Client) trimAudit(ctx context.Context) error {
	prefix := c.key("audit") + "/"
	count, err := c.kv.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil || count.Count <= maxAudit {
		return err
	}
	old, err := c.kv.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly(), clientv3.WithLimit(count.Count-maxAudit+1))
	if err != nil || len(old.Kvs) == 0 {
		return err
	}
	_, err = c.kv.Delete(ctx, prefix, clientv3.WithRange(string(old.Kvs[len(old.Kvs)-1].Key)))
	return err
}

// Audit lists the newest entries, newest first.
func (c *Client) Audit(ctx context.Context, limit int) ([]json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := c.kv.Get(ctx, c.key("audit")+"/", clientv3.WithPrefix(), clientv3.WithLimit(int64(limit)),
		clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	all := make([]json.RawMessage, 0, len(got.Kvs))
	for _, kv := range got.Kvs {
		all = append(all, kv.Value)
	}
	return all, nil
}
