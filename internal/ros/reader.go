package ros

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/muster-fleet/muster/msgs"
)

// topicReader is one of our subscriptions, shared by all who need the topic.
type topicReader struct {
	topic, typ string
	id         ReaderID
	qos        QoS
	part       atomic.Pointer[part] // nil while only raw streams read it

	total atomic.Uint64 // samples
	last  atomic.Int64  // receive time of the newest, ns since 1970
	// streams is replaced, never changed: the goroutine that takes reads it.
	streams atomic.Pointer[[]*RawStream]

	// guarded by the Follower's mu
	rate    rate
	problem string
	opened  time.Time
	unused  time.Time // since when nobody needs it
	heal    backoff
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
		if q := f.roleQoS(spec, publishers); q != r.qos {
			f.reopen(now, r, q)
		}
		if len(publishers) > 0 && publishers[0].Type != spec.typ {
			r.problem = fmt.Sprintf("its type is %s, not %s", publishers[0].Type, spec.typ)
		}
	}
	for topic, r := range f.readers {
		f.closeUnwanted(now, r, wanted[topic] || len(*r.streams.Load()) > 0)
	}
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

// open makes a reader; a failure is logged and tried again at the next look.
func (f *Follower) open(now time.Time, topic, typ string, q QoS, p *part) *topicReader {
	if len(f.readers) >= maxReaders {
		f.graph.refused[refusedReaders]++
		return nil
	}
	r := &topicReader{topic: topic, typ: typ, qos: q, opened: now}
	r.part.Store(p)
	r.streams.Store(new([]*RawStream))
	if err := f.subscribe(r); err != nil {
		f.log.Warn("subscribe", "topic", topic, "err", err)
		return nil
	}
	f.readers[topic] = r
	return r
}

func (f *Follower) subscribe(r *topicReader) error {
	id, err := f.transport.Subscribe(Subscription{Topic: r.topic, Type: r.typ, TypeHash: typeHash(r.typ), QoS: r.qos})
	if err != nil {
		return err
	}
	r.id = id
	f.byID.Store(id, r)
	return nil
}

func (f *Follower) close(r *topicReader) {
	f.byID.Delete(r.id)
	if err := f.transport.Unsubscribe(r.id); err != nil {
		f.log.Debug("unsubscribe", "topic", r.topic, "err", err)
	}
}

// reopen makes a reader anew, with another QoS or because it fell silent.
func (f *Follower) reopen(now time.Time, r *topicReader, q QoS) {
	f.close(r)
	r.qos, r.problem, r.opened = q, "", now
	if err := f.subscribe(r); err != nil {
		f.log.Warn("subscribe", "topic", r.topic, "err", err)
		delete(f.readers, r.topic)
	}
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

// incompatible says in words why a topic is silent.
func (f *Follower) incompatible(i IncompatibleFact) {
	v, ok := f.byID.Load(i.Reader)
	if !ok {
		return
	}
	r := v.(*topicReader) //nolint:forcetypeassert // byID holds nothing else
	r.problem = fmt.Sprintf("incompatible QoS: a publisher's %s does not match our %s, %s subscription",
		i.Policy, r.qos.Reliability, r.qos.Durability)
	f.log.Warn("a publisher does not match our subscription", "topic", r.topic, "policy", i.Policy)
}

// watch makes readers anew that a forged or lost HEARTBEAT silenced: reliable
// ones whose publishers live and whose samples used to come. The node lists are
// such a case, too: a participant with topics and without a list.
func (f *Follower) watch(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.readers {
		last := time.Unix(0, r.last.Load())
		usual := r.rate.usual
		silent := r.qos.Reliability == Reliable && usual > 0 && len(f.graph.topics[r.topic]) > 0 &&
			now.Sub(last) > max(silentAfter, time.Duration(10/usual*float64(time.Second)))
		if r.heal.due(now, silent) {
			f.log.Info("subscribe anew: a live publisher has fallen silent", "topic", r.topic, "since", last)
			f.reopen(now, r, r.qos)
		}
	}
	f.closePublishers(now.Add(-publisherLinger))
	if now.Sub(f.aged) >= listsAge {
		f.graph.Age()
		f.aged = now
	}
	if f.heal.due(now, f.graph.nameless() > 0) {
		old := f.info
		err := f.openInfo()
		if err == nil {
			err = f.transport.Unsubscribe(old)
		}
		if err != nil {
			f.log.Warn("subscribe anew to the node lists", "err", err)
		}
	}
}

// backoff paces a remedy: first after ten seconds of need, then ever more seldom.
type backoff struct {
	next time.Time
	wait time.Duration
}

const (
	healFirst = 10 * time.Second
	healMost  = 5 * time.Minute
)

func (b *backoff) due(now time.Time, needed bool) bool {
	if !needed {
		*b = backoff{}
		return false
	}
	if b.wait == 0 {
		b.wait, b.next = healFirst, now.Add(healFirst)
	}
	if now.Before(b.next) {
		return false
	}
	b.wait = min(2*b.wait, healMost)
	b.next = now.Add(b.wait)
	return true
}

// typeHash is the RIHS01 hash of a type that we know, else empty.
func typeHash(typ string) string {
	t, _ := msgs.Lookup(typ)
	return t.Hash
}
