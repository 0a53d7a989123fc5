//go:build rclgo

package rcl

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tiiuae/rclgo/pkg/rclgo"

	"github.com/muster-fleet/muster/cmd/muster-rclgo/rclerror"
	"github.com/muster-fleet/muster/internal/ros"
)

// ownWait is how long an RMW may take to tell of our own writer.
const (
	ownWait = 2 * time.Second
	ownLook = 2 * time.Millisecond
)

// writer is a ros.Writer. It must be closed before its Transport, or with it.
type writer struct {
	t     *Transport
	topic string
	guid  ros.GUID

	mu  sync.Mutex
	pub *rclgo.Publisher // guarded by mu; nil once closed
}

// Advertise opens a writer. A raw name but InfoTopic's cannot be written through
// rcl; what is written to InfoTopic goes nowhere, since the RMW tells of our node
// itself.
func (t *Transport) Advertise(p ros.Publication) (ros.Writer, error) {
	leave, err := t.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	if p.RawName {
		if p.Topic != ros.InfoTopic {
			return nil, fmt.Errorf("advertise %s: rcl knows no raw names", p.Topic)
		}
		return silent{t.guid}, nil
	}
	w, err := t.advertise(p)
	if err != nil {
		return nil, fmt.Errorf("advertise %s: %w", p.Topic, rclerror.Clean(err))
	}
	return w, nil
}

func (t *Transport) advertise(p ros.Publication) (*writer, error) {
	typ, err := support(p.Type)
	if err != nil {
		return nil, err
	}
	t.entities.Lock() // one after the other, so that a new GUID on the topic is this one's
	defer t.entities.Unlock()
	before, err := t.node.GetPublishersInfoByTopic(p.Topic, true)
	if err != nil {
		return nil, err
	}
	pub, err := t.node.NewPublisher(p.Topic, typ, &rclgo.PublisherOptions{Qos: toRCL(p.QoS)})
	if err != nil {
		return nil, err
	}
	w := &writer{t: t, topic: p.Topic, pub: pub}
	if w.guid, err = t.newest(p.Topic, before); err != nil {
		return nil, errors.Join(err, pub.Close())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writers[w] = true
	return w, nil
}

// newest finds the GUID of the writer that was just made on a topic, which rclgo
// does not tell: the one of our participant that was not there before.
func (t *Transport) newest(topic string, before []rclgo.TopicEndpointInfo) (ros.GUID, error) {
	look := time.NewTicker(ownLook)
	defer look.Stop()
	end := time.NewTimer(ownWait)
	defer end.Stop()
	for {
		all, err := t.node.GetPublishersInfoByTopic(topic, true)
		if err != nil {
			return ros.GUID{}, err
		}
		for _, e := range all {
			g := guid(e.EndpointGID)
			old := slices.ContainsFunc(before, func(b rclgo.TopicEndpointInfo) bool { return b.EndpointGID == e.EndpointGID })
			if !old && !g.IsZero() && (t.guid.IsZero() || g.Participant() == t.guid) {
				return g, nil
			}
		}
		select {
		case <-look.C:
		case <-end.C:
			return ros.GUID{}, fmt.Errorf("the RMW has not told of our own writer within %v", ownWait)
		}
	}
}

// introduce finds our participant by a writer on a topic that nobody else has.
func (t *Transport) introduce() error {
	typ, err := support("rcl_interfaces/msg/Log") // rcl itself needs its package
	if err != nil {
		return err
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	topic := "/_muster/p" + hex.EncodeToString(id[:])
	pub, err := t.node.NewPublisher(topic, typ, nil)
	if err != nil {
		return err
	}
	g, err := t.newest(topic, nil)
	t.guid = g.Participant()
	return errors.Join(err, pub.Close())
}

// guid is the DDS GUID in an RMW's GID, which both DDS vendors put first.
func guid(g rclgo.GID) ros.GUID { return ros.GUID(g[:16]) }

func (w *writer) GUID() ros.GUID { return w.guid }

func (w *writer) Write(cdr []byte) error {
	leave, err := w.t.enter()
	if err != nil {
		return err
	}
	defer leave()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.pub == nil:
		return fmt.Errorf("write %s: the writer is closed", w.topic)
	case len(cdr) < 4:
		return fmt.Errorf("write %s: %d bytes hold no CDR", w.topic, len(cdr))
	}
	if err := w.pub.PublishSerialized(cdr); err != nil {
		return fmt.Errorf("write %s: %w", w.topic, rclerror.Clean(err))
	}
	return nil
}

// Matched counts the readers that it writes to.
func (w *writer) Matched() int {
	leave, err := w.t.enter()
	if err != nil {
		return 0
	}
	defer leave()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pub == nil {
		return 0
	}
	n, err := w.pub.GetSubscriptionCount()
	if err != nil {
		return -1
	}
	return n
}

func (w *writer) Close() error {
	leave, err := w.t.enter()
	if errors.Is(err, ErrClosed) {
		return nil // the transport takes it along
	}
	defer leave()
	w.t.mu.Lock()
	delete(w.t.writers, w)
	w.t.mu.Unlock()
	return w.close()
}

func (w *writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pub == nil {
		return nil
	}
	w.t.entities.Lock()
	defer w.t.entities.Unlock()
	err := w.pub.Close()
	w.pub = nil
	if err != nil {
		return fmt.Errorf("close the writer of %s: %w", w.topic, rclerror.Clean(err))
	}
	return nil
}

// silent is the writer of InfoTopic.
type silent struct{ participant ros.GUID }

func (silent) Write([]byte) error { return nil }
func (silent) Close() error       { return nil }
func (silent) Matched() int       { return -1 }
func (s silent) GUID() ros.GUID   { return s.participant }
