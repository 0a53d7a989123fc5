package stream

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

var t0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// client is a viewer that applies frames as the web app does.
type client struct {
	t       testing.TB
	session *Session
	mu      sync.Mutex // for tests that read and look in two goroutines
	epoch   string
	version struct{ state, pose uint64 }
	dict    map[uint32]dictEntry
	states  map[uint32]slowState
	poses   map[uint32]point
	events  []fleet.Event
	gaps    int
	said    []map[string]any // the other messages
	frames  int              // of poses
}

type point struct {
	X, Y    int32
	Yaw     uint16
	Speed   int16
	Turn    int16
	Age     uint16
	Flags   byte
	Handle  uint32
	Quality fleet.Quality
}

func connect(t testing.TB, h *Hub, subscribe string) *client {
	t.Helper()
	s, err := h.Open(t0, User{Name: "ada", Role: RoleViewer}, false)
	require.NoError(t, err)
	c := &client{t: t, session: s}
	c.forget()
	c.take()
	c.send("%s", subscribe)
	return c
}

func (c *client) forget() {
	c.dict, c.states, c.poses = map[uint32]dictEntry{}, map[uint32]slowState{}, map[uint32]point{}
}

func (c *client) send(format string, args ...any) {
	c.session.Receive(fmt.Appendf(nil, format, args...))
}

// take applies all that is ready, without waiting.
func (c *client) take() (frames []*Frame) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		got, err := c.session.Next(ctx)
		if errors.Is(err, context.Canceled) || errors.Is(err, ErrClosed) {
			return frames
		}
		require.NoError(c.t, err)
		for _, f := range got {
			c.apply(f)
		}
		frames = append(frames, got...)
	}
}

func (c *client) ack() { c.send(`{"op":"ack","version":"%d"}`, c.version.pose) }

func (c *client) apply(f *Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !f.Text {
		c.applyPose(f.Data)
		return
	}
	var m struct {
		Op      string          `json:"op"`
		Epoch   string          `json:"epoch"`
		From    Version         `json:"from"`
		Version json.RawMessage `json:"version"`
		Robots  json.RawMessage `json:"robots"`
		H       []uint32        `json:"h"`
		Events  []fleet.Event   `json:"events"`
		Gap     bool            `json:"gap"`
	}
	require.NoError(c.t, json.Unmarshal(f.Data, &m), "%s", f.Data)
	version := func() (v Version) {
		require.NoError(c.t, json.Unmarshal(m.Version, &v))
		return v
	}
	switch m.Op {
	case "hello":
		c.epoch = m.Epoch
	case "subscribed":
		if version() == 0 {
			c.forget()
		}
		c.version.state, c.version.pose = uint64(version()), uint64(version())
	case "dict":
		var entries []dictEntry
		require.NoError(c.t, json.Unmarshal(m.Robots, &entries))
		for _, e := range entries {
			c.dict[e.Handle] = e
		}
	case "state":
		require.LessOrEqual(c.t, uint64(m.From), c.version.state, "a state frame leaves a gap")
		var states []slowState
		require.NoError(c.t, json.Unmarshal(m.Robots, &states))
		for _, s := range states {
			c.requireKnown(s.Handle)
			c.states[s.Handle] = s
		}
		c.version.state = uint64(version())
	case "gone":
		for _, h := range m.H {
			delete(c.dict, h)
			delete(c.states, h)
			delete(c.poses, h)
		}
	case "event":
		c.events = append(c.events, m.Events...)
		if m.Gap {
			c.gaps++
		}
	}
	var any map[string]any
	require.NoError(c.t, json.Unmarshal(f.Data, &any))
	c.said = append(c.said, any)
}

func (c *client) names() (names []string) {
	for _, e := range c.dict {
		names = append(names, e.Name)
	}
	return names
}

func (c *client) requireKnown(handle uint32) {
	if _, known := c.dict[handle]; !known {
		c.t.Fatalf("a frame names handle %d, which no dict has told of", handle)
	}
}

func (c *client) applyPose(b []byte) {
	from, version, poses := decodePose(c.t, b)
	require.LessOrEqual(c.t, from, c.version.pose, "a pose frame leaves a gap")
	c.version.pose = version
	c.frames++
	for _, p := range poses {
		c.requireKnown(p.Handle)
		c.poses[p.Handle] = p
	}
}

func decodePose(t testing.TB, b []byte) (from, version uint64, poses []point) {
	le := binary.LittleEndian
	require.Equal(t, byte(opPose), b[0])
	n := int(le.Uint32(b[4:]))
	require.Zero(t, len(b)%4)
	col := b[poseHeader:]
	for i := range n {
		p := point{
			Handle: le.Uint32(col[4*i:]), X: int32(le.Uint32(col[4*n+4*i:])), Y: int32(le.Uint32(col[8*n+4*i:])),
			Yaw: le.Uint16(col[12*n+2*i:]), Speed: int16(le.Uint16(col[14*n+2*i:])),
			Turn: int16(le.Uint16(col[16*n+2*i:])), Age: le.Uint16(col[18*n+2*i:]), Flags: col[20*n+i],
		}
		p.Quality = qualities[p.Flags>>1&7]
		poses = append(poses, p)
	}
	return le.Uint64(b[8:]), le.Uint64(b[16:]), poses
}

// requireSame checks that the client knows exactly what the registry knows.
func (c *client) requireSame(reg *fleet.Registry) {
	c.t.Helper()
	s := reg.Snapshot()
	byID := make(map[string]uint32)
	for h, e := range c.dict {
		byID[e.ID] = h
	}
	require.Len(c.t, c.dict, len(s.Robots))
	require.Len(c.t, c.states, len(s.Robots))
	poses := 0
	for i := range s.Robots {
		r := &s.Robots[i]
		h, ok := byID[r.ID]
		require.True(c.t, ok, "robot %s is not known", r.ID)
		require.Equal(c.t, r.Name, c.dict[h].Name)
		require.Equal(c.t, r.Namespace, c.dict[h].Namespace)
		require.Equal(c.t, r.Quality, c.states[h].Quality)
		require.Equal(c.t, len(r.Nodes), c.states[h].Nodes)
		if r.Pose != nil {
			poses++
			require.Equal(c.t, int32(math.Round(r.Pose.X*1000)), c.poses[h].X)
		}
	}
	require.Len(c.t, c.poses, poses)
}

func (c *client) poseFrames() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames
}

// op returns the messages of one op.
func (c *client) op(name string) (all []map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.said {
		if m["op"] == name {
			all = append(all, m)
		}
	}
	return all
}

// world is a registry, a hub over it and the time, moved by hand.
type world struct {
	reg *fleet.Registry
	hub *Hub
	now time.Time
}

func newWorld() *world {
	reg := fleet.NewRegistry(&fleet.Journal{})
	return &world{reg: reg, hub: NewHub(reg, Options{Version: "test"}), now: t0}
}

func (w *world) tick() {
	w.now = w.now.Add(100 * time.Millisecond)
	w.hub.serve(w.now)
}

func (w *world) move(ns string, x float64) { w.reg.Apply(w.now, poseAt(ns, x, w.now)) }

func poseAt(ns string, x float64, at time.Time) fleet.PoseObserved {
	return fleet.PoseObserved{
		At:   fleet.At{Namespace: ns},
		Pose: fleet.Pose{X: x, Frame: "map", Localised: true, Receive: at},
	}
}

const subscribeFleet = `{"op":"subscribe","sid":1,"view":"fleet"}`
