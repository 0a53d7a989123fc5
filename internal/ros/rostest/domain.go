// Package rostest gives tests a ROS domain in memory, and the suite that every
// ros.Transport must pass.
package rostest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/muster-fleet/muster/internal/ros"
)

// Domain is a ROS domain in memory: what is written is there at once for all
// readers that match, and facts reach all participants in one order.
type Domain struct {
	id int

	mu           sync.Mutex
	serial       uint64         // guarded by mu
	participants []*Participant // guarded by mu; in the order of joining
}

// NewDomain makes an empty domain.
func NewDomain(id int) *Domain { return &Domain{id: id} }

// Participant is a ros.Transport in a Domain.
type Participant struct {
	d    *Domain
	guid ros.GUID

	// guarded by d.mu
	readers map[ros.ReaderID]*reader
	writers []*writer
	facts   []ros.Fact
	samples []ros.Sample
	opened  map[string]int // readers since the start, by topic
	refused string         // the topic that cannot be subscribed to
	closed  bool

	took, learned chan struct{} // of size 1: there are samples, facts
}

var _ ros.Transport = (*Participant)(nil)

type reader struct {
	guid ros.GUID
	sub  ros.Subscription
	deaf bool
}

type writer struct {
	p       *Participant
	guid    ros.GUID
	pub     ros.Publication
	latched [][]byte
	closed  bool
}

var errClosed = errors.New("closed")

// Join adds a participant, which learns of all that is there; its GUID is as
// Cyclone DDS makes them.
func (d *Domain) Join() *Participant { return d.JoinVendor([2]byte{0x01, 0x10}) }

// JoinVendor is Join with the GUIDs of another vendor of DDS.
func (d *Domain) JoinVendor(vendor [2]byte) *Participant {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &Participant{d: d, readers: make(map[ros.ReaderID]*reader), opened: make(map[string]int), took: make(chan struct{}, 1), learned: make(chan struct{}, 1)}
	p.guid = d.nextGUID(ros.GUID{0: vendor[0], 1: vendor[1]}).Participant()
	for _, other := range d.participants {
		p.facts = append(p.facts, ros.ParticipantFact{GUID: other.guid, UserData: "enclave=/;"})
		for _, w := range other.writers {
			p.facts = append(p.facts, w.fact())
		}
		for _, r := range other.readers {
			p.facts = append(p.facts, r.fact())
		}
	}
	d.participants = append(d.participants, p)
	d.tell(p, ros.ParticipantFact{GUID: p.guid, UserData: "enclave=/;"})
	return p
}

// nextGUID is a new GUID: with the participant's prefix, or with a new prefix
// behind the vendor's two bytes.
func (d *Domain) nextGUID(of ros.GUID) ros.GUID {
	d.serial++
	if of[12] == 0 && of[15] == 0 {
		binary.BigEndian.PutUint64(of[2:], d.serial)
	}
	binary.BigEndian.PutUint32(of[12:], uint32(d.serial)<<8|3)
	return of
}

// tell queues a fact about one participant for all others.
func (d *Domain) tell(about *Participant, f ros.Fact) {
	for _, p := range d.participants {
		if p != about {
			p.facts = append(p.facts, f)
			p.signal()
		}
	}
}

func (p *Participant) signal() {
	for _, c := range []chan struct{}{p.took, p.learned} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Leave ends the participant; peers learn of it at once.
func (p *Participant) Leave() {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	for _, w := range p.writers {
		w.closed = true
		p.d.tell(p, w.gone())
	}
	for _, r := range p.readers {
		p.d.tell(p, r.gone())
	}
	p.d.tell(p, ros.ParticipantFact{GUID: p.guid, Gone: true})
	p.d.participants = slices.DeleteFunc(p.d.participants, func(x *Participant) bool { return x == p })
	p.signal()
}

// Participant is the GUID of this participant.
func (p *Participant) Participant() ros.GUID { return p.guid }

// DomainID is the id that the domain was made with.
func (p *Participant) DomainID() int { return p.d.id }

// Subscribe opens a reader, which gets what matching writers hold for it.
func (p *Participant) Subscribe(s ros.Subscription) (ros.ReaderID, error) {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	if p.closed {
		return 0, errClosed
	}
	if s.Topic == p.refused {
		return 0, errors.New("out of resources")
	}
	r := &reader{guid: p.d.nextGUID(p.guid), sub: s}
	id := ros.ReaderID(p.d.serial)
	p.readers[id] = r
	p.opened[s.Topic]++
	p.d.tell(p, r.fact())
	for _, other := range p.d.participants {
		for _, w := range other.writers {
			for _, cdr := range w.meet(p, id, r) {
				p.deliver(id, w.guid, cdr)
			}
		}
	}
	return id, nil
}

// Unsubscribe closes a reader.
func (p *Participant) Unsubscribe(id ros.ReaderID) error {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	r := p.readers[id]
	if r == nil {
		return fmt.Errorf("there is no reader %d", id)
	}
	delete(p.readers, id)
	p.d.tell(p, r.gone())
	return nil
}

// Reader tells of an open reader.
func (p *Participant) Reader(id ros.ReaderID) (ros.ReaderState, bool) {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	r := p.readers[id]
	if r == nil {
		return ros.ReaderState{}, false
	}
	s := ros.ReaderState{GUID: r.guid}
	for _, other := range p.d.participants {
		for _, w := range other.writers {
			if w.pub.Topic == r.sub.Topic && mismatch(w.pub.QoS, r.sub.QoS) == "" {
				s.Matched++
			}
		}
	}
	return s, true
}

// Readers counts the open readers of a topic.
func (p *Participant) Readers(topic string) (n int) {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	for _, r := range p.readers {
		if r.sub.Topic == topic {
			n++
		}
	}
	return n
}

// Advertise opens a writer.
func (p *Participant) Advertise(pub ros.Publication) (ros.Writer, error) {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	w := &writer{p: p, guid: p.d.nextGUID(p.guid), pub: pub}
	p.writers = append(p.writers, w)
	p.d.tell(p, w.fact())
	for _, other := range p.d.participants {
		for id, r := range other.readers {
			w.meet(other, id, r)
		}
	}
	return w, nil
}

// Take returns what has come, or waits.
func (p *Participant) Take(ctx context.Context, b *ros.Batch) error {
	for {
		p.d.mu.Lock()
		b.Samples, p.samples = p.samples, nil
		closed := p.closed
		p.d.mu.Unlock()
		if closed {
			return errClosed
		}
		if len(b.Samples) > 0 {
			return nil
		}
		select {
		case <-p.took:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Discover returns the facts that have come, or waits.
func (p *Participant) Discover(ctx context.Context) ([]ros.Fact, error) {
	for {
		p.d.mu.Lock()
		facts := p.facts
		p.facts = nil
		closed := p.closed
		p.d.mu.Unlock()
		if closed {
			return nil, errClosed
		}
		if len(facts) > 0 {
			return facts, nil
		}
		select {
		case <-p.learned:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// deliver queues a sample. The lock is held.
func (p *Participant) deliver(id ros.ReaderID, w ros.GUID, cdr []byte) {
	now := time.Now().UnixNano()
	p.samples = append(p.samples, ros.Sample{Reader: id, Writer: w, Source: now, Receive: now, CDR: bytes.Clone(cdr)})
	p.signal()
}

// meet returns what the writer holds for a new reader, and tells the reader's
// participant when their QoS does not match.
func (w *writer) meet(p *Participant, id ros.ReaderID, r *reader) [][]byte {
	if w.closed || w.pub.Topic != r.sub.Topic {
		return nil
	}
	if policy := mismatch(w.pub.QoS, r.sub.QoS); policy != "" {
		p.facts = append(p.facts, ros.IncompatibleFact{Reader: id, Policy: policy})
		p.signal()
		return nil
	}
	if r.sub.QoS.Durability != ros.TransientLocal {
		return nil
	}
	return w.latched
}

func mismatch(offered, asked ros.QoS) string {
	switch {
	case asked.Reliability == ros.Reliable && offered.Reliability != ros.Reliable:
		return "RELIABILITY"
	case asked.Durability == ros.TransientLocal && offered.Durability != ros.TransientLocal:
		return "DURABILITY"
	}
	return ""
}

func (w *writer) GUID() ros.GUID { return w.guid }

func (w *writer) Matched() (n int) {
	w.p.d.mu.Lock()
	defer w.p.d.mu.Unlock()
	for _, p := range w.p.d.participants {
		for _, r := range p.readers {
			if r.sub.Topic == w.pub.Topic && mismatch(w.pub.QoS, r.sub.QoS) == "" {
				n++
			}
		}
	}
	return n
}

func (w *writer) Write(cdr []byte) error {
	w.p.d.mu.Lock()
	defer w.p.d.mu.Unlock()
	if w.closed {
		return errClosed
	}
	if w.pub.QoS.Durability == ros.TransientLocal {
		w.latched = append(w.latched, bytes.Clone(cdr))
		if depth := max(w.pub.QoS.Depth, 1); len(w.latched) > depth {
			w.latched = w.latched[len(w.latched)-depth:]
		}
	}
	for _, p := range w.p.d.participants {
		for id, r := range p.readers {
			if r.sub.Topic == w.pub.Topic && mismatch(w.pub.QoS, r.sub.QoS) == "" && !r.deaf {
				p.deliver(id, w.guid, cdr)
			}
		}
	}
	return nil
}

func (w *writer) Close() error {
	w.p.d.mu.Lock()
	defer w.p.d.mu.Unlock()
	if !w.closed {
		w.closed = true
		w.p.writers = slices.DeleteFunc(w.p.writers, func(x *writer) bool { return x == w })
		w.p.d.tell(w.p, w.gone())
	}
	return nil
}

func (w *writer) fact() ros.EndpointFact {
	return endpointFact(w.guid, true, w.pub.Topic, w.pub.Type, w.pub.TypeHash, w.pub.RawName, w.pub.QoS)
}

func (w *writer) gone() ros.EndpointFact {
	return ros.EndpointFact{GUID: w.guid, Participant: w.guid.Participant(), Writer: true, Gone: true}
}

func (r *reader) fact() ros.EndpointFact {
	return endpointFact(r.guid, false, r.sub.Topic, r.sub.Type, r.sub.TypeHash, r.sub.RawName, r.sub.QoS)
}

func (r *reader) gone() ros.EndpointFact {
	return ros.EndpointFact{GUID: r.guid, Participant: r.guid.Participant(), Gone: true}
}

func endpointFact(g ros.GUID, isWriter bool, topic, typ, hash string, raw bool, q ros.QoS) ros.EndpointFact {
	f := ros.EndpointFact{GUID: g, Participant: g.Participant(), Writer: isWriter, Topic: topic, Type: ros.DDSType(typ), QoS: q}
	if !raw {
		f.Topic = ros.DDSTopic(topic)
	}
	if hash != "" {
		f.UserData = "typehash=" + hash + ";"
	}
	return f
}
