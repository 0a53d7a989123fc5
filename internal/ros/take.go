package ros

import (
	"context"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// told is what the samples of a batch say; its memory is used for the next one.
type told struct {
	poses []fleet.PoseObserved
	rest  []fleet.Observation
}

func (t *told) add(o fleet.Observation) { t.rest = append(t.rest, o) }

// take turns samples into observations, one Apply for each batch.
func (f *Follower) take(ctx context.Context) error {
	var batch Batch
	for {
		if err := f.transport.Take(ctx, &batch); err != nil {
			return err
		}
		now := time.Now()
		if all := f.observations(batch.Samples); len(all) > 0 {
			f.apply(now, all...)
		}
	}
}

// observations are what a batch says: first the poses, by which a robot becomes
// known.
func (f *Follower) observations(samples []Sample) []fleet.Observation {
	f.told.poses, f.told.rest = f.told.poses[:0], append(f.told.rest[:0], nil)
	for i := range samples {
		f.sample(&samples[i])
	}
	if len(f.told.poses) == 0 {
		return f.told.rest[1:]
	}
	f.told.rest[0] = fleet.PosesObserved{Poses: f.told.poses}
	return f.told.rest
}

func (f *Follower) sample(s *Sample) {
	src := f.sourceOf(*s)
	if src == nil {
		return
	}
	r := src.reader
	r.total.Add(1)
	r.last.Store(s.Receive)
	r.relay(*s)
	if src.part == nil {
		return
	}
	f.read(r, f.observe(src, s))
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

// observe decodes a sample by the role of its topic and tells what it says.
func (f *Follower) observe(src *source, s *Sample) error {
	d, r := f.decoded, src.part
	switch r.role {
	case RoleOdometry, RolePose, RoleFix, RoleRobotState:
		return f.observePose(src, s)
	case RoleFleetState:
		return f.observeFleet(r.namespace, s)
	case RoleTF, RoleTFStatic:
		return f.observeTF(r, s)
	case RoleBattery:
		if !src.last.same(d.seed, s.CDR) {
			b, err := d.decodeBattery(*s)
			if err != nil {
				src.last = repeated{}
				return err
			}
			src.battery = b
		}
		src.battery.Receive = receiveTime(s)
		f.told.add(fleet.BatteryObserved{At: src.at, Battery: src.battery})
	case RoleUpdateLock:
		l, err := d.decodeLock(*s)
		if err != nil {
			return err
		}
		f.told.add(fleet.LockObserved{At: src.at, Lock: l})
	case RoleDiagnostics:
		if !src.last.same(d.seed, s.CDR) {
			items, err := d.decodeDiagnostics(*s)
			if err != nil {
				src.last = repeated{}
				return err
			}
			src.diagnostics = items
		}
		f.told.add(fleet.DiagnosticsObserved{At: src.at, Items: src.diagnostics, Receive: receiveTime(s)})
	case RoleMap:
		return f.observeMap(src, s)
	case RoleClock:
		ns, err := d.decodeClock(*s)
		if err == nil && r.namespace == "/" && f.clock.set(ns, s.Receive) {
			f.epoch++ // the simulation began anew
		}
		return err
	default:
		panic("ros: no decoder for the role " + string(r.role))
	}
	return nil
}

func (f *Follower) observeMap(src *source, s *Sample) error {
	g, err := f.decoded.decodeGrid(*s)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.maps[src.at.Namespace] = g
	f.mu.Unlock()
	f.told.add(fleet.MapObserved{At: src.at, Grid: g})
	return nil
}

// tellPose is where all poses pass: none that JSON cannot hold goes on, be it that
// its source told so or that frames far apart were composed.
func (f *Follower) tellPose(at fleet.At, p *fleet.Pose, typ string) error {
	if !p.Finite() {
		return notFinite(typ)
	}
	f.told.poses = append(f.told.poses, fleet.PoseObserved{At: at, Pose: *p})
	return nil
}

func receiveTime(s *Sample) time.Time { return time.Unix(0, s.Receive).UTC() }

// observePose decodes one of the sources of a pose, and is silent while a better
// source speaks.
func (f *Follower) observePose(src *source, s *Sample) error {
	t, d := f.trackOf(src), f.decoded
	var p fleet.Pose
	var err error
	switch src.part.role {
	case RoleOdometry:
		var stamp int64
		if p, stamp, err = decodeOdometry(s, &src.frame); err == nil {
			p = t.odometry(p, stamp, s.Receive)
		}
	case RolePose:
		if p, err = d.decodePose(s, t.motion); err == nil {
			p = t.localised(p, nanoseconds(d.pose.Header.Stamp), s.Receive)
		}
	case RoleRobotState:
		if err = d.robot.UnmarshalCDR(s.CDR); err == nil {
			p = t.moved(poseOf(&d.robot, s), nanoseconds(d.robot.Location.T))
		}
	default:
		var ok bool
		if p, ok, err = d.decodeFix(s); err != nil || !ok || t.placed(s.Receive) {
			return err
		}
		p = t.moved(p, nanoseconds(d.fix.Header.Stamp))
	}
	if err == nil {
		err = f.tellPose(src.at, &p, src.part.typ)
	}
	if err == nil && src.part.role == RoleRobotState {
		f.told.add(fleet.BatteryObserved{At: src.at, Battery: batteryOf(&d.robot, s)})
	}
	return err
}

// observeFleet takes Open-RMF's state of many robots: each is a robot in the
// topic's namespace, by its name.
func (f *Follower) observeFleet(namespace string, s *Sample) (bad error) {
	m := &f.decoded.fleet
	if err := m.UnmarshalCDR(s.CDR); err != nil {
		return err
	}
	for i := range m.Robots {
		r := &m.Robots[i]
		ns := Join(namespace, r.Name)
		if !ValidName(ns) {
			continue
		}
		p := f.track(ns).moved(poseOf(r, s), nanoseconds(r.Location.T))
		if err := f.tellPose(f.at(ns), &p, r.TypeName()); err != nil {
			bad = err
			continue // the others are sound
		}
		f.told.add(fleet.BatteryObserved{At: f.at(ns), Battery: batteryOf(r, s)})
	}
	return bad
}

// observeTF takes transforms: of one robot, or on the domain's own topic of those
// whose frames begin with a robot's name.
func (f *Follower) observeTF(r *part, s *Sample) (bad error) {
	m := &f.decoded.tf
	if err := m.UnmarshalCDR(s.CDR); err != nil {
		return err
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
			if err := f.tellPose(f.at(ns), &p, m.TypeName()); err != nil {
				bad = err
			}
		}
	}
	return bad
}

// maxTracks bounds the robots that a message can name.
const maxTracks = 20_000

func (f *Follower) track(namespace string) *track {
	t := f.tracks[namespace]
	if t == nil {
		if len(f.tracks) >= maxTracks {
			clear(f.tracks)
			f.epoch++ // no source keeps one that others do not find
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
