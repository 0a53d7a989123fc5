package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// snapshot is how the fleet of a world looks to a manager.
func (w *world) snapshot() fleet.Snapshot {
	snap := fleet.Snapshot{}
	for i := range len(w.robots) {
		id := fmt.Sprintf("r%d", i+1)
		snap.Robots = append(snap.Robots, w.fleetRobot(id))
		snap.Engines = append(snap.Engines, fleet.Engine{
			Name: "e-" + id, State: w.robots[id].engine, Error: "connection refused", OS: "linux", Arch: "amd64",
		})
	}
	return snap
}

func (w *world) holds() map[string]Hold {
	m := make(map[string]Hold)
	for id, s := range w.robots {
		if s.hold != nil {
			m[id] = *s.hold
		}
	}
	return m
}

func (w *world) claims() map[string]string {
	m := make(map[string]string)
	for id, s := range w.robots {
		if s.claimed != "" {
			m[id] = s.claimed
		}
	}
	return m
}

func (w *world) fleetRobot(id string) fleet.Robot {
	s := w.robots[id]
	r := fleet.Robot{
		ID: id, Namespace: "/" + id, Engine: "e-" + id, Quality: fleet.QualityLive, LastSeen: w.now,
		Labels: map[string]string{"station": s.station},
	}
	if !s.noPose {
		r.Pose = &fleet.Pose{Receive: w.now}
	}
	r.Battery = &fleet.Battery{Receive: w.now, Charging: s.charging, Status: "charging"}
	if !s.charging {
		r.Battery.Status = "discharging"
	}
	if s.locked {
		r.UpdateLock = &fleet.UpdateLock{Locked: true, Receive: w.now}
	}
	if s.moving && r.Pose != nil {
		r.Pose.Speed = 1
	}
	if s.offline {
		r.Quality, r.LastSeen = fleet.QualityOffline, s.lastSeen
	}
	old := fleet.Container{
		ID: id + "-old", Name: "amr", Engine: "e-" + id, Role: fleet.RoleCurrent, State: state(s.oldRuns),
		Image: fleet.Image{Ref: "registry/amr:1", Digest: oldDigest}, Health: s.health,
	}
	if s.was != nil {
		old = *s.was
		old.Name, old.Role, old.State = "amr", fleet.RoleCurrent, state(s.oldRuns)
	}
	if !s.undone && (s.newRuns || s.newMade && !s.oldRuns) {
		old.Name, old.Role = "amr.previous", fleet.RolePrevious
	}
	if !s.oldGone {
		r.Containers = append(r.Containers, old)
	}
	if s.newMade {
		i := slices.IndexFunc(w.plan.Robots, func(rp RobotPlan) bool { return rp.Robot == id })
		image := w.plan.image(i)
		c := fleet.Container{
			ID: id + "-new", Name: "amr", Engine: "e-" + id, Role: fleet.RoleCurrent, State: state(s.newRuns),
			Image:      fleet.Image{Ref: image.ByDigest(), Digest: image.Digest},
			Generation: w.plan.Generation, Digest: image.Digest, Rollout: w.plan.ID,
		}
		if s.oldRuns || s.undone {
			c.Name, c.Role = "amr.successor", fleet.RoleSuccessor
		}
		r.Containers = append(r.Containers, c)
	}
	if (s.oldRuns || s.newRuns && !s.silentNew || s.ghost) && !s.mute {
		r.Nodes = []fleet.Node{{Name: "driver", Namespace: "/" + id, Since: t0.Add(-time.Hour)}}
		if s.newRuns && !s.silentNew {
			r.Nodes[0].Since = s.newSince.Add(time.Millisecond)
		}
		r.Topics = []fleet.Topic{{Name: "/" + id + "/odom", Type: "nav_msgs/msg/Odometry", Hz: 10, UsualHz: 10, Last: w.now}}
	}
	if w.look != nil {
		w.look(id, &r)
	}
	return r
}

func state(runs bool) string {
	if runs {
		return "running"
	}
	return "exited"
}
