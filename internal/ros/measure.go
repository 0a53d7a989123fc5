package ros

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// measure tells the topics of each robot with their rates. A robot whose topics
// have gone is told of until its readers are closed, and then once more.
func (f *Follower) measure(now time.Time) {
	f.mu.Lock()
	f.count(f.clock.now(now))
	observations := make([]fleet.Observation, 0, len(f.slots)+len(f.maps))
	for ns, slots := range f.slots {
		list := make([]fleet.Topic, len(slots))
		for i := range slots {
			list[i] = slots[i].now()
		}
		observations = append(observations, fleet.TopicsObserved{At: f.at(ns), Topics: list})
	}
	for ns := range f.measured {
		if _, still := f.slots[ns]; !still {
			observations = append(observations, fleet.TopicsObserved{At: f.at(ns)})
		}
	}
	f.measured = f.slots
	for ns, g := range f.maps { // a map comes once; its robot may have become known later
		observations = append(observations, fleet.MapObserved{At: f.at(ns), Grid: g})
	}
	f.mu.Unlock()
	if len(observations) > 0 {
		f.apply(now, observations...)
	}
}

// anotherTime is how far the domain's time goes on at once only when it is not the
// same any more: a simulation began or ended.
const anotherTime = 10 * time.Minute

// count counts rates up to a point of the domain's time. While that stands still,
// so do they; mu is held.
func (f *Follower) count(now time.Time) {
	since := now.Sub(f.counted)
	if since == 0 {
		return
	}
	f.counted = now
	for _, r := range f.readers {
		if since < 0 || since > anotherTime {
			r.rate.rewind()
		}
		r.rate.tick(now, r.total.Load())
	}
}

// topicSlot is a topic as it stays until the graph changes, and the reader that
// has its rates.
type topicSlot struct {
	topic  fleet.Topic
	reader *topicReader
}

// topicSlots lists the topics of each robot, by name: those in its namespace, and
// those that it published until not long ago.
func (f *Follower) topicSlots() map[string][]topicSlot {
	slots := make(map[string][]topicSlot, len(f.places.robots))
	for ns := range f.places.robots {
		list := make([]topicSlot, 0, len(f.places.topics[ns]))
		for _, name := range f.places.topics[ns] {
			list = append(list, f.slot(name))
		}
		slots[ns] = list
	}
	for name, r := range f.readers {
		if p := r.part.Load(); p != nil && len(f.graph.topics[name]) == 0 {
			slots[p.namespace] = append(slots[p.namespace], f.slot(name))
		}
	}
	for _, list := range slots {
		slices.SortFunc(list, func(a, b topicSlot) int { return cmp.Compare(a.topic.Name, b.topic.Name) })
	}
	return slots
}

// slot is a topic as the graph shows it.
func (f *Follower) slot(name string) topicSlot {
	publishers := f.graph.topics[name]
	t := fleet.Topic{Name: name, Publishers: len(publishers)}
	for id := range publishers {
		if typ := f.graph.endpoints[id].Type; t.Type == "" || typ < t.Type {
			t.Type = typ
		}
	}
	r := f.readers[name]
	if r != nil {
		if p := r.part.Load(); p != nil {
			t.Role = string(p.role)
		}
	}
	if r != nil && len(publishers) == 0 {
		t.Type, t.Problem = r.typ, "nobody publishes it"
	}
	return topicSlot{t, r}
}

// now is the topic with its reader's rates.
func (s *topicSlot) now() fleet.Topic {
	t, r := s.topic, s.reader
	if r == nil {
		return t
	}
	t.Hz, t.UsualHz = r.rate.hz, r.rate.usual
	if t.Problem == "" {
		t.Problem = r.problem
	}
	if last := r.last.Load(); last != 0 {
		t.Last = time.Unix(0, last).UTC()
	}
	return t
}
