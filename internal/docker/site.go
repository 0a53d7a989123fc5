package docker

import (
	"context"
	"fmt"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Site is a place whose engines share a way to the registries.
type Site struct {
	Name string // as Endpoint.Site has it
	// Parallel is how many of its engines may pull at one time; 0 sets no limit.
	Parallel int
	// Mirror is a registry, "host[:port]", that is asked for an image's layers
	// first; empty means none.
	Mirror string
	// Bandwidth is how many bytes per second all its engines together may pull, by
	// Options.Relay; 0 sets no limit.
	Bandwidth float64
}

// site is a Site at work.
type site struct {
	Site
	slots chan struct{} // nil without a limit
}

func newSite(s Site) *site {
	out := &site{Site: s}
	if s.Parallel > 0 {
		out.slots = make(chan struct{}, s.Parallel)
	}
	return out
}

// enter waits for the right to pull and reports that it waits; leave gives the
// right back.
func (s *site) enter(ctx context.Context, report func(rollout.Progress)) error {
	if s.slots == nil {
		return nil
	}
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
	}
	report(rollout.Progress{Waits: fmt.Sprintf("waits for its turn at site %q, which pulls %d at a time", s.Name, s.Parallel)})
	select {
	case s.slots <- struct{}{}:
		report(rollout.Progress{})
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for one of the %d pulls of site %q to end: %w", s.Parallel, s.Name, ctx.Err())
	}
}

func (s *site) leave() {
	if s.slots != nil {
		<-s.slots
	}
}

// sites makes the sites of the endpoints. One that the options do not name is
// like the default, and has limits of its own.
func sites(endpoints []Endpoint, o Options) (map[string]*site, error) {
	all := make(map[string]*site)
	for _, s := range o.Sites {
		if all[s.Name] != nil {
			return nil, fmt.Errorf("site %s: is given twice", s.Name)
		}
		all[s.Name] = newSite(s)
	}
	for _, e := range endpoints {
		if all[e.Site] == nil {
			all[e.Site] = newSite(Site{Name: e.Site, Parallel: o.Parallel, Mirror: o.Mirror, Bandwidth: o.Bandwidth})
		}
	}
	for _, s := range all {
		if s.Bandwidth > 0 && o.Relay == nil {
			return nil, fmt.Errorf("site %q: bandwidth: there is no relay to keep to it", s.Name)
		}
	}
	return all, nil
}
