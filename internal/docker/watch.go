package docker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/muster-fleet/muster/internal/fleet"
)

const (
	// settle is how long after a look the next one waits at least: a replacement
	// makes a dozen events and is worth two or three looks.
	settle = 50 * time.Millisecond

	// maxStuck is how many containers may not answer in one look: the Engine
	// holds a container's lock while it starts it, which can take long. More of
	// them mean that the engine hangs.
	maxStuck = 3

	backoffMin = 200 * time.Millisecond
	backoffMax = 10 * time.Second
)

// watch follows one engine. All of it is owned by the goroutine of run; the
// event stream's reader only sets marks.
type watch struct {
	*Client
	apply func(fleet.EngineObserved)

	seen    fleet.Engine // as last reported
	entries map[string]*entry
	repos   map[string][]string // image id → repository digests
	fails   int                 // failed connections in a row
}

// run follows the engine until ctx ends.
func (w *watch) run(ctx context.Context) {
	w.seen = fleet.Engine{
		Name: w.endpoint.Name, Endpoint: w.endpoint.URL,
		State: fleet.EngineConnecting, Since: time.Now().UTC(),
	}
	w.apply(fleet.EngineObserved{Engine: w.seen})
	for ctx.Err() == nil {
		err := w.follow(ctx)
		w.set(nil)
		if ctx.Err() != nil {
			return
		}
		w.failed(err)
		wait(ctx, backoff(w.fails))
		w.fails++
	}
}

// backoff is the time before the next try: twice as long after each failure,
// and a random half of it, so that a fleet of managers does not return at once.
func backoff(fails int) time.Duration {
	d := min(backoffMin<<min(fails, 10), backoffMax)
	return d/2 + rand.N(d/2)
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// follow connects and looks at the engine until it fails. An event stream that
// merely ended is opened again at once.
func (w *watch) follow(ctx context.Context) error {
	s, err := traced(ctx, w.connect)
	if err != nil {
		return err
	}
	w.set(s)
	w.entries, w.repos = make(map[string]*entry), make(map[string][]string)
	for {
		if err := w.stream(ctx, s); err != nil {
			return err
		}
		if _, err := traced(ctx, func(ctx context.Context) (client.PingResult, error) {
			ctx, cancel := w.timed(ctx)
			defer cancel()
			return s.Ping(ctx, client.PingOptions{})
		}); err != nil {
			return err
		}
	}
}

// stream opens the event stream, then looks at everything, then at whatever
// the events and the clock ask for. It returns nil when the stream has ended.
func (w *watch) stream(ctx context.Context, s *session) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	marks := newMarks()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		marks.read(ctx, s)
	}()
	defer func() { cancel(); <-ended }()

	every := time.NewTicker(w.opts.ListEvery)
	defer every.Stop()
	open := marks.open
	full := true
	for {
		if err := w.look(ctx, s, full, marks.take()); err != nil {
			return err
		}
		wait(ctx, settle)
		full = false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
			full = true
		case <-open: // what happened before is in no event
			open, full = nil, true
		case <-marks.wake:
		case <-ended:
			return nil
		}
	}
}

// look lists the containers, inspects those that changed (all, if full) and
// reports the engine with its robots' containers.
func (w *watch) look(ctx context.Context, s *session, full bool, marked map[string]bool) error {
	all, err := traced(ctx, func(ctx context.Context) ([]fleet.Container, error) {
		return w.containers(ctx, s, full, marked)
	})
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	w.fails = 0
	if w.seen.State != fleet.EngineUp {
		w.log.Info("engine is up", "version", s.version, "api", s.api)
		w.seen.State, w.seen.Since, w.seen.Error = fleet.EngineUp, now, ""
	}
	w.seen.LastSeen = now
	w.seen.Version, w.seen.API, w.seen.OS, w.seen.Arch = s.version, s.api, s.os, s.arch
	w.apply(fleet.EngineObserved{Engine: w.seen, Containers: all})
	return nil
}

// failed reports an engine that does not answer. A repeated failure is logged
// once.
func (w *watch) failed(err error) {
	state := fleet.EngineDown
	var hung *hungError
	if errors.As(err, &hung) {
		state = fleet.EngineHung
	}
	if w.seen.State != state {
		w.seen.State, w.seen.Since = state, time.Now().UTC()
		w.log.Warn("engine is "+string(state), "err", err)
	}
	w.seen.Error = err.Error()
	w.apply(fleet.EngineObserved{Engine: w.seen})
}

// hungError is a call that a connected engine did not answer in time.
type hungError struct{ err error }

func (e *hungError) Error() string { return "accepts connections and does not answer in time" }
func (e *hungError) Unwrap() error { return e.err }

// traced makes a call and tells an engine that hangs from one that cannot be
// reached: only the first had a connection when the time was up.
func traced[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	var connected atomic.Bool
	out, err := call(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				connected.Store(true)
			}
		},
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	if late(err) && ctx.Err() == nil && connected.Load() {
		err = &hungError{err}
	}
	return out, err
}

func late(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || cerrdefs.IsDeadlineExceeded(err)
}

// containers lists the containers and inspects those that may have changed.
func (w *watch) containers(ctx context.Context, s *session, full bool, marked map[string]bool) ([]fleet.Container, error) {
	call, cancel := w.timed(ctx)
	defer cancel()
	list, err := s.ContainerList(call, client.ContainerListOptions{All: true})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	stuck := 0
	next := make(map[string]*entry, len(list.Items))
	out := make([]fleet.Container, 0, len(list.Items))
	for i := range list.Items {
		sum := &list.Items[i]
		e := w.entries[sum.ID]
		if e == nil || full || marked[sum.ID] || e.state != sum.State {
			fresh, err := w.examine(ctx, s, sum.ID)
			switch {
			case err == nil:
				e = fresh
			case late(err) && stuck < maxStuck:
				stuck++
				e = e.listed(sum.State)
			default:
				return nil, err
			}
		}
		if e == nil {
			continue // removed between list and inspect, or not seen yet
		}
		e.state = sum.State
		next[sum.ID] = e
		if e.robot {
			out = append(out, e.Container)
		}
	}
	w.entries = next
	return out, nil
}
