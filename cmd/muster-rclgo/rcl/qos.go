//go:build rclgo

package rcl

import (
	"time"

	"github.com/tiiuae/rclgo/pkg/rclgo"

	"github.com/muster-fleet/muster/internal/ros"
)

// toRCL is a QoS in rcl's terms. rcl has 0 for "unspecified", which every RMW
// takes as infinite, and no zero depth.
func toRCL(q ros.QoS) rclgo.QosProfile {
	p := rclgo.QosProfile{
		History: rclgo.HistoryKeepLast, Depth: max(q.Depth, 1),
		Reliability: rclgo.ReliabilityBestEffort, Durability: rclgo.DurabilityVolatile, Liveliness: rclgo.LivelinessAutomatic,
		Deadline: q.Deadline, Lifespan: q.Lifespan, LivelinessLeaseDuration: q.LivelinessLease,
	}
	if q.History == ros.KeepAll {
		p.History = rclgo.HistoryKeepAll
	}
	if q.Reliability == ros.Reliable {
		p.Reliability = rclgo.ReliabilityReliable
	}
	if q.Durability == ros.TransientLocal {
		p.Durability = rclgo.DurabilityTransientLocal
	}
	if q.Liveliness == ros.ManualByTopic {
		p.Liveliness = rclgo.LivelinessManualByTopic
	}
	return p
}

// fromRCL is a QoS that the graph told. What the RMW does not know stays empty.
func fromRCL(p *rclgo.QosProfile) ros.QoS {
	q := ros.QoS{
		Deadline: finite(p.Deadline), Lifespan: finite(p.Lifespan), LivelinessLease: finite(p.LivelinessLeaseDuration),
	}
	switch p.Reliability {
	case rclgo.ReliabilityReliable:
		q.Reliability = ros.Reliable
	case rclgo.ReliabilityBestEffort:
		q.Reliability = ros.BestEffort
	default:
	}
	switch p.Durability {
	case rclgo.DurabilityTransientLocal:
		q.Durability = ros.TransientLocal
	case rclgo.DurabilityVolatile:
		q.Durability = ros.Volatile
	default:
	}
	switch p.History {
	case rclgo.HistoryKeepLast:
		q.History, q.Depth = ros.KeepLast, max(p.Depth, 0)
	case rclgo.HistoryKeepAll:
		q.History = ros.KeepAll
	default:
	}
	switch p.Liveliness {
	case rclgo.LivelinessAutomatic:
		q.Liveliness = ros.Automatic
	case rclgo.LivelinessManualByTopic:
		q.Liveliness = ros.ManualByTopic
	default:
	}
	return q
}

// finite is a duration of which 0 means infinite. An RMW's infinity may overflow
// when it is put together of seconds and nanoseconds.
func finite(d time.Duration) time.Duration {
	if d < 0 || d == rclgo.DurationInfinite {
		return 0
	}
	return d
}
