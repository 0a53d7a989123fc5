//go:build rclgo

package rcl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tiiuae/rclgo/pkg/rclgo"

	"github.com/muster-fleet/muster/cmd/muster-rclgo/rclerror"
	"github.com/muster-fleet/muster/internal/ros"
)

// reader is one subscription. Its group alone takes from it and closes it.
type reader struct {
	t     *Transport
	id    ros.ReaderID
	topic string
	qos   ros.QoS
	sub   *rclgo.Subscription // nil once closed; guarded by t's entities but in the group
	bad   uint64              // owned by the group's goroutine
}

// Subscribe opens a reader. A raw name but InfoTopic's cannot be read through
// rcl; InfoTopic's reader never gives a sample, since the RMW reads that topic
// itself and Discover tells of the nodes.
func (t *Transport) Subscribe(s ros.Subscription) (ros.ReaderID, error) {
	leave, err := t.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	if s.RawName {
		if s.Topic != ros.InfoTopic {
			return 0, fmt.Errorf("subscribe to %s: rcl knows no raw names", s.Topic)
		}
		return t.keep(nil), nil
	}
	r := &reader{t: t, topic: s.Topic, qos: s.QoS}
	typ, err := support(s.Type)
	if err == nil {
		t.entities.Lock()
		r.sub, err = t.node.NewSubscription(s.Topic, typ, &rclgo.SubscriptionOptions{Qos: toRCL(s.QoS)}, nil)
		t.entities.Unlock()
	}
	if err != nil {
		return 0, fmt.Errorf("subscribe to %s: %w", s.Topic, rclerror.Clean(err))
	}
	id := t.keep(r)
	if err := t.groups.Add(r); err != nil {
		t.forget(id)
		_ = r.Close()
		return 0, ErrClosed
	}
	return id, nil
}

// keep gives the reader an id.
func (t *Transport) keep(r *reader) ros.ReaderID {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	if r != nil {
		r.id = t.next
	}
	t.readers[t.next] = r
	return t.next
}

// forget takes a reader out.
func (t *Transport) forget(id ros.ReaderID) (r *reader, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, known = t.readers[id]
	delete(t.readers, id)
	return r, known
}

// Unsubscribe closes a reader. It waits until the reader's wait set has stopped.
func (t *Transport) Unsubscribe(id ros.ReaderID) error {
	leave, err := t.enter()
	if err != nil {
		return err
	}
	defer leave()
	r, known := t.forget(id)
	switch {
	case !known:
		return fmt.Errorf("unsubscribe: there is no reader %d", id)
	case r == nil: // InfoTopic's
		return nil
	}
	if err := t.groups.Remove(r); err != nil {
		return fmt.Errorf("unsubscribe from %s: %w", r.topic, err)
	}
	return nil
}

// Close closes the subscription; its group calls it.
func (r *reader) Close() error {
	r.t.entities.Lock()
	defer r.t.entities.Unlock()
	err := r.sub.Close()
	r.sub = nil
	return rclerror.Clean(err)
}

// Reader tells of an open reader, but for its GUID, which rclgo does not tell.
func (t *Transport) Reader(id ros.ReaderID) (ros.ReaderState, bool) {
	leave, err := t.enter()
	if err != nil {
		return ros.ReaderState{}, false
	}
	defer leave()
	t.mu.Lock()
	r, known := t.readers[id]
	t.mu.Unlock()
	if !known || r == nil {
		return ros.ReaderState{Matched: -1}, known
	}
	t.entities.Lock()
	defer t.entities.Unlock()
	if r.sub == nil { // closed just now
		return ros.ReaderState{}, false
	}
	n, err := r.sub.GetPublisherCount()
	if err != nil {
		n = -1
	}
	return ros.ReaderState{Matched: n}, true
}

// wait runs a wait set of the readers until ctx ends.
func (t *Transport) wait(ctx context.Context, readers []*reader) (err error) {
	set, err := t.context.NewWaitSet()
	if err != nil {
		return fmt.Errorf("make a wait set: %w", rclerror.Clean(err))
	}
	defer func() { err = errors.Join(err, rclerror.Clean(set.Close())) }()
	for _, r := range readers {
		r.sub.Callback = func(*rclgo.Subscription) { r.take(ctx) }
		set.AddSubscriptions(r.sub)
	}
	return rclerror.Clean(set.Run(ctx))
}

// take moves one sample to the queue: a wait set wakes again while there are
// more. Without room the sample stays where it is.
func (r *reader) take(ctx context.Context) {
	if r.t.queue.Room(ctx) != nil {
		return
	}
	cdr, info, err := r.sub.TakeSerializedMessage()
	var nothing *rclgo.SubscriptionTakeFailed
	switch {
	case errors.As(err, &nothing):
		return // woken for a sample that the history has dropped since
	case err != nil:
		r.refuse(err)
		return
	case len(cdr) < 4:
		r.refuse(fmt.Errorf("%d bytes hold no CDR", len(cdr)))
		return
	}
	r.t.queue.Push(ros.Sample{
		Reader: r.id, Source: info.SourceTimestamp.UnixNano(), Receive: time.Now().UnixNano(), CDR: cdr,
	})
}

// refuse counts a sample that could not be taken, and logs the first and then
// each thousandth.
func (r *reader) refuse(err error) {
	r.t.refused.Add(1)
	if r.bad++; r.bad%1000 == 1 {
		r.t.log.Warn("take a sample", "topic", r.topic, "count", r.bad, "err", rclerror.Clean(err))
	}
}

// Take fills the batch with at least one sample. rclgo does not tell whose it is:
// Writer is zero.
func (t *Transport) Take(ctx context.Context, b *ros.Batch) error { return t.queue.Take(ctx, b) }
