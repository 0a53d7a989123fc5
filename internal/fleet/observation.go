package fleet

import "time"

// Observation is something an adapter saw. The set is closed: Registry.Apply
// matches it exhaustively.
type Observation interface{ observation() }

// At addresses a robot by what the ROS domain knows of it.
type At struct {
	Domain    int
	Namespace string // absolute, "/robot1"
}

// PoseObserved is a new pose of a robot.
type PoseObserved struct {
	At
	Pose Pose
}

// PosesObserved are new poses of many robots, in their order: a busy fleet's come
// by the hundred. The slice belongs to the caller again when Apply returns.
type PosesObserved struct{ Poses []PoseObserved }

// BatteryObserved is a new battery state.
type BatteryObserved struct {
	At
	Battery Battery
}

// DiagnosticsObserved carries the components that reported; those not named
// keep their last word. The same slice as the time before says that nothing has
// changed.
type DiagnosticsObserved struct {
	At
	Items   []Diagnostic
	Receive time.Time
}

// LockObserved is what a robot says of being updated.
type LockObserved struct {
	At
	Lock UpdateLock
}

// GraphObserved is the whole set of nodes of a namespace now; empty when all
// have gone.
type GraphObserved struct {
	At
	Nodes []Node
	// Robot says that the namespace looks like a robot's (it publishes a pose or
	// a battery): only then is an unknown namespace added to the fleet.
	Robot bool
}

// TopicsObserved is the whole list of topics of a namespace with their rates.
type TopicsObserved struct {
	At
	Topics []Topic
}

// MapObserved says that a robot moves on this occupancy grid.
type MapObserved struct {
	At
	Grid *Grid
}

// EngineObserved is one engine and, while it is up, all of its containers that
// belong to robots. A nil Containers leaves what was known.
type EngineObserved struct {
	Engine     Engine
	Containers []Container
}

// InventoryObserved is one robot of the inventory.
type InventoryObserved struct {
	ID, Name, Namespace, Engine string
	Domain                      int
	Labels                      map[string]string
}

// Deregistered removes a robot from the fleet by the operator's wish.
type Deregistered struct{ ID string }

func (PoseObserved) observation()        {}
func (PosesObserved) observation()       {}
func (BatteryObserved) observation()     {}
func (DiagnosticsObserved) observation() {}
func (LockObserved) observation()        {}
func (GraphObserved) observation()       {}
func (TopicsObserved) observation()      {}
func (MapObserved) observation()         {}
func (EngineObserved) observation()      {}
func (InventoryObserved) observation()   {}
func (Deregistered) observation()        {}
