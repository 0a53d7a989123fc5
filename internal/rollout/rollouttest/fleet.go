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
// rollout.Resolver for them. It tells a registry what an adapter would see. Its
// engines change one thing after another, as real ones do, so that a test can cut
// a verb in two anywhere.
type Fleet struct {
	Registry *fleet.Registry // nil when there are only those of Show
	// EffectTime is how long each effect takes, StopTime a stop, PreviewTime a
	// preview.
	EffectTime, StopTime, PreviewTime time.Duration
	// Turn is how long a pull waits for its turn at its site.
	Turn time.Duration
	// Before, when set, may refuse an effect on an engine; After may lose the
	// reply to one that was done. Both get the verb's context.
	Before, After func(ctx context.Context, robot, effect string) error
	// Latency is how much longer than its time a request to a robot takes. It keeps
	// what several robots do apart: at one instant, the order is left to chance.
	Latency func(ctx context.Context, robot string) time.Duration
	// Now is the clock by which the robots are seen.
	Now func() time.Time

	mu     sync.Mutex
	robots map[string]*robot
	order  []string
	views  []*view
	acting map[string]int // verbs in flight by robot
	// overlaps counts verbs that ran at the same time on one robot.
	overlaps int
	minLive  int // the fewest robots that ran at one time
	effects  int
}

// Condition is what may be wrong with a robot.
type Condition struct {
	Engine     fleet.EngineState // EngineUp when all is well
	Off        bool              // the machine is off: nothing runs
	Full       bool              // no space for a container or an image
	NoRegistry bool              // the engine does not reach the registry
	Moving     bool
	StopTime   time.Duration // overrides the fleet's
}

var (
	_ rollout.Engine   = (*Fleet)(nil)
	_ rollout.Resolver = (*Fleet)(nil)
)

// NewFleet makes n robots r1 … that run OldDigest, and lets reg see them.
func NewFleet(reg *fleet.Registry, n int) *Fleet {
	f := &Fleet{
		Registry: reg, EffectTime: 10 * time.Millisecond, StopTime: 50 * time.Millisecond,
		robots: make(map[string]*robot), acting: make(map[string]int), minLive: n, Now: time.Now,
	}
	for i := range n {
		id := fmt.Sprintf("r%d", i+1)
		f.order = append(f.order, id)
		f.robots[id] = &robot{
			id: id, images: map[string]bool{OldDigest: true}, Condition: Condition{Engine: fleet.EngineUp},
			containers: []*container{{name: "amr", digest: OldDigest, running: true, restart: true}},
		}
	}
	f.Latency = func(_ context.Context, robot string) time.Duration {
		return time.Duration(slices.Index(f.order, robot)+1) * time.Microsecond
	}
	f.Observe()
	return f
}

// Run tells the registry of the robots' telemetry until ctx ends.
func (f *Fleet) Run(ctx context.Context, every time.Duration) {
	for t := time.NewTicker(every); ; {
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
			f.Observe()
			if f.Registry != nil {
				f.Registry.Sweep(f.Now())
			}
		}
	}
}

// Observe tells the registry how all robots are now.
func (f *Fleet) Observe() { f.observe(f.order...) }

func (f *Fleet) observe(ids ...string) {
	now := f.Now()
	f.mu.Lock()
	f.views = slices.DeleteFunc(f.views, func(v *view) bool { return v.ended() })
	for _, v := range f.views {
		v.soon(f)
	}
	var seen []fleet.Observation
	if f.Registry != nil {
		seen = f.seen(now, ids)
	}
	f.mu.Unlock()
	if f.Registry != nil {
		f.Registry.Apply(now, seen...)
	}
}

// seen is what an adapter sees of robots. It wants the lock.
func (f *Fleet) seen(now time.Time, ids []string) (seen []fleet.Observation) {
	for _, id := range ids {
		seen = append(seen, f.robots[id].observations(now)...)
	}
	return seen
}

// Running lists the digests that run on a robot.
func (f *Fleet) Running(id string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var digests []string
	for _, c := range f.robots[id].containers {
		if c.running {
			digests = append(digests, c.digest)
		}
	}
	return digests
}

// Containers lists the names of a robot's containers.
func (f *Fleet) Containers(id string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for _, c := range f.robots[id].containers {
		names = append(names, c.name)
	}
	slices.Sort(names)
	return names
}

// Set changes what is wrong with a robot. A machine that comes back on starts
// the containers that have a restart policy; an engine that hung does what it was
// asked to meanwhile, although nobody waits for it any more.
func (f *Fleet) Set(id string, change func(*Condition)) {
	f.mu.Lock()
	r := f.robots[id]
	was := r.Condition
	change(&r.Condition)
	if was.Off && !r.Off {
		r.boots++
	}
	for _, c := range r.containers {
		switch {
		case r.Off:
			c.running = false
		case was.Off && c.restart:
			c.running = true
		}
	}
	if r.Engine == fleet.EngineUp {
		for _, late := range r.late {
			_ = late(r)
		}
		r.late = nil
	}
	if r.Off {
		r.late = nil
	}
	f.mu.Unlock()
	f.observe(id)
}

// Witness returns the fewest robots that ran at one time, and how often two
// verbs worked on one robot at once.
func (f *Fleet) Witness() (minLive, overlaps int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.minLive, f.overlaps
}

// Effects is how many effects were done on the engines.
func (f *Fleet) Effects() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.effects
}

// Resolve knows the references ending in :1, :2 and :3.
func (f *Fleet) Resolve(_ context.Context, ref string) (rollout.PinnedImage, error) {
	digests := map[string]string{"registry/amr:1": OldDigest, "registry/amr:2": NewDigest, "registry/amr:3": BadDigest}
	if d := digests[ref]; d != "" {
		return rollout.PinnedImage{Ref: ref, Repository: "registry/amr", Digest: d}, nil
	}
	return rollout.PinnedImage{}, rollout.Fatal(fmt.Errorf("image %s is not in the registry", ref))
}

// Probe passes while the robot publishes.
func (f *Fleet) Probe(_ context.Context, t rollout.Target, c rollout.Check) rollout.Gate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.robots[t.Robot].publishes() {
		return rollout.Gate{Name: c.Name, Outcome: rollout.Fail, Reason: "no answer"}
	}
	return rollout.Gate{Name: c.Name, Outcome: rollout.Pass, Reason: "answers"}
}

// Preview changes nothing but the image, and takes the time that an engine does.
func (f *Fleet) Preview(_ context.Context, t rollout.Target) (rollout.Preview, error) {
	time.Sleep(f.PreviewTime)
	return rollout.Preview{Changed: []string{"image " + t.Image.Digest}, Free: -1}, nil
}
