package ros

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/muster-fleet/muster/msgs"
)

// Errors of Call and Publish.
var (
	ErrNoServer      = errors.New("no server offers this service")
	ErrNoSubscriber  = errors.New("nobody subscribes to this topic")
	ErrForeignServer = errors.New("its server runs on another DDS implementation, whose services Cyclone DDS cannot call " +
		"(rmw_cyclonedds and rmw_fastrtps identify requests in different ways); run the node with rmw_cyclonedds_cpp")
	ErrNoServices   = errors.New("this transport calls no services")
	ErrTooManyCalls = errors.New("too many services are being called")
)

// serviceQoS is that of every ROS 2 service (rmw_qos_profile_services_default).
var serviceQoS = QoS{Reliability: Reliable, Durability: Volatile, History: KeepLast, Depth: 10, Liveliness: Automatic}

const (
	maxCalls = 64
	// matchPoll is how often a call asks whether it has met the server.
	matchPoll = 5 * time.Millisecond
	// settleTime lets the server meet the reader of our replies: matching is told to
	// both sides by the same exchange, and it only has to arrive there, too.
	settleTime = 50 * time.Millisecond
)

// pendingCall waits for one reply.
type pendingCall struct {
	client uint64
	reply  chan []byte // of size 1
	w      Writer      // of the request; guarded by the Follower's mu, nil at first
}

// vendorCyclone is the beginning of a GUID that Cyclone DDS made (RTPS vendor ids;
// 01 0f is Fast DDS).
var vendorCyclone = []byte{0x01, 0x10}

// Call sends a request to a service and waits for its reply, both as CDR samples
// with their encapsulation header. typ is like "std_srvs/srv/Trigger". It works
// with servers on Cyclone DDS alone: see ErrForeignServer. A request whose reply
// is lost may have been carried out.
func (f *Follower) Call(ctx context.Context, service, typ string, request []byte) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("call %s: %w", service, err) }
	if len(request) < 4 {
		return fail(errors.New("the request is no CDR sample"))
	}
	if err := f.CanCall(); err != nil {
		return fail(err)
	}
	hash, err := f.checkServer(service, typ)
	if err != nil {
		return fail(err)
	}
	hash = cmp.Or(serviceHash(typ), hash)
	id, call, err := f.openCall(service, typ, hash)
	if err != nil {
		return fail(err)
	}
	defer f.closeCall(id)
	w, err := f.transport.Advertise(Publication{
		Topic: "rq" + service + "Request", Type: typ + "_Request", TypeHash: hash, RawName: true, QoS: serviceQoS,
	})
	if err != nil {
		return fail(err)
	}
	defer func() { _ = w.Close() }()
	f.mu.Lock()
	call.w = w
	f.changes++
	f.mu.Unlock()
	met := func() bool {
		r, ok := f.transport.Reader(id)
		return ok && r.Matched != 0 && w.Matched() != 0
	}
	if err := poll(ctx, met); err != nil {
		return fail(fmt.Errorf("meet its server: %w", err))
	}
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fail(ctx.Err())
	case <-timer.C:
	}
	if err := w.Write(withHeader(request, call.client, 1)); err != nil {
		return fail(err)
	}
	select {
	case <-ctx.Done():
		return fail(fmt.Errorf("no reply: %w", ctx.Err()))
	case reply := <-call.reply:
		return reply, nil
	}
}

// CanCall gives ErrNoServices, with the reason, where the transport calls none.
func (f *Follower) CanCall() error {
	if t, ok := f.transport.(Serviceless); ok {
		return fmt.Errorf("%w: %s", ErrNoServices, t.NoServices())
	}
	return nil
}

// checkServer finds the service in the graph, and refuses what cannot work. It
// returns the type hash that the server tells.
func (f *Follower) checkServer(service, typ string) (hash string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.graph.endpoints {
		if !e.Writer || e.Kind != KindReply || e.Name != service {
			continue
		}
		if e.Type != typ+"_Response" {
			return "", fmt.Errorf("its type is %s, not %s", strings.TrimSuffix(e.Type, "_Response"), typ)
		}
		if !bytes.HasPrefix(e.GUID[:], vendorCyclone) {
			return "", ErrForeignServer
		}
		return e.TypeHash, nil
	}
	return "", ErrNoServer
}

// ServiceType is the type of a service that a server offers.
func (f *Follower) ServiceType(service string) (string, bool) {
	typ, _, ok := f.OfferedService(service)
	return typ, ok
}

func (f *Follower) openCall(service, typ, hash string) (ReaderID, *pendingCall, error) {
	var b [8]byte
	_, _ = rand.Read(b[:])
	call := &pendingCall{client: binary.LittleEndian.Uint64(b[:]), reply: make(chan []byte, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.calls) >= maxCalls {
		return 0, nil, ErrTooManyCalls
	}
	id, err := f.transport.Subscribe(Subscription{
		Topic: "rr" + service + "Reply", Type: typ + "_Response", TypeHash: hash, RawName: true, QoS: serviceQoS, Commands: true,
	})
	if err != nil {
		return 0, nil, err
	}
	f.calls[id] = call
	f.changes++
	return id, call, nil
}

func (f *Follower) closeCall(id ReaderID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.calls, id)
	f.changes++
	if err := f.transport.Unsubscribe(id); err != nil {
		f.log.Debug("close the reader of a service", "err", err)
	}
}

// replied gives a reply to its call. mu is held.
func (f *Follower) replied(c *pendingCall, s Sample) {
	client, body, ok := withoutHeader(s.CDR)
	if !ok || client != c.client {
		return // for another client of the service
	}
	select {
	case c.reply <- body:
	default: // answered already
	}
}

// The header that rmw_cyclonedds puts between the encapsulation and the body of
// requests and replies: the client's id and the request's number.
const (
	encapsulation = 4
	serviceHeader = 16
)

func withHeader(sample []byte, client uint64, seq int64) []byte {
	out := make([]byte, 0, len(sample)+serviceHeader)
	out = append(out, sample[:encapsulation]...)
	order := byteOrder(sample)
	out = order.AppendUint64(out, client)
	out = order.AppendUint64(out, uint64(seq))
	return append(out, sample[encapsulation:]...)
}

func withoutHeader(sample []byte) (client uint64, body []byte, ok bool) {
	if len(sample) < encapsulation+serviceHeader {
		return 0, nil, false
	}
	client = byteOrder(sample).Uint64(sample[encapsulation:])
	body = append(body, sample[:encapsulation]...)
	return client, append(body, sample[encapsulation+serviceHeader:]...), true
}

type appendOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func byteOrder(sample []byte) appendOrder {
	if sample[1]&1 == 0 {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// serviceHash is the RIHS01 hash of a service's type, where we know it.
func serviceHash(typ string) string {
	s, _ := msgs.LookupService(typ)
	return s.Hash
}

// poll waits until ok, or for ctx.
func poll(ctx context.Context, ok func() bool) error {
	tick := time.NewTicker(matchPoll)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// publisher is a writer that is kept for a while after its last sample: what it
// wrote has to reach its readers, and more may follow.
type publisher struct {
	w    Writer
	used time.Time
}

const (
	maxPublishers   = 64
	publisherLinger = 30 * time.Second
)

// Publish writes one sample to a topic as soon as somebody subscribes to it, and
// gives up with ctx.
func (f *Follower) Publish(ctx context.Context, topic, typ string, sample []byte) error {
	fail := func(err error) error { return fmt.Errorf("publish to %s: %w", topic, err) }
	if !ValidName(topic) {
		return fail(errors.New("it is no absolute topic name"))
	}
	w, err := f.publisher(time.Now(), topic, typ)
	if err != nil {
		return fail(err)
	}
	if poll(ctx, func() bool { return w.Matched() != 0 }) != nil {
		return fail(ErrNoSubscriber)
	}
	if err := w.Write(sample); err != nil {
		return fail(err)
	}
	return nil
}

func (f *Follower) publisher(now time.Time, topic, typ string) (Writer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := topic + " " + typ
	if p := f.publishers[key]; p != nil {
		p.used = now
		return p.w, nil
	}
	if len(f.publishers) >= maxPublishers {
		return nil, fmt.Errorf("%d topics are being published to already", maxPublishers)
	}
	hash := typeHash(typ)
	if hash == "" {
		hash = f.heardHash(topic, typ)
	}
	w, err := f.transport.Advertise(Publication{
		Topic: topic, Type: typ, TypeHash: hash,
		QoS: QoS{Reliability: Reliable, Durability: Volatile, History: KeepLast, Depth: 10, Liveliness: Automatic},
	})
	if err != nil {
		return nil, err
	}
	f.publishers[key] = &publisher{w, now}
	f.changes++
	return w, nil
}

// heardHash is the type hash that an endpoint of the topic tells. mu is held.
func (f *Follower) heardHash(topic, typ string) string {
	for _, e := range f.graph.endpoints {
		if e.Kind == KindTopic && e.Name == topic && e.Type == typ && e.TypeHash != "" {
			return e.TypeHash
		}
	}
	return ""
}

// closePublishers closes those that were not used for a while. mu is held.
func (f *Follower) closePublishers(unusedSince time.Time) {
	for key, p := range f.publishers {
		if !p.used.After(unusedSince) {
			delete(f.publishers, key)
			f.changes++
			if err := p.w.Close(); err != nil {
				f.log.Debug("close a publisher", "err", err)
			}
		}
	}
}
