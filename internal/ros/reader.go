package ros

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/muster-fleet/muster/msgs"
)

// topicReader is one of our subscriptions, shared by all who need the topic.
type topicReader struct {
	topic, typ string
	hash       string // of a type that we do not know; its publishers tell it
	id         ReaderID
	qos        QoS
	part       atomic.Pointer[part] // nil while only raw streams read it

	total atomic.Uint64 // samples
	last  atomic.Int64  // receive time of the newest, ns since 1970
	// streams is replaced, never changed: the goroutine that takes reads it.
	streams atomic.Pointer[[]*RawStream]
	latched atomic.Pointer[latched] // nil unless what is latched is kept for new streams
	broken  atomic.Bool             // the newest sample could not be read

	// guarded by the Follower's mu
	rate     rate
	problems problems
	problem  string // the gravest of problems
	gone     bool   // it has no publishers, as last looked at
	opened   time.Time
	closed   bool      // it could not be made anew, and waits for the next look
	unused   time.Time // since when nobody needs it
	unviewed time.Time // since when no stream reads it
	heal     backoff
}

// part is the role that a topic plays for a robot.
type part struct {
	*roleSpec
	namespace string
}

const (
	maxReaders  = 100_000
	linger      = 5 * time.Minute  // a role's reader outlives its publishers by that
	rawLinger   = 10 * time.Second // and one that only raw streams had
	listsAge    = time.Minute      // a node list outlives its participant by twice that at most
	silentAfter = 5 * time.Second  // a reliable reader that fell silent is made anew
)

// openWanted opens and closes readers so that each role's topic has one, with a
// QoS that its publishers match.
func (f *Follower) openWanted(now time.Time) {
	wanted := make(map[string]bool, len(f.places.roles))
	for key, topic := range f.places.roles {
		publishers := f.graph.Publishers(topic)
		spec := specOf(key.role)
		if len(publishers) == 0 {
			continue
		}
		wanted[topic] = true
		r := f.readers[topic]
		if r == nil {
			r = f.open(now, topic, spec.typ, f.roleQoS(spec, publishers), &part{spec, key.namespace})
		}
		if r == nil {
			continue
		}
		if r.part.Load() == nil {
			r.part.Store(&part{spec, key.namespace})
		}
		f.retype(now, r, spec.typ)
		f.suit(now, r, f.roleQoS(spec, publishers), publishers)
	}
	for topic, r := range f.readers {
		r.published(len(f.graph.topics[topic]) > 0)
		viewed := len(*r.streams.Load()) > 0
		if viewed && !wanted[topic] {
			f.suitStreams(now, r)
		}
		f.unlatch(now, r, viewed)
		f.closeUnwanted(now, r, wanted[topic] || viewed)
	}
}

// published notes whether the topic has publishers. When they come back its rate
// begins anew: the time between, as of a container that is replaced, is nobody's.
func (r *topicReader) published(is bool) {
	if is && r.gone {
		r.rate.resume()
	}
	r.gone = !is
}

// suitStreams is suit for a reader that only streams need.
func (f *Follower) suitStreams(now time.Time, r *topicReader) {
	if publishers := f.graph.Publishers(r.topic); len(publishers) > 0 {
		f.suit(now, r, Follow(publishers, r.qos.Depth), publishers)
	}
}

// retype makes a reader of another type, unless streams have been told of its
// present one.
func (f *Follower) retype(now time.Time, r *topicReader, typ string) {
	if r.typ != typ && len(*r.streams.Load()) == 0 {
		r.typ, r.hash = typ, f.publishedHash(r.topic, typ)
		f.reopen(now, r, r.qos)
	}
}

// suit makes a reader meet its publishers, and says where it cannot.
func (f *Follower) suit(now time.Time, r *topicReader, q QoS, publishers []Endpoint) {
	if r.closed || q != r.qos {
		f.reopen(now, r, q)
	}
	r.compare(publishers)
}

func (f *Follower) roleQoS(s *roleSpec, publishers []Endpoint) QoS {
	if s.role == RoleMap {
		return Follow(publishers, s.depth)
	}
	return FollowTelemetry(publishers, s.depth)
}

func (f *Follower) closeUnwanted(now time.Time, r *topicReader, wanted bool) {
	if wanted {
		r.unused = time.Time{}
		return
	}
	if r.unused.IsZero() {
		r.unused = now
	}
	wait := rawLinger
	if r.part.Load() != nil {
		wait = linger
	}
	if now.Sub(r.unused) >= wait {
		f.close(r)
		delete(f.readers, r.topic)
		if p := r.part.Load(); p != nil && p.role == RoleMap {
			delete(f.maps, p.namespace)
		}
	}
}

// open makes a reader, which gives all that comes to the streams; a failure is
// logged and tried again at the next look.
func (f *Follower) open(now time.Time, topic, typ string, q QoS, p *part, streams ...*RawStream) *topicReader {
	if len(f.readers) >= maxReaders {
		f.graph.refused[refusedReaders]++
		return nil
	}
	r := &topicReader{topic: topic, typ: typ, hash: f.publishedHash(topic, typ), qos: q, opened: now}
	r.part.Store(p)
	r.streams.Store(&streams)
	if len(streams) > 0 && q.Durability == TransientLocal {
		r.latched.Store(newLatched())
	}
	if err := f.subscribe(r); err != nil {
		f.log.Warn("subscribe", "topic", topic, "err", err)
		return nil
	}
	f.readers[topic] = r
	return r
}

func (f *Follower) subscribe(r *topicReader) error {
	id, err := f.transport.Subscribe(Subscription{Topic: r.topic, Type: r.typ, TypeHash: cmp.Or(typeHash(r.typ), r.hash), QoS: r.qos})
	if err != nil {
		return err
	}
	r.id = id
	f.changes++
	f.byID.Store(id, r)
	return nil
}

func (f *Follower) close(r *topicReader) {
	if r.closed {
		return
	}
	f.byID.Delete(r.id)
	f.changes++
	if err := f.transport.Unsubscribe(r.id); err != nil {
		f.log.Debug("unsubscribe", "topic", r.topic, "err", err)
	}
}

// reopen makes a reader anew, with another QoS or because it fell silent. Its
// streams stay; when it cannot be made it is tried again at the next look.
func (f *Follower) reopen(now time.Time, r *topicReader, q QoS) {
	f.close(r)
	if q.Durability != TransientLocal {
		r.latched.Store(nil)
	} else if r.latched.Load() != nil {
		r.latched.Store(newLatched()) // all that is latched comes again
	}
	r.qos, r.opened, r.closed = q, now, false
	r.problems = problems{}
	if err := f.subscribe(r); err != nil {
		f.log.Warn("subscribe", "topic", r.topic, "err", err)
		r.closed, r.problems.closed = true, "subscribe: "+err.Error()
	}
	r.tell()
}

func (f *Follower) closeReaders() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for topic, r := range f.readers {
		f.close(r)
		delete(f.readers, topic)
	}
	_ = f.transport.Unsubscribe(f.info)
	f.closePublishers(time.Now())
	for s := range f.streams {
		close(s.c)
		delete(f.streams, s)
	}
}

// publishedHash is the type hash that a publisher of the topic tells. We announce
// it where we do not know the type, for peers want a hash of every endpoint.
func (f *Follower) publishedHash(topic, typ string) string {
	for _, p := range f.graph.Publishers(topic) {
		if p.Type == typ && p.TypeHash != "" {
			return p.TypeHash
		}
	}
	return ""
}

// typeHash is the RIHS01 hash of a type that we know, else empty.
func typeHash(typ string) string {
	t, _ := msgs.Lookup(typ)
	return t.Hash
}
