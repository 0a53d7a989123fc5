package docker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
)

// Engines are all engines of the fleet, by name. It is the rollout's Engine:
// each verb goes to the engine that the target names.
type Engines struct {
	// immutable after NewEngines
	clients map[string]*Client
	apply   func(fleet.EngineObserved)
}

var _ rollout.Engine = (*Engines)(nil)

// NewEngines makes the engines; nothing is connected before Run or a verb.
// apply is called from one goroutine per engine and must not block for long.
// The error names the endpoint and its field.
func NewEngines(endpoints []Endpoint, apply func(fleet.EngineObserved), o Options, log *slog.Logger) (*Engines, error) {
	shared, err := sites(endpoints, o)
	if err != nil {
		return nil, err
	}
	e := &Engines{clients: make(map[string]*Client, len(endpoints)), apply: apply}
	for _, p := range endpoints {
		if _, ok := e.clients[p.Name]; ok {
			return nil, fmt.Errorf("engine %s: name: is given twice", p.Name)
		}
		c, err := NewClient(p, o, log)
		if err != nil {
			return nil, err
		}
		c.site = shared[p.Site]
		e.clients[p.Name] = c
	}
	return e, nil
}

// Run follows all engines until ctx ends. It returns nil then: an engine that
// fails is reported and tried again, never given up.
func (e *Engines) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, c := range e.clients {
		w := &watch{Client: c, apply: e.apply}
		wg.Go(func() { w.run(ctx) })
	}
	wg.Wait()
	return nil
}

// Close closes idle connections; call it when Run and all verbs have returned.
func (e *Engines) Close() {
	for _, c := range e.clients {
		c.Close()
	}
}

// Client is the engine of that name.
func (e *Engines) Client(name string) (*Client, error) {
	c, ok := e.clients[name]
	if !ok {
		return nil, rollout.Fatal(fmt.Errorf("engine %q is not configured", name))
	}
	return c, nil
}

// Pull is Client.Pull on the target's engine.
func (e *Engines) Pull(ctx context.Context, t rollout.Target, report func(rollout.Progress)) error {
	return e.do(t, func(c *Client) error { return c.Pull(ctx, t, report) })
}

// Replace is Client.Replace on the target's engine.
func (e *Engines) Replace(ctx context.Context, t rollout.Target, ready func() error) error {
	return e.do(t, func(c *Client) error { return c.Replace(ctx, t, ready) })
}

// Rollback is Client.Rollback on the target's engine.
func (e *Engines) Rollback(ctx context.Context, t rollout.Target) error {
	return e.do(t, func(c *Client) error { return c.Rollback(ctx, t) })
}

// Commit is Client.Commit on the target's engine.
func (e *Engines) Commit(ctx context.Context, t rollout.Target) error {
	return e.do(t, func(c *Client) error { return c.Commit(ctx, t) })
}

// Discard is Client.Discard on the target's engine.
func (e *Engines) Discard(ctx context.Context, t rollout.Target) error {
	return e.do(t, func(c *Client) error { return c.Discard(ctx, t) })
}

// Probe is Client.Probe on the target's engine.
func (e *Engines) Probe(ctx context.Context, t rollout.Target, k rollout.Check) rollout.Gate {
	c, err := e.Client(t.Engine)
	if err != nil {
		return rollout.Gate{Name: k.Name, Outcome: rollout.GateError, Reason: err.Error()}
	}
	return c.Probe(ctx, t, k)
}

// Preview is Client.Preview on the target's engine.
func (e *Engines) Preview(ctx context.Context, t rollout.Target) (p rollout.Preview, err error) {
	err = e.do(t, func(c *Client) error { p, err = c.Preview(ctx, t); return err })
	return p, err
}

func (e *Engines) do(t rollout.Target, verb func(*Client) error) error {
	c, err := e.Client(t.Engine)
	if err != nil {
		return err
	}
	if err := verb(c); err != nil {
		return fmt.Errorf("engine %s: %w", t.Engine, err)
	}
	return nil
}
