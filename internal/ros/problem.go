package ros

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// problems are what is wrong with one of our readers; each ends by itself.
type problems struct {
	closed       string // it could not be opened; until it is
	wrongType    string // until a publisher has the type that we read
	incompatible string // until all of its publishers offer what it asks for
	policy       string // that is incompatible
	blamed       []GUID // the publishers of then; which of them it is, is not told
	unreadable   string // until a sample can be read
}

// tell takes over the gravest. The Follower's mu is held, as for all of these.
func (r *topicReader) tell() {
	p := &r.problems
	r.problem = cmp.Or(p.closed, p.wrongType, p.incompatible, p.unreadable)
}

// compare looks at the publishers that there are now.
func (r *topicReader) compare(publishers []Endpoint) {
	r.problems.wrongType = ""
	if !slices.ContainsFunc(publishers, func(p Endpoint) bool { return p.Type == r.typ }) {
		r.problems.wrongType = fmt.Sprintf("its type is %s, not %s", publishers[0].Type, r.typ)
	}
	if r.problems.incompatible != "" && r.reconciled(publishers) {
		r.problems.incompatible = ""
	}
	r.tell()
}

// reconciled reports whether the publishers offer what the reader asks for. What
// discovery does not tell of (partitions) is so when one of those has gone that
// were there when DDS complained.
func (r *topicReader) reconciled(publishers []Endpoint) bool {
	switch r.problems.policy {
	case "RELIABILITY", "DURABILITY", "DEADLINE", "LIVELINESS":
		own := Endpoint{Type: r.typ, QoS: r.qos}
		return !slices.ContainsFunc(publishers, func(p Endpoint) bool {
			policy, _ := meets(p, own)
			return policy == r.problems.policy
		})
	}
	return slices.ContainsFunc(r.problems.blamed, func(id GUID) bool {
		return !slices.ContainsFunc(publishers, func(p Endpoint) bool { return p.GUID == id })
	})
}

// incompatible says in words why a topic is silent.
func (f *Follower) incompatible(i IncompatibleFact) {
	v, ok := f.byID.Load(i.Reader)
	if !ok {
		return
	}
	r := v.(*topicReader) //nolint:forcetypeassert // byID holds nothing else
	r.problems.incompatible = fmt.Sprintf("incompatible QoS: a publisher's %s does not match our %s, %s subscription",
		i.Policy, r.qos.Reliability, r.qos.Durability)
	r.problems.policy, r.problems.blamed = i.Policy, slices.Collect(maps.Keys(f.graph.topics[r.topic]))
	r.tell()
	f.log.Warn("a publisher does not match our subscription", "topic", r.topic, "policy", i.Policy)
}

// read notes whether a sample could be read.
func (f *Follower) read(r *topicReader, err error) {
	if err != nil {
		f.unreadable(r, err)
		return
	}
	if r.broken.Load() {
		f.mu.Lock()
		r.problems.unreadable = ""
		r.tell()
		r.broken.Store(false)
		f.mu.Unlock()
	}
}

// unreadable counts a sample that could not be read, and logs the first of a
// topic and then each thousandth.
func (f *Follower) unreadable(r *topicReader, err error) {
	f.mu.Lock()
	f.bad[r.topic]++
	n := f.bad[r.topic]
	r.problems.unreadable = "unreadable samples: " + err.Error()
	r.tell()
	r.broken.Store(true)
	f.mu.Unlock()
	if n%1000 == 1 {
		f.log.Warn("read a sample", "topic", r.topic, "count", n, "err", err)
	}
}

// Problem says why no sample may come, as fleet.Topic's; empty when none is known.
func (s *RawStream) Problem() string {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if r := s.f.streams[s]; r != nil {
		return r.problem
	}
	return ""
}
