package graph

import (
	"slices"

	"github.com/muster-fleet/muster/internal/ros"
)

// Reader is one of our own readers.
type Reader struct {
	ID    ros.ReaderID
	Topic string // ROS name
	QoS   ros.QoS
}

// Incompatible finds the readers of ours that some writer does not match, with
// each policy that is to blame. rclgo offers no QoS events, so the rule of DDS
// 1.4 § 2.2.3 (a reader must not request more than the writer offers) is applied
// to what the graph tells.
func (s Snapshot) Incompatible(readers []Reader) []ros.IncompatibleFact {
	var facts []ros.IncompatibleFact
	for _, r := range readers {
		var policies []string
		for _, e := range s.topics[r.Topic] {
			if e.Writer {
				policies = append(policies, blame(r.QoS, e.QoS)...)
			}
		}
		slices.Sort(policies)
		for _, p := range slices.Compact(policies) {
			facts = append(facts, ros.IncompatibleFact{Reader: r.ID, Policy: p})
		}
	}
	return facts
}

// blame names the policies of which a reader requests more than a writer offers.
// What is not known is taken to match. A duration of 0 is infinite.
func blame(requested, offered ros.QoS) (policies []string) {
	if requested.Durability == ros.TransientLocal && offered.Durability == ros.Volatile {
		policies = append(policies, "DURABILITY")
	}
	if requested.Deadline > 0 && (offered.Deadline == 0 || offered.Deadline > requested.Deadline) {
		policies = append(policies, "DEADLINE")
	}
	if requested.Liveliness == ros.ManualByTopic && offered.Liveliness == ros.Automatic ||
		requested.LivelinessLease > 0 && (offered.LivelinessLease == 0 || offered.LivelinessLease > requested.LivelinessLease) {
		policies = append(policies, "LIVELINESS")
	}
	if requested.Reliability == ros.Reliable && offered.Reliability == ros.BestEffort {
		policies = append(policies, "RELIABILITY")
	}
	return policies
}

// Told remembers which incompatibilities were told, so that each is told once for
// as long as it lasts.
type Told map[ros.IncompatibleFact]bool

// Fresh are those of the facts that were not told yet. What no longer holds is
// forgotten, so that it is told again when it comes back.
func (t Told) Fresh(now []ros.IncompatibleFact) (fresh []ros.Fact) {
	for f := range t {
		if !slices.Contains(now, f) {
			delete(t, f)
		}
	}
	for _, f := range now {
		if !t[f] {
			t[f] = true
			fresh = append(fresh, f)
		}
	}
	return fresh
}
