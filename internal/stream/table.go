package stream

import (
	"bytes"
	"slices"

	"github.com/muster-fleet/muster/internal/fleet"
)

// row is a robot as the stream sees it, with its entries already encoded.
type row struct {
	id      string
	handle  uint32
	pose    *fleet.Pose
	quality fleet.Quality
	dict    []byte // dictEntry as JSON
	state   []byte // slowState as JSON
	same    []byte // state without the times, which alone are no reason to send it
	seen    uint64 // the registry's StateVersion that was looked at last

	// The registry versions at which each part changed.
	poseVersion, dictVersion, stateVersion uint64
}

// goneRow is a handle that was deregistered at a version.
type goneRow struct {
	handle  uint32
	version uint64
}

// maxGoneRows bounds the deregistrations that a session can catch up on.
const maxGoneRows = 4096

// table is the fleet at the version of the last tick. It belongs to the
// goroutine that ticks.
type table struct {
	version    uint64
	rows       []row
	index      map[string]int // id → rows
	lastHandle uint32
	gone       []goneRow // oldest first
	goneFloor  uint64    // a cursor below this may have missed a deregistration
	scratch    []fleet.Robot
}

func newTable() *table { return &table{index: make(map[string]int)} }

// fold takes in what changed in the registry.
func (t *table) fold(reg *fleet.Registry) {
	robots, gone, version, complete := reg.Changes(t.version, t.scratch[:0])
	if !complete {
		whole := reg.Snapshot()
		robots, gone, version = whole.Robots, nil, whole.Version
		// Nobody knows what was removed meanwhile: every session begins anew.
		*t = table{index: make(map[string]int), lastHandle: t.lastHandle, goneFloor: version}
	}
	for _, g := range gone {
		t.remove(g.ID, g.Version)
	}
	for i := range robots {
		t.update(&robots[i])
	}
	t.version = version
	clear(robots) // no old values kept alive by the scratch space
	t.scratch = robots
}

func (t *table) update(r *fleet.Robot) {
	i, known := t.index[r.ID]
	if !known {
		i = len(t.rows)
		t.lastHandle++
		t.rows = append(t.rows, row{id: r.ID, handle: t.lastHandle})
		t.index[r.ID] = i
	}
	w := &t.rows[i]
	w.pose, w.poseVersion, w.quality = r.Pose, r.PoseVersion, r.Quality
	if r.StateVersion <= w.seen {
		return
	}
	w.seen = r.StateVersion
	dict := encode(dictEntry{
		Handle: w.handle, ID: r.ID, Name: r.Name, Namespace: r.Namespace, Labels: r.Labels, Map: r.Map,
	})
	if !bytes.Equal(dict, w.dict) {
		w.dict, w.dictVersion = dict, r.StateVersion
	}
	state := slowStateOf(w.handle, r)
	if same := encode(state.withoutTimes()); !bytes.Equal(same, w.same) {
		w.state, w.same, w.stateVersion = encode(state), same, r.StateVersion
	}
}

func (t *table) remove(id string, version uint64) {
	i, known := t.index[id]
	if !known {
		return
	}
	if len(t.gone) == maxGoneRows {
		t.goneFloor = t.gone[0].version
		t.gone = slices.Delete(t.gone, 0, 1)
	}
	t.gone = append(t.gone, goneRow{t.rows[i].handle, version})
	last := len(t.rows) - 1
	t.rows[i] = t.rows[last]
	t.index[t.rows[i].id] = i
	t.rows[last] = row{}
	t.rows = t.rows[:last]
	delete(t.index, id)
}
