package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/muster-fleet/muster/internal/stream"
)

// stage is a set of loops that start and end together.
type stage struct {
	name   string
	group  *errgroup.Group
	cancel context.CancelFunc
}

// startStage runs the loops; the first one that fails ends the manager.
func startStage(name string, fail context.CancelCauseFunc, loops ...func(context.Context) error) stage {
	ctx, cancel := context.WithCancel(context.Background())
	g, ctx := errgroup.WithContext(ctx)
	for _, loop := range loops {
		g.Go(func() error {
			err := loop(ctx)
			if err != nil && !errors.Is(err, context.Canceled) {
				fail(err)
			}
			return err
		})
	}
	return stage{name, g, cancel}
}

// stop ends the loops and waits for them.
func (s stage) stop() {
	s.cancel()
	_ = s.group.Wait() // what failed has been told to fail
}

// sweepEvery is how often silence is looked for.
const sweepEvery = 250 * time.Millisecond

// run starts the rooms and, when ctx ends or one of them fails, stops them: the
// runner finishes or parks its step first, then those that watch end, then the
// sockets close with a reason. Leases go back as the runner ends.
func (a *app) run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	watchers := []func(context.Context) error{a.sweep, a.checkpoint, a.engines.Run}
	if a.embedded != nil {
		watchers = append(watchers, a.embedded.Run)
	}
	for _, d := range a.domains {
		watchers = append(watchers, d.follower.Run)
	}
	sockets := []func(context.Context) error{a.hub.Run, a.health.Run, a.serveHTTP, a.followTokens}
	if a.relay != nil {
		sockets = append(sockets, a.relay.run)
	}
	stages := []stage{
		startStage("sockets", fail, sockets...),
		startStage("watchers", fail, watchers...),
	}
	a.following.Store(true)
	stages = append(stages, startStage("runner", fail, a.runner.Run, a.rollouts.Run))
	a.log.Info("muster serves", "address", "http://"+a.listener.Addr().String(), "version", a.options.Version, "id", a.id,
		"domains", len(a.domains), "engines", len(a.cfg.Engines))
	<-ctx.Done()
	a.log.Info("muster stops")
	a.health.Drain()

	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for i := len(stages) - 1; i >= 0; i-- {
			stages[i].stop()
			a.log.Debug("stopped", "stage", stages[i].name)
		}
	}()
	timer := time.NewTimer(a.cfg.Shutdown)
	defer timer.Stop()
	select {
	case <-stopped:
	case <-timer.C:
		return fmt.Errorf("the shutdown took longer than %v", a.cfg.Shutdown)
	}
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (a *app) serveHTTP(ctx context.Context) error { return a.server.Run(ctx, a.listener) }

// followTokens ends the streams of users whose token or role was taken away.
func (a *app) followTokens(ctx context.Context) error {
	return a.auth.Run(ctx, func(user stream.User) {
		n := a.server.CloseStreams(func(u stream.User) bool { return u == user }, "your access has changed")
		a.log.Info("a user's access has changed", "user", user.Name, "streams", n)
	})
}

// sweep lets robots that fell silent grow old.
func (a *app) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			a.registry.Sweep(now)
		}
	}
}
