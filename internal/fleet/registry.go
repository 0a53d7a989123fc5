package fleet

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"
)

// Registry is the one owner of what is known of the fleet. All methods are
// safe for concurrent use; Apply and Sweep are short and never call out with
// the lock held.
type Registry struct {
	epoch   string   // immutable; names this registry's version counter
	journal *Journal // immutable

	mu      sync.RWMutex
	version uint64                 // guarded by mu; the newest version given
	robots  map[string]*entry      // guarded by mu; by id
	byAt    map[At]*entry          // guarded by mu
	orphans map[At]*orphan         // guarded by mu; namespaces that are no robots (yet)
	engines map[string]engineEntry // guarded by mu; by name
	grids   map[string]*Grid       // guarded by mu; by hash
	gone    []Gone                 // guarded by mu; newest last, bounded
	events  []Event                // guarded by mu; recorded once the lock is free

	subs Wakers
}

// Gone says that a robot was removed from the fleet at a version.
type Gone struct {
	ID      string
	Version uint64
}

// Bounds against a hostile or broken network.
const (
	maxRobots  = 20_000
	maxOrphans = 4_096
	maxGrids   = 64
	maxGone    = 4_096
)

// entry is a robot and what is needed to fold the next observation into it.
type entry struct {
	robot  Robot // its Pose is only set in copies
	pose   Pose
	posed  bool          // there is a pose
	period time.Duration // running mean of the time between poses, for QualityLate
	// inventory is set once the inventory names the robot; it outranks the rest.
	inventory bool
}

type engineEntry struct {
	engine     Engine
	containers []Container
}

// orphan is what is known of a namespace that no robot claims.
type orphan struct {
	nodes  []Node
	topics []Topic
}

// NewRegistry makes an empty registry that records events in journal.
func NewRegistry(journal *Journal) *Registry {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return &Registry{
		epoch:   hex.EncodeToString(b[:]),
		journal: journal,
		robots:  make(map[string]*entry),
		byAt:    make(map[At]*entry),
		orphans: make(map[At]*orphan),
		engines: make(map[string]engineEntry),
		grids:   make(map[string]*Grid),
	}
}

// Epoch names this registry's version counter; versions of two epochs do not
// compare.
func (r *Registry) Epoch() string { return r.epoch }

// Journal is where the registry records its events.
func (r *Registry) Journal() *Journal { return r.journal }

// Apply folds observations in. A robot that changed gets the next version.
func (r *Registry) Apply(now time.Time, observations ...Observation) {
	r.mu.Lock()
	before := r.version
	for _, o := range observations {
		r.apply(now, o)
	}
	r.unlock(before)
}

// unlock ends a change: it records the events and wakes the subscribers after
// the lock is free.
func (r *Registry) unlock(before uint64) {
	events, changed := r.events, r.version != before
	r.events = nil
	r.mu.Unlock()
	for _, e := range events {
		r.journal.Record(e)
	}
	if changed {
		r.subs.Wake()
	}
}

func (r *Registry) apply(now time.Time, o Observation) {
	switch o := o.(type) {
	case PosesObserved:
		for i := range o.Poses {
			r.applyPose(now, &o.Poses[i])
		}
	case PoseObserved:
		r.applyPose(now, &o)
	case BatteryObserved:
		r.applyBattery(now, o)
	case LockObserved:
		r.applyLock(now, o)
	case DiagnosticsObserved:
		r.applyDiagnostics(now, o)
	case GraphObserved:
		r.applyGraph(now, o)
	case TopicsObserved:
		r.applyTopics(o)
	case MapObserved:
		r.applyMap(o)
	case EngineObserved:
		r.applyEngine(now, o)
	case InventoryObserved:
		r.applyInventory(now, o)
	case Deregistered:
		r.remove(now, o.ID, "was taken out of the inventory")
	}
}

// Snapshot is the fleet at one version.
type Snapshot struct {
	Epoch   string
	Version uint64
	Robots  []Robot // ordered by id
	Engines []Engine
}

// Robot finds a robot in the snapshot.
func (s *Snapshot) Robot(id string) (*Robot, bool) {
	i, ok := slices.BinarySearchFunc(s.Robots, id, func(r Robot, id string) int { return cmp.Compare(r.ID, id) })
	if !ok {
		return nil, false
	}
	return &s.Robots[i], true
}

// Engine finds an engine in the snapshot.
func (s *Snapshot) Engine(name string) (Engine, bool) {
	for _, e := range s.Engines {
		if e.Name == name {
			return e, true
		}
	}
	return Engine{}, false
}

// Snapshot copies the whole fleet.
func (r *Registry) Snapshot() Snapshot {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := Snapshot{Epoch: r.epoch, Version: r.version, Robots: make([]Robot, 0, len(r.robots))}
	var poses poseCopies
	for _, e := range r.robots {
		s.Robots = append(s.Robots, e.copy(&poses))
	}
	for _, e := range r.engines {
		s.Engines = append(s.Engines, e.engine)
	}
	slices.SortFunc(s.Robots, func(a, b Robot) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(s.Engines, func(a, b Engine) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

// Size is how many robots are known.
func (r *Registry) Size() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.robots)
}

// Robot copies one robot.
func (r *Registry) Robot(id string) (Robot, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	e, ok := r.robots[id]
	if !ok {
		return Robot{}, false
	}
	return e.copy(&poseCopies{}), true
}

// poseCopies is memory for copies of poses, some at once.
type poseCopies []Pose

// copy is the robot as it leaves the registry.
func (e *entry) copy(poses *poseCopies) Robot {
	robot := e.robot
	if e.posed {
		if len(*poses) == cap(*poses) {
			*poses = make([]Pose, 0, min(2*cap(*poses)+1, 64))
		}
		*poses = append(*poses, e.pose)
		robot.Pose = &(*poses)[len(*poses)-1]
	}
	return robot
}

// Changes appends to dst the robots that have a pose or state version above
// since, in no order, and returns them with those removed since then and the
// present version. complete is false when removals that far back are no longer
// known: the reader must start anew.
func (r *Registry) Changes(since uint64, dst []Robot) (robots []Robot, gone []Gone, version uint64, complete bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var poses poseCopies
	for _, e := range r.robots {
		if e.robot.PoseVersion > since || e.robot.StateVersion > since {
			dst = append(dst, e.copy(&poses))
		}
	}
	for _, g := range r.gone {
		if g.Version > since {
			gone = append(gone, g)
		}
	}
	complete = len(r.gone) < maxGone || r.gone[0].Version <= since
	return dst, gone, r.version, complete
}

// Grid finds an occupancy grid by its hash.
func (r *Registry) Grid(hash string) (*Grid, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	g, ok := r.grids[hash]
	return g, ok
}

// Grids lists the known grids, ordered by hash.
func (r *Registry) Grids() []*Grid {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.SortedFunc(maps.Values(r.grids), func(a, b *Grid) int { return cmp.Compare(a.Hash, b.Hash) })
}

// Engines lists the engines, ordered by name.
func (r *Registry) Engines() []Engine {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]Engine, 0, len(r.engines))
	for _, e := range r.engines {
		all = append(all, e.engine)
	}
	slices.SortFunc(all, func(a, b Engine) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Subscribe returns a subscription that is woken when a version was given.
func (r *Registry) Subscribe() *Subscription { return r.subs.Subscribe() }

// nextVersion gives out the next version. The caller holds mu.
func (r *Registry) nextVersion() uint64 {
	r.version++
	return r.version
}

func (r *Registry) record(e Event) { r.events = append(r.events, e) }
