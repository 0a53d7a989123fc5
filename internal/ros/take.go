package ros

import (
	"context"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// take turns samples into observations, one Apply for each batch.
func (f *Follower) take(ctx context.Context) error {
	var batch Batch
	var observations []fleet.Observation
	for {
		if err := f.transport.Take(ctx, &batch); err != nil {
			return err
		}
		now := time.Now()
		observations = observations[:0]
		for _, s := range batch.Samples {
			observations = f.sample(observations, s)
		}
		if len(observations) > 0 {
			f.apply(now, observations...)
		}
	}
}

func (f *Follower) sample(dst []fleet.Observation, s Sample) []fleet.Observation {
	r := f.readerOf(s)
	if r == nil {
		return dst
	}
	r.total.Add(1)
	r.last.Store(s.Receive)
	r.relay(s)
	p := r.part.Load()
	if p == nil {
		return dst
	}
	o, err := f.observe(p, s)
	if err != nil {
		f.unreadable(r.topic, err)
		return dst
	}
	return append(dst, o)
}

// readerOf finds a sample's reader, or folds a node list into the graph.
func (f *Follower) readerOf(s Sample) *topicReader {
	v, ok := f.byID.Load(s.Reader)
	if !ok {
		f.mu.Lock() // whoever opens a reader holds it: the reader may be new
		defer f.mu.Unlock()
		if s.Reader == f.info {
			f.nodeList(s)
			return nil
		}
		if v, ok = f.byID.Load(s.Reader); !ok {
			return nil // of a reader that has been closed since
		}
	}
	return v.(*topicReader) //nolint:forcetypeassert // byID holds nothing else
}

// observe decodes a sample by the role of its topic.
func (f *Follower) observe(r *part, s Sample) (fleet.Observation, error) {
	at := f.at(r.namespace)
	switch r.role {
	case RoleOdometry:
		p, err := f.decoded.decodeOdometry(s)
		if err != nil {
			return nil, err
		}
		return fleet.PoseObserved{At: at, Pose: f.track(r.namespace).odometry(p)}, nil
	case RolePose:
		t := f.track(r.namespace)
		p, err := f.decoded.decodePose(s, t.motion())
		if err != nil {
			return nil, err
		}
		return fleet.PoseObserved{At: at, Pose: t.localised(p)}, nil
	case RoleBattery:
		b, err := f.decoded.decodeBattery(s)
		return fleet.BatteryObserved{At: at, Battery: b}, err
	case RoleDiagnostics:
		items, err := f.decoded.decodeDiagnostics(s)
		return fleet.DiagnosticsObserved{At: at, Items: items, Receive: time.Unix(0, s.Receive).UTC()}, err
	case RoleMap:
		g, err := f.decoded.decodeGrid(s)
		return fleet.MapObserved{At: at, Grid: g}, err
	}
	panic("ros: no decoder for the role " + string(r.role))
}

func (f *Follower) track(namespace string) *track {
	t := f.tracks[namespace]
	if t == nil {
		t = &track{}
		f.tracks[namespace] = t
	}
	return t
}

// nodeList folds a sample of InfoTopic into the graph; mu is held.
func (f *Follower) nodeList(s Sample) {
	fact, size, err := f.infos.decode(s.CDR)
	if err != nil {
		f.bad[InfoTopic]++
		f.graph.refused["unreadable_nodes"]++
		return
	}
	if fact.Participant == f.transport.Participant() {
		return
	}
	if len(f.gidSizes) < f.options.Limits.Participants {
		f.gidSizes[fact.Participant] = size
	}
	f.graph.Apply(fact)
	f.touch()
}

// unreadable counts a sample that could not be read, and logs the first of a
// topic and then each thousandth.
func (f *Follower) unreadable(topic string, err error) {
	f.mu.Lock()
	f.bad[topic]++
	n := f.bad[topic]
	if r := f.readers[topic]; r != nil {
		r.problem = "unreadable samples: " + err.Error()
	}
	f.mu.Unlock()
	if n%1000 == 1 {
		f.log.Warn("read a sample", "topic", topic, "count", n, "err", err)
	}
}
