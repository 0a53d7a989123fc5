package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// IDFromNamespace is the id of a robot that only its namespace names:
// "/robot1" → "robot1", "/hall/r2" → "hall.r2".
func IDFromNamespace(namespace string) string {
	id := strings.ReplaceAll(strings.Trim(namespace, "/"), "/", ".")
	if id == "" {
		return "robot"
	}
	return id
}

// applyInventory adds or changes a robot by the operator's word, which outranks
// what containers and the domain say.
func (r *Registry) applyInventory(now time.Time, o InventoryObserved) {
	e := r.claim(now, o.ID, At{o.Domain, o.Namespace}, SourceInventory)
	if e == nil {
		return
	}
	e.inventory = true
	e.robot.Name, e.robot.Labels = o.Name, o.Labels
	if o.Engine != "" {
		e.robot.Engine = o.Engine
	}
	e.robot.StateVersion = r.nextVersion()
}

// claim finds or makes the robot that a source names by id, by place or by
// both, and binds it to the place. A weaker source's robot at that place is
// taken over under the stronger one's id. It returns nil when the fleet is
// full, or when a stronger source gave the place to another robot.
func (r *Registry) claim(now time.Time, id string, at At, source Source) *entry {
	there := r.byAt[at]
	if at.Namespace == "" {
		there = nil
	}
	if id == "" {
		if at.Namespace == "" {
			return nil
		}
		if there != nil {
			r.addSource(there, source)
			return there
		}
		id = IDFromNamespace(at.Namespace)
		if taken := r.robots[id]; taken != nil && at.Domain != 0 {
			id = fmt.Sprintf("%s.%d", id, at.Domain)
		}
	}
	e := r.robots[id]
	if e == nil {
		if len(r.robots) >= maxRobots {
			return nil
		}
		e = &entry{robot: Robot{ID: id, Quality: QualityUnseen}}
		r.robots[id] = e
		e.robot.StateVersion = r.nextVersion()
		r.record(Event{
			Time: now, Severity: SeverityInfo, Kind: "robot.appeared", Robot: id,
			Text: fmt.Sprintf("robot %s is known from the %s", id, source),
		})
	}
	if at.Namespace != "" && there != e && !r.move(now, e, at, there, source) {
		return nil
	}
	r.addSource(e, source)
	return e
}

// move binds e to a place that there (or nobody) holds.
func (r *Registry) move(now time.Time, e *entry, at At, there *entry, source Source) bool {
	if e.inventory && source != SourceInventory {
		return true // the inventory has said where this robot is
	}
	if there != nil {
		if there.inventory {
			return source != SourceInventory // never two inventory robots at one place
		}
		r.takeOver(e, there)
		r.remove(now, there.robot.ID, "is now known as "+e.robot.ID)
	}
	delete(r.byAt, At{e.robot.Domain, e.robot.Namespace})
	e.robot.Domain, e.robot.Namespace = at.Domain, at.Namespace
	r.byAt[at] = e
	if o := r.orphans[at]; o != nil {
		e.robot.Nodes, e.robot.Topics = o.nodes, o.topics
		delete(r.orphans, at)
	}
	e.robot.StateVersion = r.nextVersion()
	return true
}

// takeOver gives e what was seen under another id.
func (r *Registry) takeOver(e, from *entry) {
	to, o := &e.robot, &from.robot
	e.pose, e.posed = from.pose, from.posed
	to.Battery, to.Diagnostics, to.Map = o.Battery, o.Diagnostics, o.Map
	to.Nodes, to.Topics, to.LastSeen, to.Quality = o.Nodes, o.Topics, o.LastSeen, o.Quality
	to.Sources = append(slices.Clone(to.Sources), o.Sources...)
	slices.SortFunc(to.Sources, bySource)
	to.Sources = slices.Compact(to.Sources)
	e.period = from.period
	to.PoseVersion = r.nextVersion()
}

func (r *Registry) addSource(e *entry, s Source) {
	if slices.Contains(e.robot.Sources, s) {
		return
	}
	e.robot.Sources = append(slices.Clone(e.robot.Sources), s)
	slices.SortFunc(e.robot.Sources, bySource)
	e.robot.StateVersion = r.nextVersion()
}

func bySource(a, b Source) int { return slices.Index(sources, a) - slices.Index(sources, b) }

var sources = []Source{SourceInventory, SourceContainer, SourceDomain}

// remove takes a robot out of the fleet.
func (r *Registry) remove(now time.Time, id, why string) {
	e := r.robots[id]
	if e == nil {
		return
	}
	delete(r.robots, id)
	if at := (At{e.robot.Domain, e.robot.Namespace}); r.byAt[at] == e {
		delete(r.byAt, at)
	}
	if len(r.gone) == maxGone {
		r.gone = slices.Delete(r.gone, 0, 1)
	}
	r.gone = append(r.gone, Gone{ID: id, Version: r.nextVersion()})
	r.record(Event{
		Time: now, Severity: SeverityInfo, Kind: "robot.removed", Robot: id,
		Text: fmt.Sprintf("robot %s %s", id, why),
	})
}
