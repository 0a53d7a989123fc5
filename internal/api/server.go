package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/stream"
	"github.com/muster-fleet/muster/msgs"
)

// Rollouts is what the API needs of the rollout service.
type Rollouts interface {
	// Start plans a rollout and, unless dryRun, stores it. A wrong spec gives a
	// *rollout.FieldError, a robot in another rollout rollout.ErrConflict.
	Start(ctx context.Context, spec rollout.Spec, by string, dryRun bool) (rollout.Report, error)
	// List returns all rollouts, newest first.
	List(ctx context.Context) ([]rollout.Report, error)
	// Get returns one rollout, or rollout.ErrNotFound.
	Get(ctx context.Context, id string) (rollout.Report, error)
	// Wish notes what an operator wants of a rollout or of one of its robots.
	Wish(ctx context.Context, id string, w rollout.Wish) (rollout.Report, error)
	// Hold locks a robot against rollouts, Release unlocks it; Holds are the locks.
	Hold(ctx context.Context, robot, by, reason string) error
	Release(ctx context.Context, robot string) error
	Holds() map[string]rollout.Hold
	// Subscribe is woken when a report may have changed.
	Subscribe() *fleet.Subscription
	// Held says why rollouts are held now; empty when they are not.
	Held() string
}

// Auth tells who makes a request.
type Auth interface {
	// Authenticate names the user of a request. Its error goes to the client
	// with status 401.
	Authenticate(r *http.Request) (stream.User, error)
	// Ticket makes a ticket with which the user may open one WebSocket.
	Ticket(user stream.User) (ticket string, expires time.Time)
}

// Foxglove serves the Foxglove protocol for one robot; it upgrades the request,
// and ends when the request's context does.
type Foxglove interface {
	ServeRobot(w http.ResponseWriter, r *http.Request, robot string)
}

// Options are what a Server is made of. Registry, Hub, Auth and Log must be
// set; a part that is nil is answered for with 503, or with a plain default.
type Options struct {
	Registry *fleet.Registry
	Hub      *stream.Hub
	Rollouts Rollouts
	Auth     Auth
	Foxglove Foxglove
	App      fs.FS    // the built web app
	Origins  []string // allowed beside the server's own, "https://ops.example.org"
	Log      *slog.Logger

	Version string
	Started time.Time
	Domains func() []Domain                                                // the ROS domains
	Domain  func(id int) *ros.Follower                                     // one of them, nil when it is not followed
	Types   *msgs.Library                                                  // by which samples are read; nil: the embedded
	Store   func() Check                                                   // the store of rollouts
	Runner  func() Runner                                                  // who runs rollouts
	Images  func(ctx context.Context, repository string) ([]string, error) // tags at the registry
	Audit   func(ctx context.Context, entry AuditEntry)                    // told of each mutating call
	Observe func(method, route string, status int, took time.Duration)     // told of each request
	Live    http.Handler                                                   // /health/live …
	Ready   http.Handler
	Startup http.Handler
	Metrics http.Handler
}

// Server serves the API.
type Server struct {
	opt     Options
	echo    *echo.Echo
	app     *webApp
	tiles   *tileCache
	origins *http.CrossOriginProtection
	sockets sockets
}

// New makes a server.
func New(opt Options) *Server {
	s := &Server{opt: opt, echo: echo.New(), app: newWebApp(opt.App), tiles: newTileCache(tileCacheBytes)}
	if s.opt.Types == nil {
		s.opt.Types, _ = msgs.NewLibrary(nil) // only a user's definitions can be wrong
	}
	s.origins = http.NewCrossOriginProtection()
	for _, o := range opt.Origins {
		if err := s.origins.AddTrustedOrigin(o); err != nil {
			opt.Log.Warn("an allowed origin is not of the form scheme://host and is ignored", "origin", o, "err", err)
		}
	}
	s.echo.HideBanner, s.echo.HidePort = true, true
	s.echo.HTTPErrorHandler = s.writeError
	s.echo.Use(s.surround)
	for _, rt := range s.routes() {
		s.echo.Add(rt.method, rt.echoPath(), s.handle(rt))
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		s.echo.Add(method, "/*", func(c echo.Context) error { return s.app.serve(c.Response(), c.Request()) })
	}
	s.echo.Any("/api/*", func(echo.Context) error { return errNoRoute })
	return s
}

// Handler serves the API in a test or behind another server. The stream's
// sockets end with Run only.
func (s *Server) Handler() http.Handler { return s.echo }

// How long Run waits for requests in flight, and the limits on a connection.
const (
	drainTime         = 5 * time.Second
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
)

// Run serves on the listener until ctx ends. Then it says goodbye on the
// sockets, lets requests in flight finish, and waits for all of them.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := &http.Server{
		Handler: s.echo, BaseContext: func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(s.opt.Log.Handler(), slog.LevelDebug),
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	g.Go(func() error { return s.feedRollouts(gctx) })
	g.Go(func() error { return s.feedSystem(gctx) })
	g.Go(func() error {
		<-gctx.Done()
		s.sockets.drain(s.opt.Hub)
		end, stop := context.WithTimeout(base, drainTime)
		defer stop()
		err := srv.Shutdown(end)
		s.sockets.wait(end)
		cancel()
		if err != nil {
			_ = srv.Close()
			return fmt.Errorf("stop HTTP: %w", err)
		}
		return nil
	})
	return g.Wait()
}

// CloseStreams ends the telemetry and Foxglove streams of the users that match,
// because their role changed or was taken away. It returns how many there were.
func (s *Server) CloseStreams(match func(stream.User) bool, reason string) int {
	n := s.opt.Hub.CloseSessions(match, stream.GoodbyeRoleChanged, reason, time.Second)
	return n + s.sockets.cancel(match)
}

// sockets are the open WebSockets, which net/http no longer knows of.
type sockets struct {
	all sync.WaitGroup

	mu       sync.Mutex
	draining bool
	open     map[*socket]struct{}
}

// socket is an open WebSocket. Its context ends when it must.
type socket struct {
	user   stream.User
	cancel context.CancelFunc
	// goodbye says that the stream's hub ends it, with a goodbye.
	goodbye bool
}

// add registers a socket; it is refused once the server drains. The caller
// calls done at its end.
func (k *sockets) add(ctx context.Context, user stream.User, goodbye bool) (_ context.Context, done func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &socket{user: user, cancel: cancel, goodbye: goodbye}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.draining {
		cancel()
		return nil, nil, errDraining
	}
	if k.open == nil {
		k.open = make(map[*socket]struct{})
	}
	k.open[w] = struct{}{}
	k.all.Add(1)
	return ctx, func() {
		cancel()
		k.mu.Lock()
		delete(k.open, w)
		k.mu.Unlock()
		k.all.Done()
	}, nil
}

// cancel ends the sockets of users that match, but for those to which the hub
// says goodbye.
func (k *sockets) cancel(match func(stream.User) bool) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for w := range k.open {
		if !w.goodbye && match(w.user) {
			w.cancel()
			n++
		}
	}
	return n
}

func (k *sockets) drain(hub *stream.Hub) {
	k.mu.Lock()
	k.draining = true
	k.mu.Unlock()
	everyone := func(stream.User) bool { return true }
	hub.CloseSessions(everyone, stream.GoodbyeShutdown, "the server stops", time.Second)
	k.cancel(everyone)
}

// wait waits for the sockets until ctx ends, and cuts off those left.
func (k *sockets) wait(ctx context.Context) {
	done := make(chan struct{})
	go func() { k.all.Wait(); close(done) }()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	k.mu.Lock()
	for w := range k.open {
		w.cancel()
	}
	k.mu.Unlock()
	<-done
}
