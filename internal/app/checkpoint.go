package app

import (
	"context"
	"encoding/json"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// checkpoint is a robot's last known state, so that one that is offline while a
// manager starts is on the map all the same.
type checkpoint struct {
	Version   int            `json:"v"`
	Namespace string         `json:"namespace"`
	Domain    int            `json:"domain"`
	Pose      *fleet.Pose    `json:"pose,omitempty"`
	Battery   *fleet.Battery `json:"battery,omitempty"`
}

const (
	checkpointVersion = 1
	checkpointEvery   = time.Minute
	restoreTime       = 10 * time.Second
)

// checkpoint writes the robots that were seen since the last time; once more at
// the end.
func (a *app) checkpoint(ctx context.Context) error {
	var last time.Time
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			a.saveCheckpoints(context.WithoutCancel(ctx), last)
			return ctx.Err()
		case now := <-tick.C:
			a.saveCheckpoints(ctx, last)
			last = now
		}
	}
}

func (a *app) saveCheckpoints(ctx context.Context, since time.Time) {
	changed := make(map[string]json.RawMessage)
	for _, r := range a.registry.Snapshot().Robots {
		if r.Pose == nil || !r.LastSeen.After(since) {
			continue
		}
		b, err := json.Marshal(checkpoint{checkpointVersion, r.Namespace, r.Domain, r.Pose, r.Battery})
		if err != nil {
			a.log.Warn("write a checkpoint", "robot", r.ID, "err", err)
			continue
		}
		changed[r.ID] = b
	}
	if len(changed) == 0 {
		return
	}
	if err := a.etcd.SaveCheckpoints(ctx, changed); err != nil {
		a.log.Warn("write checkpoints", "err", err)
	}
}

// restore applies what an earlier manager saved; the times of receipt make these
// robots offline until they are heard again.
func (a *app) restore(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, restoreTime)
	defer cancel()
	saved, err := a.etcd.LoadCheckpoints(ctx)
	if err != nil {
		a.log.Warn("the robots' last known states are not shown", "err", err)
		return
	}
	for id, b := range saved {
		var c checkpoint
		if err := json.Unmarshal(b, &c); err != nil || c.Version != checkpointVersion || c.Pose == nil {
			a.log.Warn("a checkpoint cannot be read", "robot", id, "version", c.Version, "err", err)
			continue
		}
		at := fleet.At{Domain: c.Domain, Namespace: c.Namespace}
		a.registry.Apply(a.started, fleet.PoseObserved{At: at, Pose: *c.Pose})
		if c.Battery != nil {
			a.registry.Apply(a.started, fleet.BatteryObserved{At: at, Battery: *c.Battery})
		}
	}
	a.registry.Sweep(a.started)
}
