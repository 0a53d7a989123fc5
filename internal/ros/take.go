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
	dst, err := f.observe(dst, p, s)
	if err != nil {
		f.unreadable(r.topic, err)
	}
	return dst
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
		if c := f.calls[s.Reader]; c != nil {
			f.replied(c, s)
			return nil
		}
		if v, ok = f.byID.Load(s.Reader); !ok {
			return nil // of a reader that has been closed since
		}
	}
	return v.(*topicReader) //nolint:forcetypeassert // byID holds nothing else
}

// observe decodes a sample by the role of its topic and appends what it says.
func (f *Follower) observe(dst []fleet.Observation, r *part, s Sample) ([]fleet.Observation, error) {
	at, d := f.at(r.namespace), f.decoded
	switch r.role {
	case RoleOdometry, RolePose, RoleFix, RoleRobotState:
		p, err := f.pose(r, s)
		if err != nil || p == nil {
			return dst, err
		}
		if dst, err = appendPose(dst, at, *p, r.typ); err != nil {
			return dst, err
		}
		if r.role == RoleRobotState {
			dst = append(dst, fleet.BatteryObserved{At: at, Battery: batteryOf(&d.robot, s)})
		}
		return dst, nil
	case RoleFleetState:
		return f.observeFleet(dst, r.namespace, s)
	case RoleTF, RoleTFStatic:
		return f.observeTF(dst, r, s)
	case RoleBattery:
		b, err := d.decodeBattery(s)
		return appendUnless(err, dst, fleet.BatteryObserved{At: at, Battery: b})
	case RoleUpdateLock:
		l, err := d.decodeLock(s)
		return appendUnless(err, dst, fleet.LockObserved{At: at, Lock: l})
	case RoleDiagnostics:
		items, err := d.decodeDiagnostics(s)
		return appendUnless(err, dst, fleet.DiagnosticsObserved{At: at, Items: items, Receive: receiveTime(s)})
	case RoleMap:
		g, err := d.decodeGrid(s)
		if err == nil {
			f.mu.Lock()
			f.maps[r.namespace] = g
			f.mu.Unlock()
		}
		return appendUnless(err, dst, fleet.MapObserved{At: at, Grid: g})
	case RoleClock:
		ns, err := d.decodeClock(s)
		if err == nil && r.namespace == "/" && f.clock.set(ns, s.Receive) {
			f.epoch++ // the simulation began anew
		}
		return dst, err
	}
	panic("ros: no decoder for the role " + string(r.role))
}

func appendUnless(err error, dst []fleet.Observation, o fleet.Observation) ([]fleet.Observation, error) {
	if err != nil {
		return dst, err
	}
	return append(dst, o), nil
}

// appendPose is where all poses pass: none that JSON cannot hold goes on, be it
// that its source told so or that frames far apart were composed.
func appendPose(dst []fleet.Observation, at fleet.At, p fleet.Pose, typ string) ([]fleet.Observation, error) {
	if !p.Finite() {
		return dst, notFinite(typ)
	}
	return append(dst, fleet.PoseObserved{At: at, Pose: p}), nil
}

func receiveTime(s Sample) time.Time { return time.Unix(0, s.Receive).UTC() }

// pose decodes one of the sources of a pose; nil when a better source speaks.
func (f *Follower) pose(r *part, s Sample) (*fleet.Pose, error) {
	t := f.track(r.namespace)
	var p fleet.Pose
	var err error
	switch r.role {
	case RoleOdometry:
		if p, err = f.decoded.decodeOdometry(s); err == nil {
			p = t.odometry(p, nanoseconds(f.decoded.odometry.Header.Stamp), s.Receive)
		}
	case RolePose:
		if p, err = f.decoded.decodePose(s, t.motion); err == nil {
			p = t.localised(p, nanoseconds(f.decoded.pose.Header.Stamp), s.Receive)
		}
	case RoleRobotState:
		if err = f.decoded.robot.UnmarshalCDR(s.CDR); err == nil {
			p = t.moved(poseOf(&f.decoded.robot, s), nanoseconds(f.decoded.robot.Location.T))
		}
	default:
		var ok bool
		if p, ok, err = f.decoded.decodeFix(s); err != nil || !ok || t.placed(s.Receive) {
			return nil, err
		}
		p = t.moved(p, nanoseconds(f.decoded.fix.Header.Stamp))
	}
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// observeFleet takes Open-RMF's state of many robots: each is a robot in the
// topic's namespace, by its name.
func (f *Follower) observeFleet(dst []fleet.Observation, namespace string, s Sample) (_ []fleet.Observation, bad error) {
	m := &f.decoded.fleet
	if err := m.UnmarshalCDR(s.CDR); err != nil {
		return dst, err
	}
	for i := range m.Robots {
		r := &m.Robots[i]
		ns := Join(namespace, r.Name)
		if !ValidName(ns) {
			continue
		}
		at, err := f.at(ns), error(nil)
		if dst, err = appendPose(dst, at, f.track(ns).moved(poseOf(r, s), nanoseconds(r.Location.T)), r.TypeName()); err != nil {
			bad = err
			continue // the others are sound
		}
		dst = append(dst, fleet.BatteryObserved{At: at, Battery: batteryOf(r, s)})
	}
	return dst, bad
}

// observeTF takes transforms: of one robot, or on the domain's own topic of those
// whose frames begin with a robot's name.
func (f *Follower) observeTF(dst []fleet.Observation, r *part, s Sample) (_ []fleet.Observation, bad error) {
	m := &f.decoded.tf
	if err := m.UnmarshalCDR(s.CDR); err != nil {
		return dst, err
	}
	for i := range m.Transforms {
		e, ok := edgeOf(&m.Transforms[i])
		if !ok {
			continue
		}
		e.fixed = r.role == RoleTFStatic
		ns := r.namespace
		if ns == "/" && e.prefix != "" {
			ns = "/" + e.prefix
		}
		if p, ok := f.track(ns).transform(e, s); ok && f.isRobot(ns) {
			var err error
			if dst, err = appendPose(dst, f.at(ns), p, m.TypeName()); err != nil {
				bad = err
			}
		}
	}
	return dst, bad
}

// maxTracks bounds the robots that a message can name.
const maxTracks = 20_000

func (f *Follower) track(namespace string) *track {
	t := f.tracks[namespace]
	if t == nil {
		if len(f.tracks) >= maxTracks {
			clear(f.tracks)
		}
		t = &track{epoch: f.epoch}
		f.tracks[namespace] = t
	}
	if t.epoch != f.epoch {
		t.epoch = f.epoch
		t.forget()
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
