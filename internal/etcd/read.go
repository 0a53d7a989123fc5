package etcd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-fleet/muster/internal/rollout"
)

// pageSize bounds one answer when a rollout is read.
const pageSize = 1000

// reading is a rollout put together from its keys. It is replaced, never
// changed: what was handed out stays as it was.
type reading struct {
	at     int64 // revision up to which it was read
	made   int64 // revision at which it was created
	plan   *rollout.Plan
	status *rollout.Status
	robots map[string]rollout.RobotStatus
	wishes []rollout.Wish
}

// read returns a rollout as of a revision. Only what changed since the last
// time is asked for, and of an ended rollout nothing does.
func (s *Store) read(ctx context.Context, id string, at int64) (rollout.Stored, error) {
	s.mu.Lock()
	r := s.known[id]
	s.mu.Unlock()
	if r.at < at && (r.status == nil || !r.status.State.Terminal()) {
		r.wishes, r.robots = slices.Clone(r.wishes), maps.Clone(r.robots)
		prefix := s.key("rollouts", id) + "/"
		err := s.each(ctx, prefix, r.at, at, func(kv *mvccpb.KeyValue) error {
			return r.take(strings.TrimPrefix(string(kv.Key), prefix), kv)
		})
		if err != nil {
			return rollout.Stored{}, err
		}
		r.at = at
		if r.status != nil { // those that were taken in have been removed
			r.wishes = slices.DeleteFunc(r.wishes, func(w rollout.Wish) bool { return w.Seq <= r.status.Wish })
		}
		s.mu.Lock()
		if s.known[id].at < at {
			s.known[id] = r
		}
		s.mu.Unlock()
	}
	if r.plan == nil || r.status == nil {
		return rollout.Stored{}, rollout.ErrNotFound
	}
	status := *r.status
	status.Robots = r.robots
	return rollout.Stored{Plan: *r.plan, Status: status, Wishes: r.wishes, Created: r.made}, nil
}

// each visits the keys under a prefix that were written after one revision and
// until another (0 is now), page by page, all as of one revision.
func (c *Client) each(ctx context.Context, prefix string, after, until int64, visit func(*mvccpb.KeyValue) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	end := clientv3.GetPrefixRangeEnd(prefix)
	for from := prefix; ; {
		page, err := c.kv.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(pageSize),
			clientv3.WithMinModRev(after+1), clientv3.WithRev(until))
		if err != nil {
			return err
		}
		for _, kv := range page.Kvs {
			if err := visit(kv); err != nil {
				return err
			}
		}
		if !page.More || len(page.Kvs) == 0 {
			return nil
		}
		until, from = page.Header.Revision, string(page.Kvs[len(page.Kvs)-1].Key)+"\x00"
	}
}

// take takes in one key's new value.
func (r *reading) take(part string, kv *mvccpb.KeyValue) error {
	key := string(kv.Key)
	kind, of, _ := strings.Cut(part, "/")
	switch kind {
	case "robots":
		var st rollout.RobotStatus
		if err := decode(key, kv.Value, &st); err != nil {
			return err
		}
		if r.robots == nil {
			r.robots = make(map[string]rollout.RobotStatus)
		}
		r.robots[of] = st
	case "wishes":
		var w rollout.Wish
		if err := decode(key, kv.Value, &w); err != nil {
			return err
		}
		r.wishes = append(r.wishes, w) // the keys' order is theirs
	case "plan":
		r.plan, r.made = new(rollout.Plan), kv.CreateRevision
		if err := decode(key, kv.Value, r.plan); err != nil {
			return err
		}
		return checkFormat(key, r.plan.Version)
	case "status":
		r.status = new(rollout.Status)
		if err := decode(key, kv.Value, r.status); err != nil {
			return err
		}
		r.status.Revision = kv.ModRevision
		return checkFormat(key, r.status.Version)
	}
	return nil
}

func checkFormat(key string, version int) error {
	if version != format {
		return fmt.Errorf("%s has format %d, and this manager knows %d", key, version, format)
	}
	return nil
}

// forgetBut drops what was read of rollouts that are no more.
func (s *Store) forgetBut(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.known, func(id string, _ reading) bool { return !slices.Contains(ids, id) })
}

// forgetOther drops what was read of another cluster, or of this one before it
// was put back to an older snapshot.
func (s *Store) forgetOther(cluster uint64, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster != cluster {
		s.cluster = cluster
		clear(s.known)
	}
	maps.DeleteFunc(s.known, func(_ string, r reading) bool { return r.at > at })
}
