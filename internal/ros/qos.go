package ros

import "time"

// Reliability, Durability, History and Liveliness are the DDS policies by
// their ROS names.
type (
	Reliability string
	Durability  string
	History     string
	Liveliness  string
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
