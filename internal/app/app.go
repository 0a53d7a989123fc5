package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/muster-fleet/muster/internal/api"
	"github.com/muster-fleet/muster/internal/auth"
	"github.com/muster-fleet/muster/internal/config"
	"github.com/muster-fleet/muster/internal/docker"
	"github.com/muster-fleet/muster/internal/etcd"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/foxglove"
	"github.com/muster-fleet/muster/internal/observe"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/stream"
	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/web"
)

// app is a manager. newApp opens what must be there, run starts and stops the
// rooms in order, close frees what newApp opened.
type app struct {
	cfg     config.Config
	options Options
	log     *slog.Logger
	id      string
	started time.Time
	closers []func()

	registry  *fleet.Registry
	etcd      *etcd.Client
	embedded  *etcd.Embedded // nil with a cluster
	engines   *docker.Engines
	relay     *relay // nil where none is configured
	domains   []domain
	types     *msgs.Library
	following atomic.Bool // all domains are joined and read
	runner    *rollout.Runner
	rollouts  *rollout.Service
	hub       *stream.Hub
	auth      *auth.Auth
	health    *observe.Health
	server    *api.Server
	listener  net.Listener
}

// domain is a ROS domain that was joined.
type domain struct {
	Domain
	follower *ros.Follower
}

// newApp opens the store, the domains and the listener. What it opened is closed
// again when it fails.
func newApp(ctx context.Context, cfg config.Config, o Options, log *slog.Logger) (_ *app, err error) {
	a := &app{cfg: cfg, options: o, log: log, started: time.Now(), registry: fleet.NewRegistry(&fleet.Journal{})}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("ask for the host's name: %w", err)
	}
	a.id = fmt.Sprintf("%s.%d", cmp.Or(cfg.Name, host), os.Getpid())
	if a.auth, err = auth.New(auth.Options{TokensFile: cfg.Auth.TokensFile, Anonymous: cfg.Auth.Anonymous, Log: log}); err != nil {
		return nil, err
	}
	if err := a.auth.Check(cfg.Listen); err != nil {
		return nil, err
	}
	if a.types, err = loadTypes(cfg.Messages); err != nil {
		return nil, err
	}
	// The listener comes first: a second manager on the address ends here, before
	// it touches anything.
	if a.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	a.onClose(func() { _ = a.listener.Close() })
	for _, open := range []func(context.Context) error{a.openStore, a.openInventory, a.openRelay, a.openEngines, a.openDomains} {
		if err := open(ctx); err != nil {
			return nil, err
		}
	}
	if err := a.openRollouts(); err != nil {
		return nil, err
	}
	a.openServer()
	return a, nil
}

func (a *app) onClose(f func()) { a.closers = append(a.closers, f) }

// close frees in the reverse order of opening.
func (a *app) close() {
	for i := len(a.closers) - 1; i >= 0; i-- {
		a.closers[i]()
	}
	a.closers = nil
}

func (a *app) openStore(ctx context.Context) error {
	c := a.cfg.Etcd
	o := etcd.Options{
		Endpoints: c.Endpoints, Username: c.Username, Prefix: c.Prefix, LeaseTTL: c.LeaseTTL, ID: a.id, Log: a.log,
	}
	var err error
	if len(c.Endpoints) == 0 {
		a.embedded, err = etcd.Embed(ctx, etcd.EmbedOptions{
			Dir: c.Dir, Quota: int64(c.QuotaMiB) << 20, SnapshotEvery: c.SnapshotEvery, KeepSnapshots: c.Snapshots, Log: a.log,
		})
		if err != nil {
			return err
		}
		a.onClose(a.embedded.Close)
		o.Endpoints = []string{a.embedded.Endpoint}
	} else {
		if o.TLS, err = tlsOf("etcd.tls", c.TLS); err != nil {
			return err
		}
		if o.Password, err = readSecret("etcd.password_file", c.PasswordFile); err != nil {
			return err
		}
	}
	if a.etcd, err = etcd.Dial(o); err != nil {
		return err
	}
	a.onClose(func() { _ = a.etcd.Close() })
	a.restore(ctx)
	return nil
}

// openInventory adds the robots that the operator has listed.
func (a *app) openInventory(context.Context) error {
	for _, r := range a.cfg.Robots {
		a.registry.Apply(a.started, fleet.InventoryObserved{
			ID: r.ID, Name: r.Name, Namespace: r.Namespace, Engine: r.Engine, Domain: *r.Domain, Labels: r.Labels,
		})
	}
	return nil
}

func (a *app) openEngines(context.Context) error {
	var by docker.Relay
	if a.relay != nil {
		by = a.relay
	}
	var err error
	a.engines, err = newEngines(&a.cfg, by, func(o fleet.EngineObserved) { a.registry.Apply(time.Now(), o) }, a.log)
	if err != nil {
		return err
	}
	a.onClose(a.engines.Close)
	return nil
}

func (a *app) openDomains(context.Context) error {
	for _, d := range a.cfg.Domains {
		p, err := a.options.Join(d, a.cfg.Security, a.log)
		if err != nil {
			return err
		}
		a.onClose(func() {
			if err := p.leave(); err != nil {
				a.log.Warn("leave the ROS domain", "domain", d.ID, "err", err)
			}
		})
		a.domains = append(a.domains, domain{p, ros.NewFollower(p.Transport, a.registry.Apply, followerOptions(&a.cfg, d.ID, a.log))})
	}
	return nil
}

// followerOptions are what the configuration says of a domain's robots.
func followerOptions(c *config.Config, domain int, log *slog.Logger) ros.FollowerOptions {
	o := ros.FollowerOptions{Log: log, Topics: make(map[string]map[ros.Role]string)}
	for _, r := range c.Robots {
		if *r.Domain != domain {
			continue
		}
		o.Robots = append(o.Robots, r.Namespace)
		topics := make(map[ros.Role]string)
		for role, topic := range c.TopicsOf(r) {
			topics[ros.Role(role)] = topic
		}
		o.Topics[r.Namespace] = topics
	}
	return o
}

func (a *app) openRollouts() error {
	store := etcd.NewStore(a.etcd)
	limit, err := a.cfg.Rollouts.Limit()
	if err != nil {
		return fmt.Errorf("rollouts.max_unavailable: %w", err)
	}
	a.runner = rollout.NewRunner(rollout.RunnerOptions{
		Store: store, Elector: etcd.Elector{Client: a.etcd}, Engine: a.engines, Registry: a.registry, Log: a.log,
		DomainOK: a.following.Load, MaxUnavailable: limit,
	})
	resolver, err := newResolver(&a.cfg)
	if err != nil {
		return err
	}
	a.rollouts = rollout.NewService(store, resolver, a.runner)
	return nil
}

func (a *app) openServer() {
	ticks := time.NewTicker(a.cfg.Stream.Tick)
	a.onClose(ticks.Stop)
	a.hub = stream.NewHub(a.registry, stream.Options{
		Version: a.options.Version, Interval: a.cfg.Stream.Tick, Ticks: ticks.C, MaxSessions: a.cfg.Stream.MaxClients,
	})
	a.health = observe.NewHealth(a.log,
		observe.Check{Name: "store", Probe: a.storeHealth},
		observe.Check{Name: "ros", Probe: func(context.Context) error {
			if !a.following.Load() {
				return errors.New("the ROS domain is not followed")
			}
			return nil
		}},
	)
	metrics := observe.NewMetrics(observe.Sources{
		Version: a.options.Version, Fleet: a.registry.Snapshot, Stream: a.hub.Stats, Domains: a.domainMetrics,
		Leading: a.runner.Leading, Rollouts: a.rolloutCounts, Relayed: a.relayed,
	}, a.log)
	a.server = api.New(api.Options{
		Registry: a.registry, Hub: a.hub, Rollouts: a.rollouts, Auth: a.auth, App: web.App(),
		Foxglove: foxglove.New(foxglove.Options{Source: a, Types: a.types, Name: "muster", Log: a.log}),
		Origins:  a.cfg.Auth.Origins, Log: a.log, Version: a.options.Version, Started: a.started,
		Domains: a.domainStates, Domain: a.follower, Types: a.types, Store: a.storeState, Runner: a.runnerState, Audit: a.audit, Observe: metrics.Observe,
		Live: a.health.Live(), Ready: a.health.Ready(), Startup: a.health.Startup(), Metrics: metrics.Handler(),
	})
}
