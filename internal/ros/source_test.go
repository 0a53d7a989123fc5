package ros

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/msgs/diagnostic_msgs"
	"github.com/muster-fleet/muster/msgs/nav_msgs"
	"github.com/muster-fleet/muster/msgs/sensor_msgs"
)

// What is read of odometry by hand is what the generated decoder reads, and a sample
// that is cut off anywhere is refused by both.
func TestOdometryIsReadAsTheGeneratedDecoderDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := nav_msgs.NewOdometry()
		m.Header.Stamp.Sec, m.Header.Stamp.Nanosec = rapid.Int32().Draw(t, "sec"), rapid.Uint32Max(999_999_999).Draw(t, "ns")
		m.Header.FrameID, m.ChildFrameID = rapid.StringN(0, 20, 20).Draw(t, "frame"), rapid.StringN(0, 20, 20).Draw(t, "child")
		num := func(name string) float64 { return rapid.Float64Range(-1e6, 1e6).Draw(t, name) }
		m.Pose.Pose.Position.X, m.Pose.Pose.Position.Y = num("x"), num("y")
		m.Pose.Pose.Orientation = quaternion(num("yaw"))
		m.Twist.Twist.Linear.X, m.Twist.Twist.Angular.Z = num("speed"), num("turn")
		sample, err := m.MarshalCDR(nil)
		if err != nil {
			t.Skip(err)
		}
		cut := rapid.IntRange(0, len(sample)).Draw(t, "cut")
		var whole nav_msgs.Odometry
		var frame string
		p, stamp, err := decodeOdometry(&Sample{CDR: sample[:cut]}, &frame)
		require.Equal(t, whole.UnmarshalCDR(sample[:cut]) == nil, err == nil, "%v", err)
		if err != nil {
			return
		}
		v := whole.Twist.Twist
		assert.Equal(t, fleet.Pose{
			X: whole.Pose.Pose.Position.X, Y: whole.Pose.Pose.Position.Y, Yaw: yaw(whole.Pose.Pose.Orientation), Speed: v.Linear.X, Turn: v.Angular.Z,
			Frame: whole.Header.FrameID, Localised: whole.Header.FrameID == "map", Source: p.Source, Receive: p.Receive,
		}, p)
		assert.Equal(t, nanoseconds(whole.Header.Stamp), stamp)
	})
}

// A driver that says the same again costs no decoding, and what it says stays fresh;
// what it says anew is read.
func TestWhatIsRepeatedIsNotReadAgain(t *testing.T) {
	f := feeder()
	registry := fleet.NewRegistry(&fleet.Journal{})
	say := func(role Role, second int64, m message) fleet.Robot {
		at := time.Unix(second, 0).UTC()
		f.feed(t, role, "/a", at, m)
		registry.Apply(at, f.told.rest...)
		r, _ := registry.Robot("a")
		return r
	}
	registry.Apply(time.Unix(1, 0), fleet.GraphObserved{At: fleet.At{Namespace: "/a"}, Robot: true})
	battery := sensor_msgs.BatteryState{Percentage: 0.5}
	health := diagnostic_msgs.DiagnosticArray{Status: []diagnostic_msgs.DiagnosticStatus{{Name: "motor"}}}
	say(RoleBattery, 1, &battery)
	first := say(RoleDiagnostics, 1, &health)
	battery.Header.Stamp.Sec, health.Header.Stamp.Sec = 2, 2
	say(RoleBattery, 2, &battery)
	again := say(RoleDiagnostics, 2, &health)
	assert.Same(t, first.Battery.Charge, again.Battery.Charge)
	assert.Same(t, &first.Diagnostics.Items[0], &again.Diagnostics.Items[0])
	assert.Equal(t, time.Unix(2, 0).UTC(), again.Battery.Receive)
	assert.Equal(t, time.Unix(2, 0).UTC(), again.Diagnostics.Receive)
	assert.Equal(t, time.Unix(1, 0).UTC(), first.Diagnostics.Receive, "what was given out is never changed")

	battery.Percentage, health.Status[0].Level = 0.25, diagnostic_msgs.DiagnosticStatusError
	say(RoleBattery, 3, &battery)
	r := say(RoleDiagnostics, 3, &health)
	assert.InDelta(t, 0.25, *r.Battery.Charge, 1e-6)
	assert.Equal(t, fleet.LevelError, r.Diagnostics.Worst)
}

// A batch of odometry costs the follower and the registry no memory per sample.
func TestOdometryAllocatesNothing(t *testing.T) {
	f := feeder()
	registry := fleet.NewRegistry(&fleet.Journal{})
	m := nav_msgs.NewOdometry()
	m.Header.FrameID, m.Pose.Pose.Orientation.W = "odom", 1
	sample, err := m.MarshalCDR(nil)
	require.NoError(t, err)
	var batch []Sample
	for id := range ReaderID(100) {
		r := &topicReader{id: id}
		r.part.Store(&part{specOf(RoleOdometry), "/r" + string(rune('a'+id))})
		r.streams.Store(new([]*RawStream))
		f.byID.Store(id, r)
		batch = append(batch, Sample{Reader: id, CDR: sample})
	}
	now := time.Now()
	allocs := testing.AllocsPerRun(50, func() {
		now = now.Add(10 * time.Millisecond)
		for i := range batch {
			batch[i].Receive = now.UnixNano()
		}
		registry.Apply(now, f.observations(batch)...)
	})
	assert.LessOrEqual(t, allocs, 5.0, "for a batch of 100")
	assert.Len(t, registry.Snapshot().Robots, 100)
	assert.False(t, math.IsNaN(registry.Snapshot().Robots[0].Pose.X))
}
