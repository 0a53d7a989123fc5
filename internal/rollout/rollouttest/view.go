package rollouttest

import (
	"context"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// view is a registry that sees the fleet late, as one of several managers does.
type view struct {
	registry *fleet.Registry
	now      func() time.Time
	late     func() time.Duration
	ended    func() bool
	due      bool // guarded by the fleet's mu; it will look soon
}

// Show lets a registry of its own see the robots until ctx ends: at once, and
// after each change late by what late says then.
func (f *Fleet) Show(ctx context.Context, reg *fleet.Registry, now func() time.Time, late func() time.Duration) {
	v := &view{registry: reg, now: now, late: late, ended: func() bool { return ctx.Err() != nil }}
	f.mu.Lock()
	f.views = append(f.views, v)
	f.mu.Unlock()
	v.look(f)
}

// soon has the view look in a while. It wants the fleet's lock.
func (v *view) soon(f *Fleet) {
	if v.due {
		return
	}
	v.due = true
	time.AfterFunc(v.late(), func() {
		if !v.ended() {
			v.look(f)
		}
	})
}

// look tells the registry how all robots are now.
func (v *view) look(f *Fleet) {
	now := v.now()
	f.mu.Lock()
	v.due = false
	seen := f.seen(now, f.order)
	f.mu.Unlock()
	v.registry.Apply(now, seen...)
	v.registry.Sweep(now)
}
