package docker

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/muster-fleet/muster/internal/rollout"
)

// member is one of the containers that share a place.
type member struct {
	id         string
	name       string
	slot       slot
	generation uint64 // in the name; 0 in place
	labels     map[string]string
	state      container.ContainerState
}

// is reports whether the member was made for the target.
func (m *member) is(t rollout.Target) bool {
	for k, v := range labelsOf(t) {
		if m.labels[k] != v {
			return false
		}
	}
	return true
}

// slower reports whether an actor of an earlier rollout, which did not notice
// that it was overtaken, made the member for the same place.
func (m *member) slower(t rollout.Target) bool {
	g := generationOf(m.labels)
	return g > 0 && g < t.Generation && m.labels[labelContainer] == t.Container
}

// runs reports whether its process lived when the family was listed.
func (m *member) runs() bool {
	switch m.state {
	case container.StateRunning, container.StatePaused, container.StateRestarting:
		return true
	default:
		return false
	}
}

// owner says whose the member is, for errors.
func (m *member) owner() string {
	if r := m.labels[labelRollout]; r != "" {
		return fmt.Sprintf("container %s (%.12s) of rollout %s, robot %s, generation %s",
			m.name, m.id, r, m.labels[labelRobot], m.labels[labelGeneration])
	}
	return fmt.Sprintf("container %s (%.12s), which no rollout made", m.name, m.id)
}

// family is all that an engine has of one place, sorted for one target.
type family struct {
	place  *member  // has the name itself
	next   *member  // the target's successor, not yet in place
	prev   *member  // the old container, while the target's replacement lasts
	undone *member  // the target's successor after a rollback
	late   *member  // a lower generation's successor that took the place while the old one was out of it
	lower  []member // of lower generations
}

// mine is the target's successor if it is in place.
func (f *family) mine(t rollout.Target) *member {
	if f.place != nil && f.place.is(t) {
		return f.place
	}
	return nil
}

// family lists a target's containers. It refuses with ErrStale when a higher
// generation was here, and with a Fatal error that names the owner when another
// has the successor's name.
func (w *work) family(ctx context.Context) (*family, error) {
	ctx, cancel := w.timed(ctx)
	defer cancel()
	// The filter is a regular expression over names with their slash.
	pattern := "^/?" + regexp.QuoteMeta(w.t.Container) + `(\.muster-.*)?$`
	list, err := w.s.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("name", pattern),
	})
	if err != nil {
		return nil, fmt.Errorf("list containers of %s: %w", w.t.Container, err)
	}
	var all []member
	for i := range list.Items {
		if m, ok := memberOf(&list.Items[i], w.t.Container); ok {
			all = append(all, m)
		}
	}
	return sortFamily(all, w.t)
}

func memberOf(s *container.Summary, place string) (member, bool) {
	for _, n := range s.Names {
		n = engineName(n)
		if strings.Contains(n, "/") { // another container's link to this one
			continue
		}
		if c, slot, g := parseName(n); c == place {
			return member{id: s.ID, name: n, slot: slot, generation: g, labels: s.Labels, state: s.State}, true
		}
	}
	return member{}, false
}

// sortFamily sorts the members by what they are to the target.
func sortFamily(all []member, t rollout.Target) (*family, error) {
	f := new(family)
	for i := range all {
		m := &all[i]
		if g := max(m.generation, generationOf(m.labels)); g > t.Generation {
			return nil, fmt.Errorf("generation %d of rollout %s: %s is there: %w", t.Generation, t.Rollout, m.owner(), rollout.ErrStale)
		}
		switch {
		case m.slot == slotPlace:
			f.place = m
		case m.generation < t.Generation:
			f.lower = append(f.lower, *m)
		case m.slot == slotPrevious:
			f.prev = m
		case !m.is(t):
			return nil, rollout.Fatal(fmt.Errorf("the successor's name is taken by %s", m.owner()))
		case m.slot == slotUndone:
			f.undone = m
		default:
			f.next = m
		}
	}
	switch {
	case f.place == nil:
	case generationOf(f.place.labels) == t.Generation && !f.place.is(t):
		return nil, rollout.Fatal(fmt.Errorf("generation %d is taken by %s", t.Generation, f.place.owner()))
	case f.prev != nil && f.place.slower(t):
		f.late, f.place = f.place, nil
	}
	return f, nil
}
