package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/stream"
)

// viewer is a WebSocket client of the stream.
type viewer struct {
	*websocket.Conn
	t testing.TB
}

func dial(t testing.TB, address, query string) *viewer {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{streamProtocol}}
	conn, reply, err := d.Dial("ws://"+address+"/api/v1/stream?"+query, nil)
	require.NoError(t, err)
	require.Equal(t, streamProtocol, reply.Header.Get("Sec-WebSocket-Protocol"))
	t.Cleanup(func() { conn.Close() })
	return &viewer{conn, t}
}

func (v *viewer) say(text string) {
	require.NoError(v.t, v.WriteMessage(websocket.TextMessage, []byte(text)))
}

// until reads to the first message that matches.
func (v *viewer) until(what string, match func(kind int, b []byte) bool) []byte {
	v.t.Helper()
	require.NoError(v.t, v.SetReadDeadline(time.Now().Add(5*time.Second)))
	for {
		kind, b, err := v.ReadMessage()
		require.NoError(v.t, err, "waiting for %s", what)
		if match(kind, b) {
			return b
		}
	}
}

func (v *viewer) op(name string) map[string]any {
	v.t.Helper()
	b := v.until(name, func(kind int, b []byte) bool {
		return kind == websocket.TextMessage && strings.HasPrefix(string(b), `{"op":"`+name+`"`)
	})
	var m map[string]any
	require.NoError(v.t, json.Unmarshal(b, &m))
	return m
}

const subscribe = `{"op":"subscribe","sid":1,"view":"fleet"}`

func TestAStreamOverARealSocket(t *testing.T) {
	w := newWorld(t)
	address, _ := w.serve()
	v := dial(t, address, "ticket=operator")
	hello := v.op("hello")
	assert.Equal(t, map[string]any{"name": "u-operator", "role": "operator"}, hello["user"])
	v.say(subscribe)
	assert.EqualValues(t, 1, v.op("subscribed")["sid"])
	v.op("state")
	pose := v.until("POSE", func(kind int, _ []byte) bool { return kind == websocket.BinaryMessage })
	assert.Equal(t, byte(1), pose[0])
	assert.Len(t, pose, 32+24)

	v.Close()
	eventually(t, "the session is gone", func() bool { return w.hub.Sessions() == 0 })
}

func TestRefusalsBeforeTheUpgrade(t *testing.T) {
	w := newWorld(t)
	address, _ := w.serve()
	for _, tc := range []struct {
		query, origin string
		protocols     []string
		want          int
		text          string
	}{
		{"", "", nil, 401, "who are you"},
		{"ticket=viewer", "https://evil.example", nil, 403, "origin"},
		{"ticket=viewer", "", []string{"muster.stream.v2"}, 400, streamProtocol},
		{"ticket=viewer&enc=xml", "", nil, 400, "enc"},
	} {
		d, h := websocket.Dialer{Subprotocols: tc.protocols}, http.Header{}
		if tc.origin != "" {
			h.Set("Origin", tc.origin)
		}
		_, reply, err := d.Dial("ws://"+address+"/api/v1/stream?"+tc.query, h)
		require.Error(t, err)
		assert.Equal(t, tc.want, reply.StatusCode, tc.text)
		b := make([]byte, 1000)
		n, _ := reply.Body.Read(b)
		assert.Contains(t, string(b[:n]), tc.text)
	}
	assert.Zero(t, w.hub.Sessions())
	assert.Equal(t, 400, w.call("viewer", "GET", "/api/v1/stream", "").Code)
}

func TestTheEndOfTheServerSaysGoodbye(t *testing.T) {
	w := newWorld(t)
	address, stop := w.serve()
	v := dial(t, address, "ticket=viewer")
	v.op("hello")
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	bye := v.op("goodbye")
	assert.Equal(t, "shutdown", bye["code"])
	_, _, err := v.ReadMessage()
	assert.True(t, websocket.IsCloseError(err, websocket.CloseGoingAway), "%v", err)
	<-stopped
}

func TestARoleThatChangedEndsTheStream(t *testing.T) {
	w := newWorld(t)
	address, _ := w.serve()
	gone, stays := dial(t, address, "ticket=operator"), dial(t, address, "ticket=viewer")
	gone.op("hello")
	stays.op("hello")
	n := w.CloseStreams(func(u stream.User) bool { return u.Role == stream.RoleOperator }, "the token was withdrawn")
	assert.Equal(t, 1, n)
	assert.Equal(t, "role-changed", gone.op("goodbye")["code"])
	eventually(t, "one session is left", func() bool { return w.hub.Sessions() == 1 })
}

func TestAClientThatReadsNothingHoldsNobodyUp(t *testing.T) {
	w := newWorld(t)
	address, _ := w.serve()
	slow, fast := dial(t, address, "ticket=viewer"), dial(t, address, "ticket=viewer")
	slow.say(subscribe)
	fast.say(subscribe)
	// Enough rollout to fill every buffer on the way to the slow one.
	w.hub.Put("big", []byte(`{"op":"big","x":"`+strings.Repeat("x", 8<<20)+`"}`), nil)
	fast.op("big")
	for i := range 50 {
		now := time.Now()
		w.reg.Apply(now, fleet.PoseObserved{At: fleet.At{Namespace: "/r1"}, Pose: fleet.Pose{X: float64(i), Receive: now}})
		b := fast.until("POSE", func(kind int, _ []byte) bool { return kind == websocket.BinaryMessage })
		fast.say(`{"op":"ack","version":"99999999"}`)
		require.NotEmpty(t, b)
	}
	eventually(t, "the slow one's drops are counted", func() bool { return w.hub.Stats().Dropped["busy"] > 10 })
}

func TestRolloutsReachTheStreamAsDeltas(t *testing.T) {
	w := newWorld(t)
	report := full()
	report.EndedAt = time.Time{}
	report.Robots = []rollout.RobotReport{{Robot: "a", Step: rollout.StepQueued}, {Robot: "b", Step: rollout.StepQueued}}
	w.rollouts.reports = []rollout.Report{report, {ID: "old", State: rollout.StateCompleted, EndedAt: t0.Add(-time.Hour)}}
	address, _ := w.serve()
	v := dial(t, address, "ticket=viewer")
	v.say(subscribe)
	m := v.op("rollout")
	assert.Equal(t, true, m["full"])
	assert.Equal(t, "r1", m["rollout"].(map[string]any)["id"], "one that ended long ago is not news")

	w.rollouts.set(func(r *rollout.Report) { r.Robots[1].Step = rollout.StepPulling })
	m = v.op("rollout")
	assert.Equal(t, false, m["full"])
	robots := m["rollout"].(map[string]any)["robots"].([]any)
	require.Len(t, robots, 1)
	assert.Equal(t, "b", robots[0].(map[string]any)["robot"])
}

// echoed is a Foxglove server that upgrades and waits for its end.
type echoed struct{ ended chan string }

func (f echoed) ServeRobot(w http.ResponseWriter, r *http.Request, robot string) {
	conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.WriteMessage(websocket.TextMessage, []byte(robot))
	<-r.Context().Done()
	f.ended <- robot
}

func TestFoxgloveStreamsEndWithTheServerAndWithTheRole(t *testing.T) {
	f := echoed{make(chan string, 2)}
	w := newWorld(t, func(o *Options) { o.Foxglove = f })
	address, stop := w.serve()
	open := func(role string) {
		conn, _, err := websocket.DefaultDialer.Dial("ws://"+address+"/foxglove/robots/r1?ticket="+role, nil)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		_, b, err := conn.ReadMessage()
		require.NoError(t, err)
		assert.Equal(t, "r1", string(b))
	}
	open("viewer")
	open("operator")
	assert.Equal(t, 1, w.CloseStreams(func(u stream.User) bool { return u.Role == stream.RoleOperator }, "x"))
	<-f.ended
	stop()
	<-f.ended
	_, reply, err := websocket.DefaultDialer.Dial("ws://"+address+"/foxglove/robots/r1", nil)
	require.Error(t, err)
	assert.Nil(t, reply)
}
