package foxglove

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/msgs"
)

// Source is where topics come from.
type Source interface {
	// Robot gives a robot with the topics that it publishes.
	Robot(id string) (fleet.Robot, bool)
	// PublishedType is the type of a topic that somebody publishes in a domain, and
	// the hash that was announced for it, which may be empty.
	PublishedType(domain int, topic string) (typ, hash string, ok bool)
	// TellType asks the nodes at a topic's ends for a type.
	TellType(ctx context.Context, domain int, topic, typ, hash string) (msgs.Type, error)
	// Open reads a topic of a domain, with a queue of at most bound samples.
	Open(domain int, topic string, bound int) (*ros.RawStream, error)
}

// Options are what a Server is made of.
type Options struct {
	Source Source
	Types  *msgs.Library // by which clients read samples; nil: the embedded
	Name   string        // of the server, shown to the client
	Log    *slog.Logger
}

// Server serves the protocol.
type Server struct {
	opt      Options
	upgrader websocket.Upgrader
}

// Subprotocols are the names under which clients ask for the protocol: the SDK's
// and the older one. Their messages are the same.
var Subprotocols = []string{"foxglove.sdk.v1", "foxglove.websocket.v1"}

// Limits of a session.
const (
	readLimit  = 1 << 20
	writeTime  = 10 * time.Second
	pingEvery  = 15 * time.Second
	pongTime   = 45 * time.Second
	controlMax = 256 // messages; a client that does not read them is closed
	dataMax    = 64  // samples; the oldest go
	topicQueue = 8   // samples of one topic; the oldest go
	tfQueue    = 512 // of one with transforms, which many publish, and each only once
	lookEvery  = time.Second
	maxSubs    = 512
	askAgain   = time.Minute // for a type that nobody told
)

// New makes a server.
func New(o Options) *Server {
	if o.Types == nil {
		o.Types, _ = msgs.NewLibrary(nil) // only a user's definitions can be wrong
	}
	return &Server{opt: o, upgrader: websocket.Upgrader{
		Subprotocols: Subprotocols, HandshakeTimeout: 10 * time.Second,
		// The API has compared the origin with those allowed.
		CheckOrigin: func(*http.Request) bool { return true },
	}}
}

// ServeRobot upgrades the request and serves until the client leaves or the
// request's context ends.
func (s *Server) ServeRobot(w http.ResponseWriter, r *http.Request, robot string) {
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	defer conn.Close()
	if conn.Subprotocol() == "" {
		_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseProtocolError,
			"ask for the subprotocol foxglove.sdk.v1 or foxglove.websocket.v1"), time.Now().Add(writeTime))
		return
	}
	log := s.opt.Log.With("robot", robot)
	g, ctx := errgroup.WithContext(r.Context())
	t := &session{
		source: s.opt.Source, types: s.opt.Types, robot: robot, log: log, conn: conn, ctx: ctx,
		control: make(chan any, controlMax), data: make(chan []byte, dataMax),
		byTopic: make(map[string]channel), asked: make(map[kind]time.Time), subs: make(map[uint32]*subscription),
	}
	t.send(serverInfo{Op: "serverInfo", Name: s.opt.Name + " " + robot, Capabilities: []string{}, SupportedEncodings: []string{"cdr"}})
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stop()
	g.Go(func() error { return t.write(ctx) })
	g.Go(func() error { return t.follow(ctx) })
	g.Go(t.read)
	err = g.Wait()
	t.end()
	log.Debug("foxglove session ended", "err", err)
}
