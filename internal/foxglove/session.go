package foxglove

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/msgs"
)

// session is one client of one robot.
type session struct {
	source Source
	types  *msgs.Library
	robot  string
	log    *slog.Logger
	conn   *websocket.Conn
	ctx    context.Context //nolint:containedctx // of the request; it ends the subscriptions

	control chan any    // messages, bounded
	data    chan []byte // samples, bounded

	pumps sync.WaitGroup
	asked map[kind]time.Time // owned by follow; types that nobody had told by then

	mu      sync.Mutex
	next    uint32                   // guarded by mu; id of the next channel
	byTopic map[string]channel       // guarded by mu; as advertised
	domain  int                      // guarded by mu
	subs    map[uint32]*subscription // guarded by mu
	dropped uint64                   // guarded by mu; samples that the client was too slow for
}

type subscription struct {
	channel uint32
	stop    context.CancelFunc // the pump closes its stream
}

var errGone = errors.New("the robot has been taken out of the fleet")

// send queues a message. A client that does not read is closed by the writer's
// deadline; until then further messages are of no use to it.
func (t *session) send(message any) {
	select {
	case t.control <- message:
	default:
		_ = t.conn.Close() // the reader notices
	}
}

// offer queues a sample in the place of the oldest when the queue is full.
func (t *session) offer(sample []byte) {
	for {
		select {
		case t.data <- sample:
			return
		default:
		}
		select {
		case <-t.data:
			t.mu.Lock()
			t.dropped++
			t.mu.Unlock()
		default:
		}
	}
}

// write is the socket's one writer: messages before samples.
func (t *session) write(ctx context.Context) error {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var err error
		select {
		case m := <-t.control:
			err = t.writeMessage(m)
		default:
			select {
			case <-ctx.Done():
				_ = t.conn.WriteControl(websocket.CloseMessage,
					websocket.FormatCloseMessage(websocket.CloseGoingAway, "the server ends the session"), time.Now().Add(time.Second))
				return ctx.Err()
			case m := <-t.control:
				err = t.writeMessage(m)
			case b := <-t.data:
				if err = t.conn.SetWriteDeadline(time.Now().Add(writeTime)); err == nil {
					err = t.conn.WriteMessage(websocket.BinaryMessage, b)
				}
			case <-ping.C:
				err = t.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTime))
			}
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
}

func (t *session) writeMessage(m any) error {
	if err := t.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	return t.conn.WriteJSON(m)
}

// follow advertises the robot's topics as they come and go.
func (t *session) follow(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		r, known := t.source.Robot(t.robot)
		if !known {
			return errGone
		}
		t.learn(ctx, r.Domain, t.look(r))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// shared are the topics of a domain that are offered with each robot: its
// transforms and its map may be there rather than in its namespace.
var shared = []string{"/tf", "/tf_static", "/map"}

// kind is what decides a channel's schema.
type kind struct {
	typ, hash string
	known     bool // there is a definition
}

func (t *session) kind(typ, hash string) kind {
	_, err := t.types.Find(typ, hash)
	return kind{typ, hash, err == nil}
}

// offered are the topics that a client may read.
func (t *session) offered(r fleet.Robot) map[string]kind {
	topics := make(map[string]kind)
	for _, name := range shared {
		if typ, hash, ok := t.source.PublishedType(r.Domain, name); ok {
			topics[name] = t.kind(typ, hash)
		}
	}
	for _, topic := range r.Topics {
		if topic.Publishers > 0 {
			_, hash, _ := t.source.PublishedType(r.Domain, topic.Name)
			topics[topic.Name] = t.kind(topic.Type, hash)
		}
	}
	return topics
}

// look advertises what has come and takes back what has gone. It returns the topics.
func (t *session) look(r fleet.Robot) map[string]kind {
	topics := t.offered(r)
	t.mu.Lock()
	t.domain = r.Domain
	var gone []uint32
	for name, c := range t.byTopic {
		if k, there := topics[name]; !there || k != c.kind {
			gone = append(gone, c.ID)
			delete(t.byTopic, name)
		}
	}
	t.cancel(gone)
	var fresh []channel
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		if _, known := t.byTopic[name]; known {
			continue
		}
		t.next++
		c := t.describe(t.next, name, topics[name])
		t.byTopic[name] = c
		fresh = append(fresh, c)
	}
	t.mu.Unlock()
	if len(gone) > 0 {
		t.send(unadvertise{Op: "unadvertise", ChannelIDs: gone})
	}
	if len(fresh) > 0 {
		t.send(advertise{Op: "advertise", Channels: fresh})
	}
	return topics
}

// cancel ends the subscriptions to channels that have gone; mu is held.
func (t *session) cancel(channels []uint32) {
	for id, s := range t.subs {
		if slices.Contains(channels, s.channel) {
			s.stop()
			delete(t.subs, id)
		}
	}
}

// learn asks the nodes of topics without a schema for it; a channel whose schema is
// there is advertised anew at the next look.
func (t *session) learn(ctx context.Context, domain int, topics map[string]kind) {
	for topic, k := range topics {
		if k.known || k.hash == "" || time.Since(t.asked[k]) < askAgain || ctx.Err() != nil {
			continue
		}
		t.asked[k] = time.Now()
		typ, err := t.source.TellType(ctx, domain, topic, k.typ, k.hash)
		if err != nil {
			t.log.Debug("a type is not told", "topic", topic, "err", err)
			continue
		}
		t.types.Learn(typ)
	}
}

// describe is a topic's channel. One whose type we have no definition of gets an
// empty schema: clients list it and show its raw bytes, and the rest works on.
func (t *session) describe(id uint32, topic string, k kind) channel {
	c := channel{ID: id, Topic: topic, Encoding: "cdr", SchemaName: k.typ, SchemaEncoding: "ros2msg", kind: k}
	if found, err := t.types.Find(k.typ, k.hash); err == nil {
		c.Schema = found[0].Text
	} else {
		t.log.Debug("a topic is offered without a schema", "topic", topic, "err", err)
	}
	return c
}

// read takes the client's messages until it leaves.
func (t *session) read() error {
	t.conn.SetReadLimit(readLimit)
	alive := func(string) error { return t.conn.SetReadDeadline(time.Now().Add(pongTime)) }
	t.conn.SetPongHandler(alive)
	for {
		if err := alive(""); err != nil {
			return err
		}
		if t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		kind, text, err := t.conn.ReadMessage()
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if kind == websocket.BinaryMessage {
			t.refuse("publishing and calling services is not allowed here: the connection is read-only")
			continue
		}
		r, err := parse(text)
		if err != nil {
			t.refuse(err.Error())
			continue
		}
		t.answer(r)
	}
}

func (t *session) refuse(why string) { t.send(status{Op: "status", Level: levelError, Message: why}) }

func (t *session) answer(r request) {
	switch r.Op {
	case "subscribe":
		for _, s := range r.Subscriptions {
			if err := t.subscribe(s.ID, s.ChannelID); err != nil {
				t.refuse(err.Error())
			}
		}
	case "unsubscribe":
		for _, id := range r.SubscriptionIDs {
			t.unsubscribe(id)
		}
	case "getParameters": // Lichtblick asks every 15 s, whatever the capabilities
		t.send(parameterValues{Op: "parameterValues", Parameters: []struct{}{}, ID: r.ID})
	case "advertise", "setParameters":
		t.refuse(r.Op + " is not allowed here: the connection is read-only")
	case "unadvertise", "subscribeParameterUpdates", "unsubscribeParameterUpdates", "subscribeConnectionGraph", "unsubscribeConnectionGraph":
	default:
		t.send(status{Op: "status", Level: levelWarning, Message: fmt.Sprintf("the op %q is not served here", r.Op)})
	}
}

func (t *session) subscribe(id, channelID uint32) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.subs[id]; taken {
		return fmt.Errorf("subscribe: the subscription id %d is in use", id)
	}
	if len(t.subs) >= maxSubs {
		return fmt.Errorf("subscribe: more than %d subscriptions", maxSubs)
	}
	topic := ""
	for name, c := range t.byTopic {
		if c.ID == channelID {
			topic = name
		}
	}
	if topic == "" {
		return fmt.Errorf("subscribe: there is no channel %d", channelID)
	}
	bound := topicQueue
	if name := path.Base(topic); name == "tf" || name == "tf_static" {
		bound = tfQueue
	}
	stream, err := t.source.Open(t.domain, topic, bound)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	ctx, stop := context.WithCancel(t.ctx)
	t.subs[id] = &subscription{channelID, stop}
	t.pumps.Go(func() {
		defer stream.Close()
		for {
			select {
			case <-ctx.Done():
				return
			case s, ok := <-stream.C():
				if !ok {
					return
				}
				t.offer(frame(id, s))
			}
		}
	})
	return nil
}

func (t *session) unsubscribe(id uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.subs[id]; s != nil {
		s.stop()
		delete(t.subs, id)
	}
}

// end stops all subscriptions and waits for them.
func (t *session) end() {
	t.mu.Lock()
	for _, s := range t.subs {
		s.stop()
	}
	t.mu.Unlock()
	t.pumps.Wait()
}
