package stream

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// Reasons for a goodbye.
const (
	GoodbyeShutdown    = "shutdown"     // the server stops; reconnect
	GoodbyeTooSlow     = "too-slow"     // nothing acknowledged for 30 s
	GoodbyeOverflow    = "overflow"     // asked more than it read
	GoodbyeRoleChanged = "role-changed" // the user's role was changed or taken away
)

// Errors of Open and Next.
var (
	ErrFull   = errors.New("too many streams are open")
	ErrClosed = errors.New("the stream is closed")
)

// Options configure a Hub.
type Options struct {
	Version     string           // of the server, told in hello
	Interval    time.Duration    // between ticks; 100 ms when 0
	Ticks       <-chan time.Time // a ticker with that interval
	MaxSessions int              // 1,000 when 0
}

// Hub brings one registry to all sessions. Create it with NewHub and run Run.
type Hub struct {
	reg   *fleet.Registry
	opt   Options
	docs  documents
	count counters

	// Owned by Run.
	table   *table
	frames  *frames
	engines []fleet.Engine
	tick    uint64

	mu       sync.Mutex
	sessions map[*Session]struct{} // guarded by mu
	ended    bool                  // guarded by mu; no more sessions
}

// NewHub makes a hub over a registry.
func NewHub(reg *fleet.Registry, opt Options) *Hub {
	if opt.Interval <= 0 {
		opt.Interval = 100 * time.Millisecond
	}
	if opt.MaxSessions <= 0 {
		opt.MaxSessions = 1000
	}
	h := &Hub{reg: reg, opt: opt, table: newTable(), sessions: make(map[*Session]struct{})}
	h.frames = newFrames(h.table, reg.Journal(), &h.count)
	return h
}

// Run serves the sessions until ctx ends, then says goodbye to them all.
func (h *Hub) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			h.mu.Lock()
			h.ended = true
			h.mu.Unlock()
			h.CloseSessions(func(User) bool { return true }, GoodbyeShutdown, "the server stops", time.Second)
			return nil
		case now := <-h.opt.Ticks:
			h.serve(now)
		}
	}
}

// serve is one tick.
func (h *Hub) serve(now time.Time) {
	h.tick++
	h.table.fold(h.reg)
	h.count.robots.Store(int64(len(h.table.rows)))
	h.foldEngines()
	h.frames.begin(now)
	docs := h.docs.all()
	for _, s := range h.open() {
		s.serve(now, h.tick, h.frames, docs)
	}
}

// foldEngines makes a document of the engines when one changed. When they were
// last heard of is no change.
func (h *Hub) foldEngines() {
	engines := h.reg.Engines()
	same := slices.EqualFunc(engines, h.engines, func(a, b fleet.Engine) bool {
		a.LastSeen, b.LastSeen = time.Time{}, time.Time{}
		return a == b
	})
	if same && h.engines != nil {
		return
	}
	h.engines = engines
	h.Put("engines", encode(enginesMessage{Op: "engines", Engines: engines}), nil)
}

// Put shows every session the newest form of a message, a JSON object with an
// op. delta, when not nil, is for the sessions that got the form before. It may
// be called from any goroutine; the bytes belong to the hub then.
func (h *Hub) Put(key string, full, delta []byte) { h.docs.put(key, full, delta) }

// Drop takes a message back from sessions to come.
func (h *Hub) Drop(key string) { h.docs.drop(key) }

// Open adds a session. text asks for poses as text. The caller runs Next in one
// goroutine, Receive in one, and Leave at the end.
func (h *Hub) Open(now time.Time, user User, text bool) (*Session, error) {
	var id [8]byte
	_, _ = rand.Read(id[:])
	s := &Session{
		hub: h, user: user, text: text, wake: make(chan struct{}, 1),
		flow: flow{tickHz: float64(time.Second) / float64(h.opt.Interval), maxHz: maxHz},
	}
	s.say(helloMessage{
		Op: "hello", Server: "muster", Version: h.opt.Version, Session: hex.EncodeToString(id[:]), Epoch: h.reg.Epoch(),
		TickMS: h.opt.Interval.Milliseconds(), Credits: credits, ServerTime: now.UTC(), User: user,
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended || len(h.sessions) >= h.opt.MaxSessions {
		return nil, ErrFull
	}
	h.sessions[s] = struct{}{}
	return s, nil
}

// CloseSessions says goodbye to the sessions of the users that match, and
// returns how many there were. A reconnect of 0 asks the client not to come
// back by itself.
func (h *Hub) CloseSessions(match func(User) bool, code, reason string, reconnect time.Duration) int {
	n := 0
	for _, s := range h.open() {
		if match(s.user) {
			s.Close(code, reason, reconnect)
			n++
		}
	}
	return n
}

// Sessions is how many sessions are open.
func (h *Hub) Sessions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions)
}

func (h *Hub) open() []*Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*Session, 0, len(h.sessions))
	for s := range h.sessions {
		all = append(all, s)
	}
	return all
}

func (h *Hub) leave(s *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, s)
}
