//go:build rclgo

package rcl

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiiuae/rclgo/pkg/rclgo"

	"github.com/muster-fleet/muster/cmd/muster-rclgo/graph"
	"github.com/muster-fleet/muster/cmd/muster-rclgo/group"
	"github.com/muster-fleet/muster/cmd/muster-rclgo/queue"
	"github.com/muster-fleet/muster/cmd/muster-rclgo/rclerror"
	"github.com/muster-fleet/muster/internal/ros"
)

// ErrClosed is what calls on a closed Transport give.
var ErrClosed = queue.ErrClosed

const (
	groupSize  = 64       // readers of a wait set; each wake costs a look at all of them
	maxSamples = 4096     // that wait for Take
	maxBytes   = 64 << 20 // of them
)

// Options say how to join. Everything else about the network is the RMW's own
// configuration, in the environment.
type Options struct {
	Domain int
	Node   string        // the name that peers see; "muster" when empty
	Poll   time.Duration // between looks at the graph; 500 ms when 0
	Log    *slog.Logger
}

// Transport is our node in one domain.
type Transport struct {
	domain  int
	poll    time.Duration
	log     *slog.Logger
	context *rclgo.Context
	node    *rclgo.Node
	guid    ros.GUID
	queue   *queue.Queue
	groups  *group.Set[*reader]
	refused atomic.Uint64
	ended   chan struct{} // closed by Close

	// calls is held for reading by calls that use the node, for writing by Close.
	calls sync.RWMutex
	// entities is held while a reader or writer is made or closed: rcl's functions
	// for that are not safe for concurrent use on one node.
	entities sync.Mutex

	mu      sync.Mutex
	closed  bool                     // guarded by mu
	next    ros.ReaderID             // guarded by mu
	readers map[ros.ReaderID]*reader // guarded by mu; nil for one of InfoTopic
	writers map[*writer]bool         // guarded by mu

	discovered // owned by Discover
}

var _ ros.Serviceless = (*Transport)(nil)

// Open joins the domain.
func Open(o Options) (_ *Transport, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Node == "" {
		o.Node = "muster"
	}
	if o.Poll <= 0 {
		o.Poll = 500 * time.Millisecond
	}
	if o.Domain < 0 {
		return nil, fmt.Errorf("join ROS domain %d: it is negative", o.Domain)
	}
	t := &Transport{
		domain: o.Domain, poll: o.Poll, log: o.Log, queue: queue.New(maxSamples, maxBytes), ended: make(chan struct{}),
		readers: make(map[ros.ReaderID]*reader), writers: make(map[*writer]bool),
		discovered: discovered{told: make(graph.Told)},
	}
	options := rclgo.NewDefaultContextOptions()
	options.DomainID = uint(o.Domain)
	if t.context, err = rclgo.NewContextWithOpts(nil, options); err != nil {
		return nil, fmt.Errorf("join ROS domain %d: %w", o.Domain, rclerror.Clean(err))
	}
	if t.node, err = t.context.NewNode(o.Node, "/"); err == nil {
		err = t.introduce()
	}
	if err != nil {
		_ = t.context.Close()
		return nil, fmt.Errorf("join ROS domain %d: %w", o.Domain, rclerror.Clean(err))
	}
	t.groups = group.New(groupSize, t.wait, o.Log.With("domain", o.Domain))
	return t, nil
}

// Participant is the GUID of our participant, as the RMW tells it.
func (t *Transport) Participant() ros.GUID { return t.guid }

// NoServices says why services cannot be called.
func (t *Transport) NoServices() string {
	return "rclgo has no raw requests, and rcl's graph tells servers without their GIDs; the muster without rcl calls those on Cyclone DDS"
}

// DomainID is the domain that was joined.
func (t *Transport) DomainID() int { return t.domain }

// Stats are counts since the start.
type Stats struct {
	Samples uint64 // taken
	Refused uint64 // too short, or not to be taken
	Stalls  uint64 // times that taking waited for the one who reads
	Threads int    // OS threads that wait sets hold now
}

// Stats returns the counts.
func (t *Transport) Stats() Stats {
	s := t.queue.Stats()
	return Stats{Samples: s.Samples, Refused: t.refused.Load(), Stalls: s.Stalls, Threads: t.groups.Groups()}
}

// Close leaves the domain. Take and Discover return ErrClosed.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	t.mu.Unlock()
	close(t.ended)
	t.queue.Close()
	errs := []error{t.groups.Close()} // first: nothing else may be inside rcl when a reader closes
	t.calls.Lock()
	defer t.calls.Unlock()
	t.mu.Lock()
	writers := t.writers
	t.writers = nil
	t.mu.Unlock()
	for w := range writers {
		errs = append(errs, w.close())
	}
	errs = append(errs, t.node.Close(), t.context.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("leave ROS domain %d: %w", t.domain, rclerror.Clean(err))
	}
	return nil
}

// enter begins a call that uses the node; the caller must run leave.
func (t *Transport) enter() (leave func(), err error) {
	t.calls.RLock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		t.calls.RUnlock()
		return nil, ErrClosed
	}
	return t.calls.RUnlock, nil
}
