package ros

import (
	"cmp"
	"fmt"
	"slices"
)

// Mismatch is a publisher and a subscription of one topic that do not meet: they
// stay silent, and no error is told to either.
type Mismatch struct {
	Topic      string
	Publisher  GUID
	Subscriber GUID
	Policy     string // "RELIABILITY", "TYPE" …
	Text       string // in words
}

// Mismatches lists the pairs of endpoints that DDS does not connect, by topic
// (DDS 1.4 § 2.2.3, requested against offered).
func (g *Graph) Mismatches() []Mismatch {
	readers := make(map[string][]Endpoint)
	for _, e := range g.endpoints {
		if !e.Writer && e.Kind == KindTopic {
			readers[e.Name] = append(readers[e.Name], e)
		}
	}
	var all []Mismatch
	for topic, writers := range g.topics {
		for id := range writers {
			w := g.endpoints[id]
			for _, r := range readers[topic] {
				if policy, text := meets(w, r); policy != "" {
					all = append(all, Mismatch{topic, w.GUID, r.GUID, policy, text})
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b Mismatch) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), slices.Compare(a.Publisher[:], b.Publisher[:]), slices.Compare(a.Subscriber[:], b.Subscriber[:]))
	})
	return all
}

// meets names the first policy by which a writer and a reader do not match.
func meets(w, r Endpoint) (policy, text string) {
	o, q := w.QoS, r.QoS
	switch {
	case w.Type != r.Type:
		return "TYPE", fmt.Sprintf("published as %s, subscribed to as %s", w.Type, r.Type)
	case q.Reliability == Reliable && o.Reliability == BestEffort:
		return "RELIABILITY", "published best-effort, subscribed to reliably"
	case q.Durability == TransientLocal && o.Durability == Volatile:
		return "DURABILITY", "published volatile, subscribed to transient-local"
	case q.Deadline > 0 && (o.Deadline == 0 || o.Deadline > q.Deadline):
		return "DEADLINE", fmt.Sprintf("the subscription asks for a deadline of %v, the publisher offers %s", q.Deadline, orNone(o.Deadline.String(), o.Deadline == 0))
	case q.Liveliness == ManualByTopic && o.Liveliness == Automatic:
		return "LIVELINESS", "published with automatic liveliness, subscribed to with manual"
	case q.LivelinessLease > 0 && (o.LivelinessLease == 0 || o.LivelinessLease > q.LivelinessLease):
		return "LIVELINESS", fmt.Sprintf("the subscription asks for a liveliness lease of %v, the publisher offers %s",
			q.LivelinessLease, orNone(o.LivelinessLease.String(), o.LivelinessLease == 0))
	}
	return "", ""
}

func orNone(text string, none bool) string {
	if none {
		return "none"
	}
	return text
}
