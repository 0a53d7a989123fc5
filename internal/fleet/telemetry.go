package fleet

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// seen finds the robot at a place and notes that data of it arrived.
func (r *Registry) seen(at At, receive time.Time) *entry {
	e := r.byAt[at]
	if e != nil && receive.After(e.robot.LastSeen) {
		e.robot.LastSeen = receive
	}
	return e
}

func (r *Registry) applyPose(now time.Time, o *PoseObserved) {
	if !o.Pose.Finite() {
		return
	}
	e := r.byAt[o.At]
	if e == nil { // only a robot has a pose
		if e = r.claim(now, "", o.At, SourceDomain); e == nil {
			return
		}
	}
	if o.Pose.Receive.After(e.robot.LastSeen) {
		e.robot.LastSeen = o.Pose.Receive
	}
	if e.posed {
		if d := o.Pose.Receive.Sub(e.pose.Receive); d > 0 && d < staleAfter {
			e.period += (d - e.period) / 8
		}
	}
	switch {
	case o.Pose.Moving():
		e.robot.StillSince = time.Time{}
	case e.robot.StillSince.IsZero():
		e.robot.StillSince = o.Pose.Receive
	}
	e.pose, e.posed = o.Pose, true
	e.robot.PoseVersion = r.nextVersion()
	r.judge(now, e)
}

func (r *Registry) applyBattery(now time.Time, o BatteryObserved) {
	e := r.seen(o.At, o.Battery.Receive)
	if e == nil {
		return
	}
	o.Battery.forgetNotFinite()
	old := e.robot.Battery
	e.robot.Battery = &o.Battery
	if old == nil || old.Status != o.Battery.Status || percent(old.Charge) != percent(o.Battery.Charge) {
		e.robot.StateVersion = r.nextVersion()
	}
	r.judge(now, e)
}

func percent(share *float64) int {
	if share == nil {
		return -1
	}
	return int(math.Round(*share * 100))
}

func (r *Registry) applyDiagnostics(now time.Time, o DiagnosticsObserved) {
	e := r.seen(o.At, o.Receive)
	if e == nil || len(o.Items) == 0 {
		return
	}
	var old Diagnostics
	if e.robot.Diagnostics != nil {
		old = *e.robot.Diagnostics
	}
	next, changed := old, false
	if next.Receive = o.Receive; !old.areNewest(o.Items) {
		next, changed = old.with(o)
	}
	e.robot.Diagnostics = &next
	if changed {
		e.robot.StateVersion = r.nextVersion()
	}
	if old.Worst != next.Worst && (next.Worst == LevelError || old.Worst == LevelError) {
		r.record(diagnosticEvent(now, &e.robot))
	}
	r.judge(now, e)
}

// areNewest reports whether these very items were the last to come.
func (d *Diagnostics) areNewest(items []Diagnostic) bool {
	return len(items) == len(d.newest) && &items[0] == &d.newest[0]
}

// maxDiagnostics bounds the components kept per robot.
const maxDiagnostics = 256

// find looks a component up in items that are ordered by name.
func find(items []Diagnostic, component string) (int, bool) {
	return slices.BinarySearchFunc(items, component, func(d Diagnostic, name string) int { return cmp.Compare(d.Name, name) })
}

// with is d with the components of o replaced, and whether a level or message
// changed by that.
func (d Diagnostics) with(o DiagnosticsObserved) (next Diagnostics, changed bool) {
	next = Diagnostics{Worst: LevelOK, Items: slices.Clone(d.Items), Receive: o.Receive, newest: o.Items}
	for _, item := range d.newest { // it may have come again and again since
		if i, found := find(next.Items, item.Name); found {
			next.Items[i].Receive = d.Receive
		}
	}
	for _, item := range o.Items {
		item.Receive = o.Receive
		i, found := find(next.Items, item.Name)
		switch {
		case found:
			changed = changed || next.Items[i].Level != item.Level || next.Items[i].Message != item.Message
			next.Items[i] = item
		case len(next.Items) < maxDiagnostics:
			changed = true
			next.Items = slices.Insert(next.Items, i, item)
		}
	}
	for _, item := range next.Items {
		if item.Level.rank() > next.Worst.rank() {
			next.Worst = item.Level
		}
	}
	return next, changed
}

func (l Level) rank() int {
	return slices.Index([]Level{LevelOK, LevelWarn, LevelStale, LevelError}, l)
}

func diagnosticEvent(now time.Time, robot *Robot) Event {
	ev := Event{
		Time: now, Severity: SeverityInfo, Kind: "diagnostics.cleared", Robot: robot.ID,
		Text: fmt.Sprintf("robot %s reports no error any more", robot.ID),
	}
	for _, item := range robot.Diagnostics.Items {
		if item.Level == LevelError {
			ev.Severity, ev.Kind = SeverityAlarm, "diagnostics.error"
			ev.Text = fmt.Sprintf("robot %s: %s: %s", robot.ID, item.Name, item.Message)
			break
		}
	}
	return ev
}

func (r *Registry) applyLock(now time.Time, o LockObserved) {
	e := r.seen(o.At, o.Lock.Receive)
	if e == nil {
		return
	}
	old := e.robot.UpdateLock
	e.robot.UpdateLock = &o.Lock
	if old == nil || old.Locked != o.Lock.Locked {
		e.robot.StateVersion = r.nextVersion()
	}
	r.judge(now, e)
}

func (r *Registry) applyGraph(now time.Time, o GraphObserved) {
	e := r.byAt[o.At]
	if e == nil && o.Robot {
		e = r.claim(now, "", o.At, SourceDomain)
	}
	if e == nil {
		if or := r.orphan(o.At); or != nil {
			or.nodes = o.Nodes
		}
		return
	}
	if o.Robot {
		r.addSource(e, SourceDomain)
	}
	if !slices.Equal(e.robot.Nodes, o.Nodes) {
		e.robot.Nodes = o.Nodes
		e.robot.StateVersion = r.nextVersion()
	}
}

func (r *Registry) applyTopics(o TopicsObserved) {
	e := r.byAt[o.At]
	if e == nil {
		if or := r.orphan(o.At); or != nil {
			or.topics = o.Topics
		}
		return
	}
	for i := range o.Topics {
		if t := &o.Topics[i]; !finite(t.Hz) || !finite(t.UsualHz) {
			t.Hz, t.UsualHz = 0, 0
		}
	}
	changed := !slices.EqualFunc(e.robot.Topics, o.Topics, sameTopic)
	e.robot.Topics = o.Topics
	if changed {
		e.robot.StateVersion = r.nextVersion()
	}
}

// sameTopic reports whether a reader of the state would see no difference; a
// rate that wanders by a tenth is none.
func sameTopic(a, b Topic) bool {
	wander := math.Abs(a.Hz - b.Hz)
	return a.Name == b.Name && a.Type == b.Type && a.Publishers == b.Publishers && a.Problem == b.Problem && a.Role == b.Role &&
		wander <= 0.1*max(a.Hz, b.Hz)
}

// orphan is the record of a namespace without a robot; nil when there are too
// many.
func (r *Registry) orphan(at At) *orphan {
	o := r.orphans[at]
	if o == nil && len(r.orphans) < maxOrphans {
		o = &orphan{}
		r.orphans[at] = o
	}
	return o
}

func (r *Registry) applyMap(o MapObserved) {
	e := r.byAt[o.At]
	if e == nil || e.robot.Map == o.Grid.Hash {
		return
	}
	if _, known := r.grids[o.Grid.Hash]; !known {
		r.dropUnusedGrids()
		if len(r.grids) >= maxGrids {
			return
		}
		r.grids[o.Grid.Hash] = o.Grid
	}
	e.robot.Map = o.Grid.Hash
	e.robot.StateVersion = r.nextVersion()
}

// dropUnusedGrids frees the grids that no robot moves on any more.
func (r *Registry) dropUnusedGrids() {
	used := make(map[string]bool)
	for _, e := range r.robots {
		used[e.robot.Map] = true
	}
	for hash := range r.grids {
		if !used[hash] {
			delete(r.grids, hash)
		}
	}
}
