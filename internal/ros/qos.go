package ros

import "time"

// The DDS policies by their ROS names.
type (
	// Reliability says whether lost samples are sent again.
	Reliability string
	// Durability says whether a late reader gets older samples.
	Durability string
	// History says how many samples are kept.
	History string
	// Liveliness says how a writer shows that it lives.
	Liveliness string
)

// The values of the QoS policies.
const (
	BestEffort Reliability = "best_effort"
	Reliable   Reliability = "reliable"

	Volatile       Durability = "volatile"
	TransientLocal Durability = "transient_local"

	KeepLast History = "keep_last"
	KeepAll  History = "keep_all"

	Automatic     Liveliness = "automatic"
	ManualByTopic Liveliness = "manual_by_topic"
)

// QoS is the quality of service of an endpoint. A zero duration means
// infinite; a Depth of 0 means unknown (Fast DDS never announces it).
type QoS struct {
	Reliability     Reliability   `json:"reliability"`
	Durability      Durability    `json:"durability"`
	History         History       `json:"history,omitempty"`
	Depth           int           `json:"depth,omitempty"`
	Deadline        time.Duration `json:"deadline,omitempty"`
	Lifespan        time.Duration `json:"lifespan,omitempty"`
	Liveliness      Liveliness    `json:"liveliness,omitempty"`
	LivelinessLease time.Duration `json:"liveliness_lease,omitempty"`
}

// Follow is the QoS that a subscription to these publishers needs: reliable and
// transient-local only when all of them are, because a reader that asks for more
// than a writer offers gets nothing from it.
func Follow(publishers []Endpoint, depth int) QoS {
	q := QoS{Reliability: Reliable, Durability: TransientLocal, History: KeepLast, Depth: depth, Liveliness: Automatic}
	if len(publishers) == 0 {
		q.Durability = Volatile
	}
	for _, p := range publishers {
		if p.QoS.Reliability != Reliable {
			q.Reliability = BestEffort
		}
		if p.QoS.Durability != TransientLocal {
			q.Durability = Volatile
		}
	}
	return q
}

// FollowTelemetry is Follow for samples that come again and again: best-effort
// costs neither side an acknowledgement. What is latched is read reliably, since
// it comes once.
func FollowTelemetry(publishers []Endpoint, depth int) QoS {
	q := Follow(publishers, depth)
	if q.Durability != TransientLocal {
		q.Reliability = BestEffort
	}
	return q
}
