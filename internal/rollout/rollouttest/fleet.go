package rollouttest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
)

// Digests of the images in a Fleet.
const (
	OldDigest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	NewDigest = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
	// BadDigest is an image whose node never publishes.
	BadDigest = "sha256:3333333333333333333333333333333333333333333333333333333333333333"
)

// Fleet is robots with one engine each, and the rollout.Engine and
// rollout.Resolver for them. It tells a registry what an adapter would see.
type Fleet struct {
	Registry *fleet.Registry
	// VerbTime is how long each verb takes.
	VerbTime time.Duration
	// Before, when set, may fail a verb before it takes effect, After after it:
	// a lost reply.
	Before, After func(robot string, v rollout.Verb) error

	mu     sync.Mutex
	robots map[string]*robot
	acting map[string]int // verbs in flight by robot
	// Overlaps counts verbs that ran at the same time on one robot.
	overlaps int
	minLive  int // the fewest robots that ran at one time
}

type robot struct {
	id         string
	containers []fleet.Container
}

var (
	_ rollout.Engine   = (*Fleet)(nil)
	_ rollout.Resolver = (*Fleet)(nil)
)

// NewFleet makes n robots r1 … that run OldDigest, and lets reg see them.
func NewFleet(reg *fleet.Registry, n int) *Fleet {
	f := &Fleet{
		Registry: reg, VerbTime: 50 * time.Millisecond,
		robots: make(map[string]*robot), acting: make(map[string]int), minLive: n,
	}
	for i := range n {
		id := fmt.Sprintf("r%d", i+1)
		f.robots[id] = &robot{id: id, containers: []fleet.Container{{
			ID: id + "-1", Name: "amr", Engine: "e-" + id, RobotID: id, Namespace: "/" + id,
			Role: fleet.RoleCurrent, State: "running",
			Image: fleet.Image{Ref: "registry/amr:1", Digest: OldDigest},
		}}}
	}
	f.Observe(time.Now())
	return f
}

// Run tells the registry of the robots' telemetry until ctx ends.
func (f *Fleet) Run(ctx context.Context) {
	for t := time.NewTicker(200 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case now := <-t.C:
			f.Observe(now)
			f.Registry.Sweep(now)
		}
	}
}

// Observe tells the registry how all robots are now.
func (f *Fleet) Observe(now time.Time) {
	f.mu.Lock()
	var seen []fleet.Observation
	for _, r := range f.robots {
		seen = append(seen, r.observations(now)...)
	}
	f.mu.Unlock()
	f.Registry.Apply(now, seen...)
}

func (r *robot) observations(now time.Time) []fleet.Observation {
	at := fleet.At{Namespace: "/" + r.id}
	engine := fleet.Engine{Name: "e-" + r.id, State: fleet.EngineUp, OS: "linux", Arch: "amd64"}
	seen := []fleet.Observation{fleet.EngineObserved{Engine: engine, Containers: slices.Clone(r.containers)}}
	topic := fleet.Topic{Name: at.Namespace + "/odom", Type: "nav_msgs/msg/Odometry", UsualHz: 10}
	var nodes []fleet.Node
	if r.publishes() {
		seen = append(seen, fleet.PoseObserved{At: at, Pose: fleet.Pose{Receive: now}})
		nodes = []fleet.Node{{Name: "driver", Namespace: at.Namespace}}
		topic.Hz, topic.Last = 10, now
	}
	return append(seen,
		fleet.GraphObserved{At: at, Nodes: nodes, Robot: true},
		fleet.TopicsObserved{At: at, Topics: []fleet.Topic{topic}})
}

func (r *robot) publishes() bool {
	return slices.ContainsFunc(r.containers, func(c fleet.Container) bool {
		return c.Running() && c.Image.Digest != BadDigest
	})
}

// Running lists the digests that run on a robot.
func (f *Fleet) Running(id string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var digests []string
	for _, c := range f.robots[id].containers {
		if c.Running() {
			digests = append(digests, c.Image.Digest)
		}
	}
	return digests
}

// Witness returns the fewest robots that ran at one time, and how often two
// verbs worked on one robot at once.
func (f *Fleet) Witness() (minLive, overlaps int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.minLive, f.overlaps
}

// Resolve knows the references ending in :1, :2 and :3.
func (f *Fleet) Resolve(_ context.Context, ref string) (rollout.PinnedImage, error) {
	digests := map[string]string{"registry/amr:1": OldDigest, "registry/amr:2": NewDigest, "registry/amr:3": BadDigest}
	if d := digests[ref]; d != "" {
		return rollout.PinnedImage{Ref: ref, Repository: "registry/amr", Digest: d}, nil
	}
	return rollout.PinnedImage{}, rollout.Fatal(fmt.Errorf("image %s is not in the registry", ref))
}

// do carries one verb out, for VerbTime or until ctx ends.
func (f *Fleet) do(ctx context.Context, t rollout.Target, v rollout.Verb, effect func(*robot) error) error {
	f.mu.Lock()
	if f.acting[t.Robot]++; f.acting[t.Robot] > 1 {
		f.overlaps++
	}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.acting[t.Robot]--
		f.mu.Unlock()
		f.Observe(time.Now())
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(f.VerbTime):
	}
	if f.Before != nil {
		if err := f.Before(t.Robot, v); err != nil {
			return err
		}
	}
	f.mu.Lock()
	err := effect(f.robots[t.Robot])
	live := 0
	for _, r := range f.robots {
		if r.publishes() {
			live++
		}
	}
	f.minLive = min(f.minLive, live)
	f.mu.Unlock()
	if err == nil && f.After != nil {
		err = f.After(t.Robot, v)
	}
	return err
}

// Pull does nothing but take its time.
func (f *Fleet) Pull(ctx context.Context, t rollout.Target) error {
	return f.do(ctx, t, rollout.VerbPull, func(*robot) error { return nil })
}

// Replace stops what runs and starts the target's container.
func (f *Fleet) Replace(ctx context.Context, t rollout.Target) error {
	return f.do(ctx, t, rollout.VerbReplace, func(r *robot) error {
		mine := false
		for i := range r.containers {
			c := &r.containers[i]
			switch {
			case c.Generation > t.Generation:
				return rollout.ErrStale
			case c.Generation == t.Generation:
				mine, c.State = true, "running"
			default:
				c.State, c.Role, c.Name = "exited", fleet.RolePrevious, t.Container+".previous"
			}
		}
		if !mine {
			r.containers = append(r.containers, fleet.Container{
				ID: fmt.Sprintf("%s-%d", r.id, t.Generation), Name: t.Container, Engine: t.Engine, RobotID: r.id,
				Namespace: t.Namespace, Role: fleet.RoleCurrent, State: "running",
				Image:      fleet.Image{Ref: t.Image.ByDigest(), Digest: t.Image.Digest},
				Generation: t.Generation, Digest: t.Image.Digest, Rollout: t.Rollout,
			})
		}
		return nil
	})
}

// Rollback stops the target's container and starts the one before.
func (f *Fleet) Rollback(ctx context.Context, t rollout.Target) error {
	return f.do(ctx, t, rollout.VerbRollback, func(r *robot) error {
		for i := range r.containers {
			c := &r.containers[i]
			if c.Generation == t.Generation {
				c.State, c.Role, c.Name = "exited", fleet.RoleSuccessor, t.Container+".successor"
			} else {
				c.State, c.Role, c.Name = "running", fleet.RoleCurrent, t.Container
			}
		}
		return nil
	})
}

// Commit removes the containers that do not run.
func (f *Fleet) Commit(ctx context.Context, t rollout.Target) error {
	return f.do(ctx, t, rollout.VerbCommit, removeStopped)
}

// Discard removes the containers that do not run.
func (f *Fleet) Discard(ctx context.Context, t rollout.Target) error {
	return f.do(ctx, t, rollout.VerbDiscard, removeStopped)
}

func removeStopped(r *robot) error {
	r.containers = slices.DeleteFunc(r.containers, func(c fleet.Container) bool { return !c.Running() })
	return nil
}
