package stream

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

var update = flag.Bool("update", false, "rewrite the golden frames")

// golden is a POSE frame with what a client must read from it. The web app's
// tests read the same file.
type golden struct {
	Name         string        `json:"name"`
	Hex          string        `json:"hex"`
	View         uint16        `json:"view"`
	Full         bool          `json:"full"`
	From         Version       `json:"from"`
	Version      Version       `json:"version"`
	ServerTimeMS int64         `json:"server_time_ms"`
	Robots       []goldenRobot `json:"robots"`
}

type goldenRobot struct {
	Handle    uint32        `json:"h"`
	XMM       int32         `json:"x_mm"`
	YMM       int32         `json:"y_mm"`
	Yaw       uint16        `json:"yaw_65536"`
	SpeedMM   int16         `json:"speed_mm_s"`
	TurnM     int16         `json:"turn_mrad_s"`
	Age       uint16        `json:"age_10ms"`
	Localised bool          `json:"localised"`
	Quality   fleet.Quality `json:"quality"`
}

func goldenFrames() []golden {
	at := func(x, y, yaw, speed, turn float64, age time.Duration, localised bool) *fleet.Pose {
		return &fleet.Pose{X: x, Y: y, Yaw: yaw, Speed: speed, Turn: turn, Localised: localised, Receive: t0.Add(-age)}
	}
	many := make([]row, 5)
	for i := range many {
		many[i] = row{handle: uint32(i + 1), poseVersion: uint64(i + 1), pose: at(float64(i), -float64(i)/2, float64(i), 0.1, -0.1, time.Second, i%2 == 0), quality: qualities[i]}
	}
	frame := func(name string, rows []row, from, version uint64) golden {
		f := poseFrame(rows, from, version, t0)
		g := golden{
			Name: name, Hex: hex.EncodeToString(f.Data), View: ViewFleet, Full: from == 0,
			From: Version(from), Version: Version(version), ServerTimeMS: t0.UnixMilli(),
		}
		for i := range rows {
			r := &rows[i]
			if !r.hasPoseSince(from) {
				continue
			}
			g.Robots = append(g.Robots, goldenRobot{
				Handle: r.handle, XMM: int32(saturate(r.pose.X*1000, math.MaxInt32)), YMM: int32(saturate(r.pose.Y*1000, math.MaxInt32)),
				Yaw: turns(r.pose.Yaw), SpeedMM: int16(saturate(r.pose.Speed*1000, math.MaxInt16)),
				TurnM: int16(saturate(r.pose.Turn*1000, math.MaxInt16)),
				Age:   uint16(min(t0.Sub(r.pose.Receive)/ageStep, math.MaxUint16)), Localised: r.pose.Localised, Quality: r.quality,
			})
		}
		return g
	}
	return []golden{
		frame("one robot, full", []row{{handle: 1, poseVersion: 9, pose: at(1.5, -2.25, math.Pi/2, 0.5, -0.25, 120*time.Millisecond, true), quality: fleet.QualityLive}}, 0, 9),
		frame("two of five, after version 3, with padding", many, 3, 5),
		frame("all qualities", many, 0, 1<<53+1),
		frame("values beyond the range saturate", []row{{handle: math.MaxUint32, poseVersion: 1, pose: at(3e6, -3e6, -math.Pi/2, 40, -40, time.Hour, false), quality: fleet.QualityOffline}}, 0, math.MaxUint64),
	}
}

const goldenFile = "testdata/pose.json"

func TestGoldenPoseFrames(t *testing.T) {
	if *update {
		b, err := json.MarshalIndent(goldenFrames(), "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(goldenFile, append(b, '\n'), 0o644))
	}
	b, err := os.ReadFile(goldenFile)
	require.NoError(t, err)
	var want []golden
	require.NoError(t, json.Unmarshal(b, &want))
	require.Equal(t, want, goldenFrames())
	for _, g := range want {
		raw, err := hex.DecodeString(g.Hex)
		require.NoError(t, err)
		_, version, poses := decodePose(t, raw)
		assert.EqualValues(t, g.Version, version)
		require.Len(t, poses, len(g.Robots))
		for i, p := range poses {
			r := g.Robots[i]
			assert.Equal(t, goldenRobot{p.Handle, p.X, p.Y, p.Yaw, p.Speed, p.Turn, p.Age, p.Flags&1 == 1, p.Quality}, r)
		}
	}
}

func TestPoseFrameByHand(t *testing.T) {
	pose := &fleet.Pose{X: 1, Y: -1, Yaw: -math.Pi / 2, Speed: 1, Turn: -0.001, Localised: true, Receive: t0.Add(-time.Second)}
	f := poseFrame([]row{{handle: 2, poseVersion: 5, pose: pose, quality: fleet.QualityStale}}, 4, 5, time.UnixMilli(258))
	assert.Equal(t, ""+
		"01000100"+"01000000"+"0400000000000000"+"0500000000000000"+"0201000000000000"+
		"02000000"+"e8030000"+"18fcffff"+"00c0"+"e803"+"ffff"+"0000"+"05"+"000000",
		hex.EncodeToString(f.Data))
}

func TestNumbersThatJSONCannotHold(t *testing.T) {
	nan := math.NaN()
	w := newWorld()
	w.reg.Apply(w.now, fleet.PoseObserved{At: fleet.At{Namespace: "/r"}, Pose: fleet.Pose{Receive: w.now}},
		fleet.BatteryObserved{At: fleet.At{Namespace: "/r"}, Battery: fleet.Battery{Charge: &nan, Receive: w.now}})
	s, err := w.hub.Open(w.now, User{}, true)
	require.NoError(t, err)
	c := &client{t: t, session: s}
	c.forget()
	c.send(subscribeFleet)
	w.tick()
	c.take() // fails on what is no JSON
	require.Len(t, c.op("pose"), 1)
	assert.Nil(t, c.states[1].Battery.Charge)

	rows := []row{{handle: 1, poseVersion: 1, pose: &fleet.Pose{X: nan, Y: math.Inf(1), Yaw: nan, Receive: w.now}}}
	assert.True(t, json.Valid(poseText(rows, 0, 1, w.now).Data))
	assert.NotEmpty(t, poseFrame(rows, 0, 1, w.now).Data)
}

func TestPoseFrameAllocatesNothingPerRobot(t *testing.T) {
	rows := manyRows(1000)
	allocs := testing.AllocsPerRun(20, func() { poseFrame(rows, 0, 1000, t0) })
	assert.LessOrEqual(t, allocs, 2.0)
}

func manyRows(n int) []row {
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{
			id: fmt.Sprint(i), handle: uint32(i), poseVersion: uint64(i + 1), quality: fleet.QualityLive,
			pose: &fleet.Pose{X: float64(i), Y: 1, Yaw: 2, Speed: 0.5, Receive: t0.Add(-30 * time.Millisecond)},
		}
	}
	return rows
}

// The fan-out of a tick to 200 sessions of 1,000 robots: one shared frame
// against one encoded for each.
func BenchmarkFanOut(b *testing.B) {
	const clients, robots = 200, 1000
	for _, shared := range []bool{true, false} {
		b.Run(fmt.Sprintf("shared=%v", shared), func(b *testing.B) {
			rows := manyRows(robots)
			t := newTable()
			t.rows, t.version = rows, robots
			f := newFrames(t, &fleet.Journal{}, &counters{})
			b.ReportAllocs()
			for b.Loop() {
				f.begin(t0)
				for range clients {
					if !shared {
						clear(f.poses)
					}
					f.pose(0, false)
				}
			}
			b.ReportMetric(float64(b.N)*clients*robots/b.Elapsed().Seconds()/1e6, "Mrobots/s")
		})
	}
}

// A whole tick for 200 sessions that all keep up.
func BenchmarkTick(b *testing.B) {
	w := newWorld()
	var clients []*client
	for range 200 {
		clients = append(clients, connect(b, w.hub, subscribeFleet))
	}
	observations := make([]fleet.Observation, 1000)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		w.now = w.now.Add(100 * time.Millisecond)
		for r := range observations {
			observations[r] = poseAt(fmt.Sprintf("/r%d", r), float64(b.N%100), w.now)
		}
		w.reg.Apply(w.now, observations...)
		b.StartTimer()
		w.hub.serve(w.now)
		b.StopTimer()
		for _, c := range clients {
			c.session.mu.Lock()
			c.session.batch, c.session.control, c.session.flow.n = nil, nil, 0
			c.session.mu.Unlock()
		}
		b.StartTimer()
	}
}
