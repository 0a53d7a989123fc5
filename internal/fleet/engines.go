package fleet

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// applyEngine replaces what is known of one engine. A list of containers is
// the whole truth about that engine; no list leaves the last one.
func (r *Registry) applyEngine(now time.Time, o EngineObserved) {
	old, known := r.engines[o.Engine.Name]
	entry := engineEntry{engine: o.Engine, containers: old.containers}
	if o.Containers != nil {
		entry.containers = o.Containers
	}
	r.engines[o.Engine.Name] = entry
	if !known || old.engine.State != o.Engine.State || old.engine.Error != o.Engine.Error {
		r.nextVersion()
	}
	if old.engine.State != o.Engine.State {
		r.recordEngine(now, o.Engine, known)
	}
	if o.Containers != nil {
		r.bindContainers(now, o.Engine.Name, old.containers)
	}
}

func (r *Registry) recordEngine(now time.Time, e Engine, known bool) {
	ev := Event{Time: now, Kind: "engine." + string(e.State), Engine: e.Name}
	switch e.State {
	case EngineUp:
		ev.Severity, ev.Text = SeverityInfo, fmt.Sprintf("engine %s answers (%s, API %s)", e.Name, e.Version, e.API)
	case EngineHung, EngineDown:
		ev.Severity, ev.Text = SeverityAlarm, fmt.Sprintf("engine %s is %s: %s", e.Name, e.State, e.Error)
	case EngineConnecting:
		if !known {
			return
		}
		ev.Severity, ev.Text = SeverityInfo, fmt.Sprintf("engine %s: connecting", e.Name)
	}
	r.record(ev)
}

// bindContainers gives each robot of the engine its containers.
func (r *Registry) bindContainers(now time.Time, engine string, old []Container) {
	touched := make(map[*entry]bool)
	for _, c := range old {
		if e := r.robotOf(c); e != nil {
			touched[e] = true
		}
	}
	for _, c := range r.engines[engine].containers {
		if e := r.claim(now, c.RobotID, At{c.Domain, c.Namespace}, SourceContainer); e != nil {
			touched[e] = true
			if e.robot.Engine == "" {
				e.robot.Engine = engine
			}
		}
	}
	for e := range touched {
		next := r.containersOf(e, engine)
		if reflect.DeepEqual(next, e.robot.Containers) {
			continue
		}
		r.recordExits(now, e, next)
		e.robot.Containers = next
		e.robot.StateVersion = r.nextVersion()
	}
}

// robotOf finds the robot that a container belongs to.
func (r *Registry) robotOf(c Container) *entry {
	if e := r.robots[c.RobotID]; e != nil {
		return e
	}
	return r.byAt[At{c.Domain, c.Namespace}]
}

// containersOf are a robot's containers after those of one engine changed.
func (r *Registry) containersOf(e *entry, engine string) []Container {
	var all []Container
	for _, c := range e.robot.Containers {
		if c.Engine != engine && r.robotOf(c) == e {
			all = append(all, c)
		}
	}
	for _, c := range r.engines[engine].containers {
		if r.robotOf(c) == e {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Container) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// recordExits tells of containers that ended on their own: those that ran and
// do not any more, with an exit code that is not a stop's.
func (r *Registry) recordExits(now time.Time, e *entry, next []Container) {
	for _, was := range e.robot.Containers {
		i := slices.IndexFunc(next, func(c Container) bool { return c.ID == was.ID })
		if i < 0 || !was.Running() || next[i].Running() {
			continue
		}
		c := next[i]
		ev := Event{
			Time: now, Severity: SeverityInfo, Kind: "container.exited", Robot: e.robot.ID, Engine: c.Engine,
			Text: fmt.Sprintf("container %s of robot %s ended with code %d", c.Name, e.robot.ID, c.ExitCode),
		}
		if c.ExitCode != 0 || c.OOMKilled {
			ev.Severity = SeverityWarning
		}
		if c.OOMKilled {
			ev.Text += " (out of memory)"
		}
		r.record(ev)
	}
}
