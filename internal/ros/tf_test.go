package ros

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/msgs/builtin_interfaces"
	"github.com/muster-fleet/muster/msgs/geometry_msgs"
	"github.com/muster-fleet/muster/msgs/tf2_msgs"
)

// drive is a robot that moves and turns, with an odometry that drifts and turns
// against the map: at second s it is at(s) on the map.
type drive struct{ speed, turn, driftX, driftTurn float64 }

func (d drive) at(s float64) planarTransform {
	return planarTransform{20 + 5*math.Sin(d.speed*s/5), -10 + d.speed*s, wrap(d.turn * s)}
}

func (d drive) toOdom(s float64) planarTransform {
	return planarTransform{3 + d.driftX*s, 1 - d.driftX*s, wrap(d.driftTurn * s)}
}

func (d drive) odom(s float64) planarTransform { return d.toOdom(s).inverse().then(d.at(s)) }

// sent is a transform on its way.
type sent struct {
	arrives, stamp float64 // s
	edge           geometry_msgs.TransformStamped
}

func sendEdge(parent, child string, t planarTransform, stamp, arrives float64) sent {
	e := planarEdge(parent, child, t.x)
	e.Header.Stamp = builtin_interfaces.Time{Sec: int32(stamp), Nanosec: uint32(1e9 * (stamp - math.Floor(stamp)))}
	e.Transform.Translation.Y, e.Transform.Rotation = t.y, quaternion(t.th)
	return sent{arrives, stamp, e}
}

// feedEdge gives one transform to a follower; ok says that it told a pose.
func (f fed) feedEdge(t *testing.T, e sent) (p fleet.Pose, ok bool) {
	t.Helper()
	all := f.feed(t, RoleTF, "/a", time.Unix(0, int64(e.arrives*1e9)), &tf2_msgs.TFMessage{Transforms: []geometry_msgs.TransformStamped{e.edge}})
	if len(all) == 0 {
		return p, false
	}
	require.Len(t, all, 1)
	return all[0].Pose, true
}

// However late the two transforms of a chain come, and in whatever order, each
// pose is the true one at its own stamp. A correction that has not come yet is
// missed by no more than it drifted since the newest.
func TestTransformsAreComposedInTime(t *testing.T) {
	told := 0
	rapid.Check(t, func(rt *rapid.T) {
		num := func(name string, most float64) float64 { return rapid.Float64Range(-most, most).Draw(rt, name) }
		d := drive{num("speed", 2), num("turn", 2), num("drift", 0.5), num("drift's turn", 0.5)}
		const start, seconds = 1000.0, 6
		var all []sent
		for i := range 20 * seconds { // odometry lags
			s := start + float64(i)/20
			all = append(all, sendEdge("odom", "base_link", d.odom(s), s, s+rapid.Float64Range(0, 0.5).Draw(rt, "lag")))
		}
		for i := range 5 * seconds { // a localiser lags, too, or posts into the future
			s := start + float64(i)/5
			all = append(all, sendEdge("map", "odom", d.toOdom(s), s, s+rapid.Float64Range(-1, 0.5).Draw(rt, "tolerance")))
		}
		slices.SortStableFunc(all, func(a, b sent) int { return cmp.Compare(a.arrives, b.arrives) })
		f, latest := feeder(), 0.0
		first, newest := math.Inf(1), math.Inf(-1) // stamps of map → odom that have come
		for _, e := range all {
			p, ok := f.feedEdge(t, e)
			if e.edge.ChildFrameID == "odom" {
				first, newest = min(first, e.stamp), max(newest, e.stamp)
				continue
			}
			if !ok || newest < first {
				continue
			}
			if e.stamp < latest {
				rt.Fatalf("a pose of %f after one of %f", e.stamp, latest)
			}
			latest = e.stamp
			held := max(e.stamp-newest, first-e.stamp, 0)
			if held == 0 {
				told++
			}
			o, want := d.odom(e.stamp), d.at(e.stamp)
			miss := 1e-4 + held*(2*math.Abs(d.driftX)+math.Abs(d.driftTurn)*math.Hypot(o.x, o.y))
			if off := math.Hypot(p.X-want.x, p.Y-want.y); off > miss {
				rt.Fatalf("%f m off at %f, the correction %f s old", off, e.stamp, held)
			}
			if off := math.Abs(wrap(p.Yaw - want.th)); off > 1e-4+held*math.Abs(d.driftTurn) {
				rt.Fatalf("%f rad off at %f, the correction %f s old", off, e.stamp, held)
			}
		}
	})
	assert.Greater(t, told, 1000, "poses with a correction of their time")
}

// Odometry as a message is composed in time as well.
func TestOdometryIsCorrectedAtItsOwnStamp(t *testing.T) {
	d := drive{1, 1, 0.5, 0.5}
	var tr track
	for _, s := range []float64{100, 101} { // the newest correction is of later
		e := sendEdge("map", "odom", d.toOdom(s), s, 0)
		at, ok := edgeOf(&e.edge)
		require.True(t, ok)
		tr.transform(at, &Sample{Receive: 1})
	}
	o, want := d.odom(100.5), d.at(100.5)
	p := tr.odometry(fleet.Pose{X: o.x, Y: o.y, Yaw: o.th}, 100_500_000_000, 1)
	assert.InDelta(t, want.x, p.X, 1e-6)
	assert.InDelta(t, want.y, p.Y, 1e-6)
	assert.InDelta(t, want.th, p.Yaw, 1e-6)
}

// A localised pose is of the time of its scan; the robot has driven on since.
func TestALocalisedPoseIsOfItsOwnStamp(t *testing.T) {
	d := drive{speed: 2, turn: 1}
	var tr track
	feed := func(s float64) fleet.Pose {
		o := d.odom(s)
		return tr.odometry(fleet.Pose{X: o.x, Y: o.y, Yaw: o.th}, int64(s*1e9), 1)
	}
	for s := 100.0; s < 101; s += 0.05 {
		feed(s)
	}
	scan := d.at(100.3)
	tr.localised(fleet.Pose{X: scan.x, Y: scan.y, Yaw: scan.th, Frame: "map"}, 100_300_000_000, 1)
	p, want := feed(101), d.at(101)
	assert.InDelta(t, want.x, p.X, 0.01)
	assert.InDelta(t, want.y, p.Y, 0.01)
	assert.True(t, p.Localised)
}

// The simulation starts anew: its stamps begin at 0 again, and what was known of
// its last run is worth nothing.
func TestAClockThatIsSetBackForgetsTransforms(t *testing.T) {
	d := drive{1, 1, 0.01, 0.01}
	f := feeder()
	var p fleet.Pose
	run := func(from float64) {
		for s := from; s < from+1; s += 0.1 {
			p, _ = f.feedEdge(t, sendEdge("odom", "base_link", d.odom(s), s, 1000+s))
		}
	}
	f.feedEdge(t, sendEdge("map", "odom", d.toOdom(100), 100, 1099))
	run(100)
	require.True(t, p.Localised)
	late := sendEdge("odom", "base_link", d.odom(90), 90, 1102)
	_, ok := f.feedEdge(t, late)
	assert.False(t, ok, "one that comes late is none")
	run(101)
	require.True(t, p.Localised, "nor does it forget anything")

	run(0)
	assert.False(t, p.Localised, "no correction of this run has come")
	f.feedEdge(t, sendEdge("map", "odom", d.toOdom(1), 1, 1001))
	run(1)
	require.True(t, p.Localised)
	assert.InDelta(t, d.at(1.9).x, p.X, 1, "held since 1 s")
	assert.LessOrEqual(t, math.Abs(p.Speed), 2.0, "no leap between two runs")
}

func TestHistoriesAreBounded(t *testing.T) {
	var h history
	for i := range 100_000 {
		h.add(int64(i)*int64(time.Microsecond)*100+1, planarTransform{})
		h.add(int64(i)*int64(time.Microsecond)*100-int64(time.Second), planarTransform{})
		require.LessOrEqual(t, len(h.list), historyMost)
	}
	assert.LessOrEqual(t, cap(h.list), 2*historyMost)
	assert.True(t, slices.IsSortedFunc(h.list, func(a, b stamped) int { return cmp.Compare(a.at, b.at) }))
	for i := range 5 {
		h.add(int64(time.Hour)*int64(i+1), planarTransform{})
	}
	assert.Len(t, h.list, 2, "one that is older than the window, for what follows it")
}

// A latched transform holds for all times, whatever its stamp.
func TestALatchedTransformHoldsForAllTimes(t *testing.T) {
	d := drive{speed: 1}
	f := feeder()
	e := sendEdge("map", "odom", d.toOdom(0), 500, 0).edge
	f.feed(t, RoleTFStatic, "/a", time.Unix(1, 0), &tf2_msgs.TFMessage{Transforms: []geometry_msgs.TransformStamped{e}})
	for _, from := range []float64{100, 10, 900} {
		for s := from; s < from+1; s += 0.1 {
			if p, ok := f.feedEdge(t, sendEdge("odom", "base_link", d.odom(s), s, s)); ok {
				require.True(t, p.Localised)
				require.InDelta(t, d.at(s).x, p.X, 1e-4)
			}
		}
	}
}
