package rostest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/ros"
)

// deadline is how long the suite waits for what must come.
const deadline = 15 * time.Second

var (
	bestEffort = ros.QoS{Reliability: ros.BestEffort, Durability: ros.Volatile, History: ros.KeepLast, Depth: 5, Liveliness: ros.Automatic}
	reliable   = ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, History: ros.KeepAll, Liveliness: ros.Automatic}
	latched    = ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1, Liveliness: ros.Automatic}
)

// Part is something that a transport may lack where what it is built on does.
type Part string

// TypeHashes are the RIHS01 hashes in an endpoint's user data.
const TypeHashes Part = "type hashes"

// Contract checks what every ros.Transport promises, but for the parts it lacks.
// join adds a participant to one domain that belongs to the test alone; it leaves
// when the test that it is given ends. Its node is "muster" where the transport
// itself names one.
func Contract(t *testing.T, join func(t *testing.T) ros.Transport, lacks ...Part) {
	t.Run("samples", func(t *testing.T) { samples(t, join(t), join(t)) })
	t.Run("late joiner", func(t *testing.T) { lateJoiner(t, join(t), join(t)) })
	t.Run("large sample", func(t *testing.T) { largeSample(t, join(t), join(t)) })
	t.Run("endpoints come and go", func(t *testing.T) { endpoints(t, join(t), join(t), lacks) })
	t.Run("participants come and go", func(t *testing.T) { participants(t, join(t), join) })
	t.Run("node lists", func(t *testing.T) { nodeLists(t, join(t), join(t)) })
	t.Run("incompatible", func(t *testing.T) { incompatible(t, join(t), join(t)) })
	t.Run("cancel", func(t *testing.T) { cancelled(t, join(t)) })
}

// Payload is a CDR sample of n bytes that are easy to tell apart.
func Payload(n int, seed byte) []byte {
	b := make([]byte, 4+n)
	b[1] = 1 // little endian
	for i := range n {
		b[4+i] = seed + byte(i*7)
	}
	return b
}

// publish writes until a sample has come, because a writer cannot know when a
// best-effort reader has found it.
func publish(t *testing.T, w ros.Writer, cdr []byte, got func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !got(); {
		require.True(t, time.Now().Before(end), "no sample came")
		require.NoError(t, w.Write(cdr))
	}
}

// takeOne takes until a sample of the reader is there, or nil after the time.
func takeOne(t *testing.T, tr ros.Transport, id ros.ReaderID, wait time.Duration) *ros.Sample {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	var b ros.Batch
	for tr.Take(ctx, &b) == nil {
		for _, s := range b.Samples {
			if s.Reader == id {
				s.CDR = bytes.Clone(s.CDR)
				return &s
			}
		}
	}
	return nil
}

func samples(t *testing.T, a, b ros.Transport) {
	for _, q := range []ros.QoS{bestEffort, reliable} {
		topic := "/contract/" + string(q.Reliability)
		w, err := a.Advertise(ros.Publication{Topic: topic, Type: "std_msgs/msg/String", QoS: q})
		require.NoError(t, err)
		id, err := b.Subscribe(ros.Subscription{Topic: topic, Type: "std_msgs/msg/String", QoS: q})
		require.NoError(t, err)
		want := Payload(37, 1)
		require.Eventually(t, func() bool { // -1: the transport cannot tell
			r, ok := b.Reader(id)
			return ok && r.Matched != 0 && w.Matched() != 0
		}, deadline, time.Millisecond)
		var s *ros.Sample
		before := time.Now()
		publish(t, w, want, func() bool { s = takeOne(t, b, id, 50*time.Millisecond); return s != nil })
		// CDR on the wire is padded to a multiple of four.
		assert.Equal(t, want, s.CDR[:len(want)])
		assert.LessOrEqual(t, len(s.CDR)-len(want), 3)
		assert.WithinDuration(t, before, time.Unix(0, s.Source), deadline)
		assert.WithinDuration(t, before, time.Unix(0, s.Receive), deadline)
		require.NoError(t, b.Unsubscribe(id))
		next, err := b.Subscribe(ros.Subscription{Topic: topic, Type: "std_msgs/msg/String", QoS: q})
		require.NoError(t, err)
		assert.NotEqual(t, id, next, "an id is never used again")
		require.NoError(t, b.Unsubscribe(next))
		_, open := b.Reader(id)
		assert.False(t, open)
		require.NoError(t, w.Close())
		assert.Error(t, w.Write(want), "a closed writer")
		assert.Error(t, b.Unsubscribe(id), "a closed reader")
	}
}

func lateJoiner(t *testing.T, a, b ros.Transport) {
	w, err := a.Advertise(ros.Publication{Topic: "/contract/latched", Type: "std_msgs/msg/String", QoS: latched})
	require.NoError(t, err)
	require.NoError(t, w.Write(Payload(8, 1)))
	require.NoError(t, w.Write(Payload(8, 2)))
	id, err := b.Subscribe(ros.Subscription{Topic: "/contract/latched", Type: "std_msgs/msg/String", QoS: latched})
	require.NoError(t, err)
	s := takeOne(t, b, id, deadline)
	require.NotNil(t, s)
	assert.Equal(t, Payload(8, 2), s.CDR, "the newest alone")
}

func largeSample(t *testing.T, a, b ros.Transport) {
	for i, size := range []int{1_500_000, 16_000_000} { // below and above a batch
		topic := fmt.Sprintf("/contract/large%d", i)
		w, err := a.Advertise(ros.Publication{Topic: topic, Type: "nav_msgs/msg/OccupancyGrid", QoS: latched})
		require.NoError(t, err)
		id, err := b.Subscribe(ros.Subscription{Topic: topic, Type: "nav_msgs/msg/OccupancyGrid", QoS: latched})
		require.NoError(t, err)
		want := Payload(size, 9)
		require.NoError(t, w.Write(want))
		s := takeOne(t, b, id, deadline)
		require.NotNil(t, s, "%d bytes", size)
		assert.True(t, bytes.Equal(want, s.CDR))
	}
}

// await discovers until found returns true for a fact.
func await(t *testing.T, tr ros.Transport, what string, found func(ros.Fact) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	for {
		facts, err := tr.Discover(ctx)
		require.NoError(t, err, "waiting for %s", what)
		done := false
		for _, f := range facts {
			done = found(f) || done
		}
		if done {
			return
		}
	}
}

func endpoints(t *testing.T, a, b ros.Transport, lacks []Part) {
	userData := "typehash=RIHS01_ab;"
	if slices.Contains(lacks, TypeHashes) {
		userData = ""
	}
	w, err := a.Advertise(ros.Publication{Topic: "/contract/seen", Type: "nav_msgs/msg/Odometry", TypeHash: "RIHS01_ab", QoS: reliable})
	require.NoError(t, err)
	await(t, b, "the writer", func(f ros.Fact) bool {
		e, ok := f.(ros.EndpointFact)
		if !ok || e.GUID != w.GUID() {
			return false
		}
		assert.Equal(t, ros.EndpointFact{
			GUID: w.GUID(), Participant: a.Participant(), Writer: true, Topic: "rt/contract/seen",
			Type: "nav_msgs::msg::dds_::Odometry_", UserData: userData, QoS: e.QoS,
		}, e)
		assert.Equal(t, ros.Reliable, e.QoS.Reliability)
		assert.Equal(t, ros.Volatile, e.QoS.Durability)
		return true
	})
	require.NoError(t, w.Close())
	await(t, b, "its end", func(f ros.Fact) bool {
		e, ok := f.(ros.EndpointFact)
		return ok && e.GUID == w.GUID() && e.Gone
	})
}

// participants has a guest with an endpoint, because some transports know a
// participant by its endpoints alone. Its facts end in any order.
func participants(t *testing.T, a ros.Transport, join func(*testing.T) ros.Transport) {
	var guest, endpoint ros.GUID
	seen := func(gone bool) func(ros.Fact) bool {
		participant, writer := false, false
		return func(f ros.Fact) bool {
			switch f := f.(type) {
			case ros.ParticipantFact:
				participant = participant || f.GUID == guest && f.Gone == gone
			case ros.EndpointFact:
				writer = writer || f.GUID == endpoint && f.Gone == gone
			}
			return participant && writer
		}
	}
	t.Run("guest", func(t *testing.T) {
		g := join(t)
		w, err := g.Advertise(ros.Publication{Topic: "/contract/guest", Type: "std_msgs/msg/String", QoS: reliable})
		require.NoError(t, err)
		guest, endpoint = g.Participant(), w.GUID()
		assert.NotEqual(t, a.Participant(), guest)
		assert.Equal(t, guest, endpoint.Participant())
		await(t, a, "the guest", seen(false))
	})
	await(t, a, "its end", seen(true))
}

// nodeLists learns of a's node by a sample of ros_discovery_info, or from Discover
// where the transport reads those itself.
func nodeLists(t *testing.T, a, b ros.Transport) {
	info := ros.Publication{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoWriterQoS()}
	w, err := a.Advertise(info)
	require.NoError(t, err)
	cdr, err := ros.EncodeInfo(ros.NodesFact{
		Participant: a.Participant(), Nodes: []ros.NodeEntities{{Namespace: "/", Name: "muster", Writers: []ros.GUID{w.GUID()}}},
	}, ros.GIDIron)
	require.NoError(t, err)
	require.NoError(t, w.Write(cdr))
	id, err := b.Subscribe(ros.Subscription{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoReaderQoS()})
	require.NoError(t, err)
	told := func(f ros.NodesFact) bool {
		return f.Participant == a.Participant() && slices.ContainsFunc(f.Nodes, func(n ros.NodeEntities) bool {
			return n.Namespace == "/" && n.Name == "muster"
		})
	}
	for end := time.Now().Add(deadline); ; {
		require.True(t, time.Now().Before(end), "no node list came")
		if s := takeOne(t, b, id, 50*time.Millisecond); s != nil {
			f, _, err := ros.DecodeInfo(s.CDR)
			require.NoError(t, err)
			if told(f) {
				return
			}
		}
		for _, f := range learned(t, b, 50*time.Millisecond) {
			if f, ok := f.(ros.NodesFact); ok && told(f) {
				return
			}
		}
	}
}

// learned is what there is to discover within the time.
func learned(t *testing.T, tr ros.Transport, wait time.Duration) []ros.Fact {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	facts, err := tr.Discover(ctx)
	if err != nil {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	return facts
}

func incompatible(t *testing.T, a, b ros.Transport) {
	w, err := a.Advertise(ros.Publication{Topic: "/contract/qos", Type: "std_msgs/msg/String", QoS: bestEffort})
	require.NoError(t, err)
	id, err := b.Subscribe(ros.Subscription{Topic: "/contract/qos", Type: "std_msgs/msg/String", QoS: reliable})
	require.NoError(t, err)
	await(t, b, "the incompatible QoS", func(f ros.Fact) bool {
		i, ok := f.(ros.IncompatibleFact)
		return ok && i == ros.IncompatibleFact{Reader: id, Policy: "RELIABILITY"}
	})
	require.NoError(t, w.Close())
}

func cancelled(t *testing.T, a ros.Transport) {
	for name, wait := range map[string]func(context.Context) error{
		"take": func(ctx context.Context) error { return a.Take(ctx, new(ros.Batch)) },
		"discover": func(ctx context.Context) (err error) {
			for err == nil { // what is known already comes first
				_, err = a.Discover(ctx)
			}
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- wait(ctx) }()
		cancel()
		select {
		case err := <-done:
			assert.ErrorIs(t, err, context.Canceled, name)
		case <-time.After(deadline):
			require.Fail(t, name+" does not end with its context")
		}
	}
}
