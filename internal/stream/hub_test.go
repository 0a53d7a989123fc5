package stream

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/muster-fleet/muster/internal/fleet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestANewSessionHearsEverythingInOrder(t *testing.T) {
	w := newWorld()
	w.move("/r1", 1)
	w.hub.Put("system", []byte(`{"op":"system","rollouts_held":""}`), nil)
	c := connect(t, w.hub, `{"op":"subscribe","sid":7,"view":"fleet","events_since":0}`)
	w.tick()
	var ops []string
	for _, f := range c.take() {
		op, _, _ := strings.Cut(strings.TrimPrefix(string(f.Data), `{"op":"`), `"`)
		if !f.Text {
			op = "POSE"
		}
		ops = append(ops, op)
	}
	assert.Equal(t, []string{"subscribed", "event", "system", "engines", "dict", "state", "POSE"}, ops)
	assert.Equal(t, w.reg.Epoch(), c.epoch)
	assert.Equal(t, "0", c.op("subscribed")[0]["version"])
	assert.EqualValues(t, 7, c.op("subscribed")[0]["sid"])
	c.requireSame(w.reg)
}

func TestSessionsOfOneTickShareTheFrame(t *testing.T) {
	w := newWorld()
	w.move("/r1", 1)
	a, b := connect(t, w.hub, subscribeFleet), connect(t, w.hub, subscribeFleet)
	w.tick()
	fa, fb := a.take(), b.take()
	require.Len(t, fb, len(fa))
	for i := range fa {
		if fa[i].Lane != LaneControl {
			assert.Same(t, fa[i], fb[i])
		}
	}
}

func TestNothingIsSentWhenNothingChanged(t *testing.T) {
	w := newWorld()
	w.move("/r1", 1)
	c := connect(t, w.hub, subscribeFleet)
	w.tick()
	c.take()
	c.ack()
	w.tick()
	assert.Empty(t, c.take())
}

func TestWithoutCreditsPosesAreMergedAndStatesGoOn(t *testing.T) {
	w := newWorld()
	c := connect(t, w.hub, subscribeFleet)
	for i := range 10 {
		w.move("/r1", float64(i))
		w.move("/r2", float64(i))
		w.tick()
		c.take()
	}
	assert.Equal(t, credits, c.frames)
	assert.EqualValues(t, 6, w.hub.Stats().Dropped["credits"])
	w.reg.Apply(w.now, fleet.InventoryObserved{ID: "r1", Namespace: "/r1", Name: "Anna"})
	w.tick()
	c.take()
	assert.Equal(t, credits, c.frames)
	assert.Contains(t, c.names(), "Anna", "the state lane needs no credits")
	c.ack()
	w.tick()
	c.take()
	assert.Equal(t, credits+1, c.frames, "one merged frame")
	c.requireSame(w.reg)
}

func TestAStalledSessionCostsOneBatch(t *testing.T) {
	w := newWorld()
	c := connect(t, w.hub, `{"op":"subscribe","sid":1,"view":"fleet","events_since":0}`)
	w.move("/r0", 0)
	w.tick()
	frames, err := c.session.Next(t.Context()) // taken, and never written
	require.NoError(t, err)
	for _, f := range frames {
		c.apply(f)
	}
	for i := range 3000 {
		for r := range 20 {
			w.move(fmt.Sprintf("/r%d", r), float64(i))
		}
		w.hub.Put("system", fmt.Appendf(nil, `{"op":"system","i":%d}`, i), nil)
		w.now = w.now.Add(time.Millisecond)
		w.hub.serve(w.now)
		s := c.session
		require.Empty(t, s.batch)
		require.Less(t, size(s.control), controlBytes)
	}
	assert.Greater(t, w.hub.Stats().Dropped["busy"], uint64(2000))
	c.take() // it reads again: the next batch has it all
	w.now = w.now.Add(time.Second)
	for range 10 {
		w.tick()
		c.take()
		c.ack()
	}
	c.requireSame(w.reg)
	require.Len(t, c.op("system"), 1, "documents are conflated")
	assert.Len(t, c.events, 20, "events are not")
}

func TestALargeFleetComesInChunksAndPosesWaitForNames(t *testing.T) {
	w := newWorld()
	for i := range 9000 {
		w.reg.Apply(w.now, fleet.InventoryObserved{
			ID: fmt.Sprint(i), Namespace: fmt.Sprintf("/r%d", i), Name: strings.Repeat("n", 60),
		}, poseAt(fmt.Sprintf("/r%d", i), float64(i), w.now))
	}
	c := connect(t, w.hub, subscribeFleet)
	ticks := 0
	for len(c.states) < 9000 || len(c.poses) < 9000 {
		w.tick()
		frames := c.take()
		require.LessOrEqual(t, size(frames), batchBytes+chunkBytes+9000*poseRow+poseHeader)
		ticks++
		require.Less(t, ticks, 20)
	}
	assert.Greater(t, ticks, 2)
	c.requireSame(w.reg)
}

func TestAReconnectResumes(t *testing.T) {
	w := newWorld()
	for r := range 50 {
		w.move(fmt.Sprintf("/r%d", r), 1)
	}
	c := connect(t, w.hub, subscribeFleet)
	w.tick()
	c.take()
	c.session.Leave()
	last := w.reg.Journal().Last()

	w.move("/r3", 2)
	w.reg.Apply(w.now, fleet.Deregistered{ID: "r4"})
	w.move("/new", 3)
	w.tick()
	s, err := w.hub.Open(w.now, User{}, false)
	require.NoError(t, err)
	c.session = s
	since := min(c.version.state, c.version.pose)
	c.send(`{"op":"subscribe","sid":1,"view":"fleet","since":{"epoch":%q,"version":"%d"},"events_since":%d}`, c.epoch, since, last)
	w.tick()
	frames := c.take()
	assert.Less(t, size(frames), 3000, "only what changed")
	c.requireSame(w.reg)
	assert.Len(t, c.events, 2, "one left, one came")
	assert.Zero(t, c.gaps)
}

func TestAnotherEpochBeginsAnew(t *testing.T) {
	w := newWorld()
	w.move("/r1", 1)
	c := connect(t, w.hub, `{"op":"subscribe","sid":1,"view":"fleet","since":{"epoch":"other","version":"77"},"events_since":900}`)
	w.tick()
	c.take()
	c.requireSame(w.reg)
	assert.Equal(t, "0", c.op("subscribed")[0]["version"])
	assert.Equal(t, 1, c.gaps, "the numbers of another epoch mean other events")
}

func TestTooManyDeregistrationsBeginAnew(t *testing.T) {
	w := newWorld()
	w.move("/stays", 1)
	c := connect(t, w.hub, subscribeFleet)
	w.tick()
	frames, err := c.session.Next(t.Context()) // stalls after these
	require.NoError(t, err)
	for _, f := range frames {
		c.apply(f)
	}
	for i := range maxGoneRows + 10 {
		w.move(fmt.Sprintf("/r%d", i), 1)
		w.now = w.now.Add(time.Millisecond)
		w.hub.serve(w.now)
		w.reg.Apply(w.now, fleet.Deregistered{ID: fmt.Sprintf("r%d", i)})
	}
	w.tick()
	c.take()
	for range 20 {
		w.tick()
		c.take()
		c.ack()
	}
	c.requireSame(w.reg)
	assert.Len(t, c.dict, 1)
	assert.Len(t, c.op("subscribed"), 2)
}

func TestEventsLostBeyondTheJournalAreToldAndCounted(t *testing.T) {
	w := newWorld()
	c := connect(t, w.hub, `{"op":"subscribe","sid":1,"view":"fleet","events_since":0}`)
	for range fleet.JournalSize + 100 {
		w.reg.Journal().Record(fleet.Event{Text: "x"})
	}
	for range 60 {
		w.tick()
		c.take()
	}
	assert.Len(t, c.events, fleet.JournalSize)
	assert.Equal(t, 1, c.gaps)
	assert.EqualValues(t, 100, w.hub.Stats().Dropped["events"])
	for i := 1; i < len(c.events); i++ {
		require.Equal(t, c.events[i-1].Seq+1, c.events[i].Seq)
	}
}

func TestADeltaGoesOnlyToWhoHasTheFormBefore(t *testing.T) {
	w := newWorld()
	a := connect(t, w.hub, subscribeFleet)
	w.hub.Put("rollout/1", []byte(`{"op":"rollout","n":1,"full":true}`), nil)
	w.tick()
	a.take()
	w.hub.Put("rollout/1", []byte(`{"op":"rollout","n":2,"full":true}`), []byte(`{"op":"rollout","n":2,"full":false}`))
	b := connect(t, w.hub, subscribeFleet)
	w.tick()
	a.take()
	b.take()
	assert.Equal(t, false, a.op("rollout")[1]["full"])
	assert.Equal(t, true, b.op("rollout")[0]["full"])
	w.hub.Put("rollout/1", []byte(`{"op":"rollout","n":2,"full":true}`), nil)
	w.tick()
	assert.Empty(t, a.take(), "the same again is no news")
}

func TestWhatAClientGetsWrongIsToldToIt(t *testing.T) {
	w := newWorld()
	for _, tc := range []struct{ message, want string }{
		{`{"op":"subscribe","sid":1,"view":"moon"}`, `view "moon"`},
		{`{"op":"subscribe","sid":1,"view":"fleet","max_hz":0}`, "max_hz 0"},
		{`{"op":"update","sid":9,"max_hz":5}`, "sid 9"},
		{`nonsense`, "invalid character"},
		{`{"op":"ack","version":"x"}`, "decimal"},
	} {
		c := connect(t, w.hub, tc.message)
		c.take()
		require.Len(t, c.op("error"), 1, tc.message)
		assert.Contains(t, c.op("error")[0]["text"], tc.want)
	}
	c := connect(t, w.hub, `{"op":"future","x":{}}`)
	c.take()
	assert.Empty(t, c.op("error"), "an unknown op is ignored")
	for range 2000 {
		c.send(`nonsense`)
	}
	c.take()
	require.Len(t, c.op("goodbye"), 1)
	assert.Equal(t, "overflow", c.op("goodbye")[0]["code"])
}

func TestTheEndSaysGoodbye(t *testing.T) {
	hub := NewHub(fleet.NewRegistry(&fleet.Journal{}), Options{})
	c := connect(t, hub, subscribeFleet)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, hub.Run(ctx))
	c.take()
	assert.Equal(t, "shutdown", c.op("goodbye")[0]["code"])
	_, err := hub.Open(t0, User{}, false)
	assert.ErrorIs(t, err, ErrFull)
}

func TestTheNumberOfSessionsIsBounded(t *testing.T) {
	hub := NewHub(fleet.NewRegistry(&fleet.Journal{}), Options{MaxSessions: 1})
	c := connect(t, hub, subscribeFleet)
	_, err := hub.Open(t0, User{}, false)
	require.ErrorIs(t, err, ErrFull)
	c.session.Leave()
	_, err = hub.Open(t0, User{}, false)
	require.NoError(t, err)
}

// Whatever happens to the fleet, and however irregularly clients read, stall,
// acknowledge and reconnect, each of them ends up knowing what the registry
// knows, and no frame ever leaves a gap or names an unknown handle.
func TestEveryClientConverges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld()
		clients := []*client{connect(t, w.hub, subscribeFleet), connect(t, w.hub, `{"op":"subscribe","sid":1,"view":"fleet","max_hz":3}`)}
		ns := rapid.SampledFrom([]string{"/a", "/b", "/c", "/d"})
		which := rapid.IntRange(0, len(clients)-1)
		for i := range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 7).Draw(rt, "what") {
			case 0, 1:
				w.move(ns.Draw(rt, "ns"), float64(i))
			case 2:
				n := ns.Draw(rt, "ns")
				w.reg.Apply(w.now, fleet.InventoryObserved{ID: "x" + n[1:], Namespace: n, Name: fmt.Sprint(i)})
			case 3:
				n := ns.Draw(rt, "ns")
				w.reg.Apply(w.now, fleet.Deregistered{ID: n[1:]}, fleet.Deregistered{ID: "x" + n[1:]})
			case 4:
				w.tick()
			case 5:
				clients[which.Draw(rt, "client")].take()
			case 6:
				clients[which.Draw(rt, "client")].ack()
			case 7:
				c := clients[which.Draw(rt, "client")]
				c.session.Leave()
				s, err := w.hub.Open(w.now, User{}, false)
				require.NoError(t, err)
				c.session = s
				c.send(`{"op":"subscribe","sid":2,"view":"fleet","since":{"epoch":%q,"version":"%d"}}`,
					c.epoch, min(c.version.state, c.version.pose))
			}
		}
		for range 25 {
			w.tick()
			for _, c := range clients {
				c.take()
				c.ack()
			}
		}
		for _, c := range clients {
			c.requireSame(w.reg)
		}
	})
}
