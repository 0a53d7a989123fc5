package msgs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/dynamic"
	"github.com/muster-fleet/muster/msgs/nav_msgs"
	"github.com/muster-fleet/muster/msgs/sensor_msgs"
)

// odometry is a sample as a robot sends it.
func odometry(t testing.TB) []byte {
	t.Helper()
	m := nav_msgs.NewOdometry()
	m.Header.FrameID, m.ChildFrameID = "robot1/odom", "robot1/base_link"
	sample, err := m.MarshalCDR(nil)
	require.NoError(t, err)
	return sample
}

// One allocation for each string of a new struct, none for a used one.
func TestOdometryAllocations(t *testing.T) {
	sample := odometry(t)
	fresh := testing.AllocsPerRun(100, func() {
		var m nav_msgs.Odometry
		if err := m.UnmarshalCDR(sample); err != nil {
			t.Fatal(err)
		}
	})
	require.LessOrEqual(t, fresh, 2.0)
	var m nav_msgs.Odometry
	used := testing.AllocsPerRun(100, func() {
		if err := m.UnmarshalCDR(sample); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, used)
	buf := make([]byte, 0, 1024)
	written := testing.AllocsPerRun(100, func() {
		if _, err := m.MarshalCDR(buf); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, written)
}

func BenchmarkOdometryDecodeFresh(b *testing.B) {
	sample := odometry(b)
	b.SetBytes(int64(len(sample)))
	b.ReportAllocs()
	for b.Loop() {
		var m nav_msgs.Odometry
		if err := m.UnmarshalCDR(sample); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOdometryDecodeReused(b *testing.B) {
	sample := odometry(b)
	b.SetBytes(int64(len(sample)))
	b.ReportAllocs()
	var m nav_msgs.Odometry
	for b.Loop() {
		if err := m.UnmarshalCDR(sample); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOdometryEncode(b *testing.B) {
	var m nav_msgs.Odometry
	require.NoError(b, m.UnmarshalCDR(odometry(b)))
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.MarshalCDR(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLaserScanDecodeReused(b *testing.B) {
	in := sensor_msgs.LaserScan{Ranges: make([]float32, 1440), Intensities: make([]float32, 1440)}
	sample, err := in.MarshalCDR(nil)
	require.NoError(b, err)
	b.SetBytes(int64(len(sample)))
	b.ReportAllocs()
	var m sensor_msgs.LaserScan
	for b.Loop() {
		if err := m.UnmarshalCDR(sample); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOccupancyGridDecodeReused(b *testing.B) {
	in := nav_msgs.OccupancyGrid{Data: make([]int8, 1<<20)}
	sample, err := in.MarshalCDR(nil)
	require.NoError(b, err)
	b.SetBytes(int64(len(sample)))
	b.ReportAllocs()
	var m nav_msgs.OccupancyGrid
	for b.Loop() {
		if err := m.UnmarshalCDR(sample); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDynamicOdometry(b *testing.B) {
	sample := odometry(b)
	c, err := dynamic.New(msgs.Default().Set(), "nav_msgs/msg/Odometry")
	require.NoError(b, err)
	b.ReportAllocs()
	var text []byte
	for b.Loop() {
		o, err := c.Decode(sample)
		if err != nil {
			b.Fatal(err)
		}
		text = dynamic.AppendJSON(text[:0], o)
	}
}

// What the first Lookup costs, once for each process and for each distribution.
func BenchmarkNewRegistry(b *testing.B) {
	set := msgs.Default().Set()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := msgs.NewRegistry(set); err != nil {
			b.Fatal(err)
		}
	}
}
