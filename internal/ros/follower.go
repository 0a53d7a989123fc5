package ros

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/muster-fleet/muster/internal/fleet"
)

// FollowerOptions say what a Follower does beyond what it finds by itself.
type FollowerOptions struct {
	Log *slog.Logger
	// Node is the name under which peers see us; "muster" when empty.
	Node string
	// Robots are namespaces that are robots' whatever they publish.
	Robots []string
	// Topics sets the topic of a role by hand, by namespace; a name may be
	// relative to it.
	Topics map[string]map[Role]string
	// GIDSize is that of our own node list; 0 follows the majority of the peers.
	GIDSize GIDSize
	Limits  Limits
}

// Follower keeps a domain's graph, subscribes to what tells of robots, and turns
// all of it into observations.
type Follower struct {
	transport Transport
	apply     func(now time.Time, o ...fleet.Observation)
	log       *slog.Logger
	options   FollowerOptions
	byHand    map[roleKey]string

	dirty chan struct{} // of size 1: the graph has changed
	clock simClock

	mu         sync.Mutex
	graph      *Graph                      // guarded by mu
	places     places                      // guarded by mu
	counted    time.Time                   // guarded by mu; when rates were last counted, in the domain\'s time
	shown      map[string]graphShown       // guarded by mu; what was told last, by namespace
	slots      map[string][]topicSlot      // guarded by mu; by namespace
	measured   map[string][]topicSlot      // guarded by mu; the slots that were told last
	looked     uint64                      // guarded by mu; the graph's version when it was last looked at
	lookedAt   time.Time                   // guarded by mu
	readers    map[string]*topicReader     // guarded by mu; by topic
	gidSizes   map[GUID]GIDSize            // guarded by mu
	info       ReaderID                    // guarded by mu
	heal       backoff                     // guarded by mu; of the info reader
	streams    map[*RawStream]*topicReader // guarded by mu
	byID       sync.Map                    // ReaderID → *topicReader; read for each sample
	decoded    *decoder                    // owned by the goroutine that takes
	infos      infoDecoder                 // likewise
	calls      map[ReaderID]*pendingCall   // guarded by mu; by the reader of their replies
	publishers map[string]*publisher       // guarded by mu; by topic and type
	maps       map[string]*fleet.Grid      // guarded by mu; the newest of each namespace
	tracks     map[string]*track           // likewise; by namespace
	bad        map[string]uint64           // guarded by mu; samples that could not be read, by topic
}

type graphShown struct {
	nodes []fleet.Node
	robot bool
}

// NewFollower makes a Follower; apply is called from Run's goroutines, never
// with a lock held.
func NewFollower(t Transport, apply func(time.Time, ...fleet.Observation), o FollowerOptions) *Follower {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Node == "" {
		o.Node = "muster"
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	f := &Follower{
		transport: t, apply: apply, log: o.Log.With("domain", t.DomainID()), options: o,
		byHand: make(map[roleKey]string), dirty: make(chan struct{}, 1),
		graph: NewGraph(o.Limits), shown: make(map[string]graphShown), readers: make(map[string]*topicReader),
		gidSizes: make(map[GUID]GIDSize), streams: make(map[*RawStream]*topicReader),
		decoded: newDecoder(), tracks: make(map[string]*track), maps: make(map[string]*fleet.Grid),
		calls: make(map[ReaderID]*pendingCall), publishers: make(map[string]*publisher), bad: make(map[string]uint64),
	}
	for ns, roles := range o.Topics {
		for role, topic := range roles {
			f.byHand[roleKey{ns, role}] = Join(ns, topic)
		}
	}
	return f
}

// Run follows the domain until ctx ends or the transport fails.
func (f *Follower) Run(ctx context.Context) error {
	own, err := f.announce()
	if err != nil {
		return err
	}
	defer func() { _ = own.Close() }()
	defer f.closeReaders()
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return f.discover(running) })
	g.Go(func() error { return f.take(running) })
	g.Go(func() error { return f.keep(running, own) })
	if err := g.Wait(); ctx.Err() == nil {
		return fmt.Errorf("follow ROS domain %d: %w", f.transport.DomainID(), err)
	}
	return ctx.Err()
}

// announce opens both ends of InfoTopic.
func (f *Follower) announce() (Writer, error) {
	w, err := f.transport.Advertise(Publication{Topic: InfoTopic, Type: InfoType, TypeHash: typeHash(InfoType), RawName: true, QoS: InfoWriterQoS()})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.openInfo(); err != nil {
		_ = w.Close()
		return nil, err
	}
	return w, nil
}

// openInfo subscribes to the node lists; mu is held.
func (f *Follower) openInfo() error {
	id, err := f.transport.Subscribe(Subscription{Topic: InfoTopic, Type: InfoType, TypeHash: typeHash(InfoType), RawName: true, QoS: InfoReaderQoS()})
	if err == nil {
		f.info = id
	}
	return err
}

func (f *Follower) discover(ctx context.Context) error {
	for {
		facts, err := f.transport.Discover(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		f.mu.Lock()
		for _, fact := range facts {
			if p, ok := fact.(ParticipantFact); ok {
				p.Since = now
				fact = p
			}
			f.graph.Apply(fact)
			switch fact := fact.(type) {
			case ParticipantFact:
				if fact.Gone {
					delete(f.gidSizes, fact.GUID)
				}
			case IncompatibleFact:
				f.incompatible(fact)
			case EndpointFact, NodesFact:
			}
		}
		f.mu.Unlock()
		f.touch()
	}
}

// touch asks for a look at the graph soon.
func (f *Follower) touch() {
	select {
	case f.dirty <- struct{}{}:
	default:
	}
}

// The rhythm of keep. Many facts come at once when a robot joins: a short wait
// makes one look of them.
const (
	gather   = 50 * time.Millisecond
	tickTime = time.Second
)

// keep looks at the graph after changes, and once a second at everything.
func (f *Follower) keep(ctx context.Context, own Writer) error {
	tick := time.NewTicker(tickTime)
	defer tick.Stop()
	soon := time.NewTimer(0)
	defer soon.Stop()
	var told announced
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.dirty:
			soon.Reset(gather)
			continue
		case <-soon.C:
			f.reconcile(time.Now())
		case <-tick.C:
			now := time.Now()
			if f.stale(now) {
				f.reconcile(now)
			}
			f.measure(now)
			f.watch(now)
		}
		told = f.publishOwn(time.Now(), own, told)
	}
}

// reconcile makes the readers and what the fleet knows follow the graph.
func (f *Follower) reconcile(now time.Time) {
	f.mu.Lock()
	f.places = layout(f.graph, f.options.Robots, f.byHand)
	observations := f.changedPlaces()
	f.mu.Unlock()
	if len(observations) > 0 {
		f.apply(now, observations...) // the robots first, so that no sample is of an unknown one
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.openWanted(now)
	f.slots = f.topicSlots()
	f.looked, f.lookedAt = f.graph.Version(), now
}

// lookAgain bounds how long readers that nobody needs wait to be closed, and those
// that could not be opened to be tried again.
const lookAgain = 10 * time.Second

// stale reports whether there is reason to reconcile.
func (f *Follower) stale(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.graph.Version() != f.looked || now.Sub(f.lookedAt) >= lookAgain
}

// changedPlaces are the namespaces whose nodes differ from what was told last.
func (f *Follower) changedPlaces() (changed []fleet.Observation) {
	tell := func(ns string, nodes []fleet.Node) {
		next := graphShown{nodes, f.places.robots[ns]}
		if old, ok := f.shown[ns]; ok && old.robot == next.robot && slices.Equal(old.nodes, next.nodes) {
			return
		}
		f.shown[ns] = next
		changed = append(changed, fleet.GraphObserved{At: f.at(ns), Nodes: nodes, Robot: next.robot})
	}
	for ns := range f.shown {
		if _, robot := f.places.robots[ns]; !robot && f.places.nodes[ns] == nil {
			delete(f.shown, ns)
			changed = append(changed, fleet.GraphObserved{At: f.at(ns)})
		}
	}
	for ns := range f.places.robots {
		tell(ns, f.places.nodes[ns])
	}
	for ns, nodes := range f.places.nodes {
		tell(ns, nodes)
	}
	return changed
}

func (f *Follower) at(namespace string) fleet.At {
	return fleet.At{Domain: f.transport.DomainID(), Namespace: namespace}
}

// isRobot reports whether a namespace is known as a robot's.
func (f *Follower) isRobot(namespace string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.places.robots[namespace]
	return ok
}

// Stats are what a Follower knows of its domain now.
type Stats struct {
	Participants, Endpoints, Nodes int
	Readers                        int // our own
	Refused                        uint64
}

// Stats returns the counts.
func (f *Follower) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Stats{Readers: len(f.readers)}
	s.Participants, s.Endpoints = f.graph.Counts()
	f.graph.names(func(fleet.Node) { s.Nodes++ })
	for _, n := range f.graph.refused {
		s.Refused += n
	}
	return s
}

// Nodes lists all nodes of the domain with their endpoints, by name.
func (f *Follower) Nodes() []NodeView {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.graph.Nodes()
}

// Mismatches lists the endpoints of the domain that do not meet, see
// Graph.Mismatches.
func (f *Follower) Mismatches() []Mismatch {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.graph.Mismatches()
}

// Participants lists the participants of the domain, by GUID.
func (f *Follower) Participants() []ParticipantView {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.graph.Participants()
}
