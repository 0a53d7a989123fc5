package stream

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxHz is the highest rate that a client may ask for.
const maxHz = 30

// Session is one viewer: a cursor per lane, and at most one batch of frames
// that its socket has not taken yet.
type Session struct {
	hub  *Hub
	user User
	text bool          // poses as text
	wake chan struct{} // for Next; of size 1

	mu      sync.Mutex // guards all below
	control []*Frame   // at most controlBytes
	batch   []*Frame   // offered by the tick, not yet taken
	writing bool       // the last batch was taken and is being written
	closed  bool
	sub     *subscription
	flow    flow
}

// subscription is what a session wants and how far it came.
type subscription struct {
	sid   int64
	fresh bool // not served yet
	since *since
	// eventsSince is the last event that the client has; nil asks for new ones.
	eventsSince *uint64

	// Cursors: registry versions, the last event, the last document.
	goneAt, dictAt, stateAt, poseAt uint64
	eventAt, docAt                  uint64
	docsWhole                       uint64 // up to here every document was seen
	eventGap                        bool   // events were lost that nobody can tell of
	begun                           bool   // a full state was sent
}

type since struct {
	Epoch   string  `json:"epoch"`
	Version Version `json:"version"`
}

// User is who the session belongs to.
func (s *Session) User() User { return s.user }

// Next blocks until there are frames to write and returns them in their order.
// The call says that those of the call before are written. After Close it
// returns the goodbye, then ErrClosed.
func (s *Session) Next(ctx context.Context) ([]*Frame, error) {
	s.mu.Lock()
	s.writing = false
	s.mu.Unlock()
	for {
		frames, closed := s.take()
		switch {
		case len(frames) > 0:
			s.hub.count.sent(frames)
			return frames, nil
		case closed:
			return nil, ErrClosed
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Session) take() (frames []*Frame, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frames = slices.Concat(s.control, s.batch)
	s.control, s.batch = nil, nil
	s.writing = len(frames) > 0
	return frames, s.closed
}

// Close says goodbye: Next returns what is left of the control lane and the
// goodbye. A reconnect of 0 asks the client not to come back by itself.
func (s *Session) Close(code, reason string, reconnect time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close(code, reason, reconnect)
}

func (s *Session) close(code, reason string, reconnect time.Duration) {
	if s.closed {
		return
	}
	s.closed, s.sub, s.batch = true, nil, nil
	s.control = append(s.control, textFrame(LaneControl, goodbyeMessage{
		Op: "goodbye", Code: code, Reason: reason, ReconnectMS: reconnect.Milliseconds(),
	}))
	s.signal()
}

// Leave takes the session out of the hub, once its socket is gone.
func (s *Session) Leave() {
	s.hub.leave(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.sub, s.batch, s.control = true, nil, nil, nil
	s.signal()
}

// say queues a control message. A client that asks more than it reads is
// closed. The caller holds mu, but for the first message.
func (s *Session) say(message any) {
	if s.closed {
		return
	}
	f := textFrame(LaneControl, message)
	if size(s.control)+len(f.Data) > controlBytes {
		s.hub.count.drop(DropOverflow, 1)
		s.close(GoodbyeOverflow, "more was asked than read", 5*time.Second)
		return
	}
	s.control = append(s.control, f)
	s.signal()
}

func (s *Session) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// serve offers the session the frames of a tick.
func (s *Session) serve(now time.Time, tick uint64, f *frames, docs []document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sub == nil {
		return
	}
	due := s.flow.due(tick) || s.sub.fresh
	s.begin(f)
	if s.flow.waiting(now) > closeAfter {
		s.hub.count.drop(DropTooSlow, 1)
		s.close(GoodbyeTooSlow, "nothing was acknowledged for "+closeAfter.String(), 5*time.Second)
		return
	}
	idle := !s.writing && s.batch == nil
	if due && s.sub != nil {
		s.pace(now, idle, s.sub.poseAt < f.table.version)
	}
	if !idle || s.sub == nil { // saying something may have closed it
		return
	}
	b := batch{room: batchBytes}
	s.addEvents(&b, f)
	s.addDocuments(&b, docs)
	if due {
		s.addState(&b, f)
		s.addPose(&b, f)
	}
	if len(b.frames) > 0 {
		s.batch = b.frames
		s.signal()
	}
}

// begin starts a fresh subscription, or begins it anew when it cannot be told
// what was deregistered since its cursor.
func (s *Session) begin(f *frames) {
	sub, t := s.sub, f.table
	switch {
	case sub.fresh:
		sub.fresh = false
		resume := sub.since != nil && sub.since.Epoch == s.hub.reg.Epoch() &&
			uint64(sub.since.Version) >= t.goneFloor && uint64(sub.since.Version) <= t.version
		sub.eventAt = f.last
		if sub.eventsSince != nil {
			sub.eventAt = *sub.eventsSince
			// Numbers of another epoch, or beyond the newest, mean other events.
			if sub.eventAt > f.last || sub.since != nil && sub.since.Epoch != s.hub.reg.Epoch() {
				sub.eventAt, sub.eventGap = 0, true
			}
		}
		v := uint64(0)
		if resume {
			v = uint64(sub.since.Version)
		}
		s.goOnFrom(v, t)
	case sub.goneAt < t.goneFloor:
		s.goOnFrom(0, t)
	}
}

func (s *Session) goOnFrom(v uint64, t *table) {
	sub := s.sub
	sub.goneAt, sub.dictAt, sub.stateAt, sub.poseAt, sub.begun = v, v, v, v, v > 0
	if v == 0 {
		sub.goneAt = t.version // who starts anew need not hear of those who left
	}
	s.say(subscribedMessage{Op: "subscribed", SID: sub.sid, View: ViewFleet, Version: Version(v)})
}

// pace adapts the rate to what the socket and the client take.
func (s *Session) pace(now time.Time, idle, news bool) {
	missed := false
	switch {
	case !news:
	case !idle:
		missed = true
		s.hub.count.drop(DropBusy, 1)
	case s.flow.spent():
		missed = true
		s.hub.count.drop(DropCredits, 1)
	}
	if reason := s.flow.judge(now, missed); reason != "" {
		s.say(rateMessage{Op: "rate", Hz: s.flow.hz(), Reason: reason})
	}
}

// batch is what a session gets at one tick.
type batch struct {
	frames []*Frame
	room   int // bytes; once used up, the lower lanes wait for the next tick
}

func (b *batch) add(f *Frame) {
	b.frames = append(b.frames, f)
	b.room -= len(f.Data)
}

func (s *Session) addEvents(b *batch, f *frames) {
	e := f.event(s.sub.eventAt, s.sub.eventGap)
	if e.frame == nil {
		return
	}
	b.add(e.frame)
	s.sub.eventAt, s.sub.eventGap = e.to, false
	s.hub.count.drop(DropEvents, e.lost)
}

func (s *Session) addDocuments(b *batch, docs []document) {
	for _, d := range after(docs, s.sub.docAt) {
		if b.room <= 0 {
			return
		}
		b.add(d.frameFor(s.sub.docsWhole))
		s.sub.docAt = d.seq
	}
	s.sub.docsWhole = s.sub.docAt
}

func (s *Session) addState(b *batch, f *frames) {
	sub := s.sub
	if b.room <= 0 {
		return
	}
	if g := f.goneSince(sub.goneAt); g != nil {
		b.add(g)
	}
	sub.goneAt = f.table.version
	for sub.dictAt < f.table.version && b.room > 0 {
		d := f.dict(sub.dictAt)
		if d.frame != nil {
			b.add(d.frame)
		}
		sub.dictAt = d.to
	}
	// A state may go out only for handles that are known by now.
	for sub.dictAt == f.table.version && b.room > 0 && (sub.stateAt < f.table.version || !sub.begun) {
		p := f.state(sub.stateAt)
		if p.frame == nil {
			return
		}
		b.add(p.frame)
		sub.stateAt, sub.begun = p.to, true
	}
}

func (s *Session) addPose(b *batch, f *frames) {
	sub, version := s.sub, f.table.version
	if b.room <= 0 || s.flow.spent() || sub.dictAt < version || sub.poseAt == version {
		return
	}
	p := f.pose(sub.poseAt, s.text)
	if p == nil {
		return
	}
	b.add(p)
	sub.poseAt = version
	s.flow.sent(version, f.now)
}
