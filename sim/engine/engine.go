// Package engine is a simulated Docker Engine: it speaks the Engine API (1.41)
// on a Unix socket, pulls real images' configurations from a registry, and runs
// each container as a child process of this program with the container's
// environment. It is what the demo uses where there is no Docker Engine; tests of
// rollouts use real ones.
//
// Run owns the listener's goroutine and one for each running container, and
// waits for them all.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/moby/moby/api/types/events"
)

// Options describe an engine.
type Options struct {
	Name   string
	Socket string // path of the Unix socket
	// Program is what containers run, whatever their image holds: this program.
	Program string
	Log     *slog.Logger
}

// Engine is one engine.
type Engine struct {
	opt Options

	mu         sync.Mutex
	containers map[string]*box   // by id
	images     map[string]*image // by id
	watchers   map[chan events.Message]struct{}
	ended      bool
	running    sync.WaitGroup // processes and their keepers
}

// New makes an engine; it answers while Run runs.
func New(o Options) *Engine {
	return &Engine{
		opt: o, containers: make(map[string]*box), images: make(map[string]*image),
		watchers: make(map[chan events.Message]struct{}),
	}
}

// URL is the engine's address, as DOCKER_HOST has it.
func (e *Engine) URL() string { return "unix://" + e.opt.Socket }

// Run serves until ctx ends, then ends all containers.
func (e *Engine) Run(ctx context.Context) error {
	l, err := net.Listen("unix", e.opt.Socket)
	if err != nil {
		return fmt.Errorf("simulated engine %s: %w", e.opt.Name, err)
	}
	base, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := &http.Server{
		Handler: e.handler(), ReadHeaderTimeout: 5 * time.Second,
		BaseContext: func(net.Listener) context.Context { return base },
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case <-ctx.Done():
	case err = <-served:
		served <- err
	}
	_ = srv.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("simulated engine %s: %w", e.opt.Name, err)
	}
	e.endAll()
	_ = os.Remove(e.opt.Socket)
	return ctx.Err()
}

func (e *Engine) endAll() {
	e.mu.Lock()
	e.ended = true
	for _, b := range e.containers {
		b.wanted = false
		if b.process != nil {
			_ = b.process.Kill()
		}
	}
	e.mu.Unlock()
	e.running.Wait()
}

// emit tells the watchers of a container's event; one that does not read loses
// its stream and lists again. mu is held.
func (e *Engine) emit(action events.Action, b *box) {
	m := events.Message{
		Type: events.ContainerEventType, Action: action, Time: time.Now().Unix(), TimeNano: time.Now().UnixNano(),
		Actor: events.Actor{ID: b.id, Attributes: map[string]string{"name": b.name, "image": b.config.Image}},
	}
	for k, v := range b.config.Labels {
		m.Actor.Attributes[k] = v
	}
	for w := range e.watchers {
		select {
		case w <- m:
		default:
			close(w)
			delete(e.watchers, w)
		}
	}
}

// watch subscribes to events until ctx ends.
func (e *Engine) watch() (_ <-chan events.Message, end func()) {
	w := make(chan events.Message, 256)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watchers[w] = struct{}{}
	return w, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.watchers, w)
	}
}

// statusError is an error with the HTTP status that the Engine API gives it.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

func errorf(code int, format string, args ...any) error {
	return &statusError{code, fmt.Sprintf(format, args...)}
}
