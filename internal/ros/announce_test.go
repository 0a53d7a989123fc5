package ros_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/ros"
)

// siteType is a type that we have no definition of.
const siteType, siteHash = "site_msgs/msg/Thing", "RIHS01_cd"

// ours folds in what the peer has discovered, and gives all endpoints of ours.
func (h *house) ours(r *robot, g *ros.Graph) (all []ros.EndpointFact) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Millisecond)
	defer cancel()
	for {
		facts, err := r.p.Discover(ctx)
		if err != nil {
			return all
		}
		for _, f := range facts {
			g.Apply(f)
			if e, ok := f.(ros.EndpointFact); ok && e.Participant == h.own.Participant() && !e.Gone {
				all = append(all, e)
			}
		}
	}
}

// A peer on Iron or newer warns of each endpoint that tells no type hash.
func TestOurEndpointsTellTheirTypeHashes(t *testing.T) {
	bubble(t, func(h *house, r *robot) {
		site := func(topic, typ string, raw bool) {
			_, err := r.p.Advertise(ros.Publication{Topic: topic, Type: typ, TypeHash: siteHash, RawName: raw, QoS: plain})
			require.NoError(h.t, err)
		}
		site("/robot1/thing", siteType, false)
		site("rr/robot1/doReply", "site_srvs/srv/Do_Response", true)
		_, err := r.p.Subscribe(ros.Subscription{Topic: "/robot1/want", Type: siteType, TypeHash: siteHash, QoS: plain})
		require.NoError(h.t, err)
		settled(time.Second)

		s, err := h.follower.Open("/robot1/thing", 1)
		require.NoError(h.t, err)
		defer s.Close()
		require.NoError(h.t, h.follower.Publish(h.t.Context(), "/robot1/want", siteType, []byte{0, 1, 0, 0}))
		brief, cancel := context.WithTimeout(h.t.Context(), time.Second)
		defer cancel()
		_, err = h.follower.Call(brief, "/robot1/do", "site_srvs/srv/Do", []byte{0, 1, 0, 0})
		require.ErrorIs(h.t, err, context.DeadlineExceeded)

		hashes := make(map[string]string)
		for _, e := range h.ours(r, ros.NewGraph(ros.DefaultLimits())) {
			assert.Contains(h.t, e.UserData, "typehash=RIHS01_", "%s, a writer: %v", e.Topic, e.Writer)
			hashes[e.Topic] = e.UserData
		}
		for _, topic := range []string{"rt/robot1/thing", "rt/robot1/want", "rq/robot1/doRequest", "rr/robot1/doReply"} {
			assert.Equal(h.t, "typehash="+siteHash+";", hashes[topic], topic)
		}
		for _, topic := range []string{ros.InfoTopic, "rt/robot1/odom"} {
			assert.Contains(h.t, hashes, topic)
		}
	})
}

// What we read, publish and call shows as our node's at the peers, and goes.
func TestOurNodeHasOurEndpoints(t *testing.T) {
	bubble(t, func(h *house, r *robot) {
		g := ros.NewGraph(ros.DefaultLimits())
		id, err := r.p.Subscribe(ros.Subscription{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoReaderQoS()})
		require.NoError(h.t, err)
		lists := 0
		node := func() ros.NodeView {
			h.ours(r, g)
			ctx, cancel := context.WithTimeout(h.t.Context(), time.Millisecond)
			defer cancel()
			for b := (ros.Batch{}); r.p.Take(ctx, &b) == nil; {
				for _, s := range b.Samples {
					if s.Reader != id {
						continue
					}
					f, _, err := ros.DecodeInfo(s.CDR)
					require.NoError(h.t, err)
					if f.Participant == h.own.Participant() {
						g.Apply(f)
						lists++
					}
				}
			}
			require.Len(h.t, g.Nodes(), 1)
			return g.Nodes()[0]
		}
		_, err = r.p.Subscribe(ros.Subscription{Topic: "/robot1/want", Type: siteType, QoS: plain})
		require.NoError(h.t, err)
		_, err = r.p.Advertise(ros.Publication{Topic: "rr/robot1/doReply", Type: "std_srvs/srv/Trigger_Response", RawName: true, QoS: plain})
		require.NoError(h.t, err)
		settled(time.Second)
		require.NoError(h.t, h.follower.Publish(h.t.Context(), "/robot1/want", siteType, []byte{0, 1, 0, 0}))
		calling, cancel := context.WithCancel(h.t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := h.follower.Call(calling, "/robot1/do", "std_srvs/srv/Trigger", []byte{0, 1, 0, 0})
			done <- err
		}()
		settled(10 * time.Second)
		n := node()
		assert.Equal(h.t, "/muster", n.FullName())
		require.Len(h.t, n.Subscriptions, 1)
		assert.Equal(h.t, "/robot1/odom", n.Subscriptions[0].Name)
		require.Len(h.t, n.Publishers, 1)
		assert.Equal(h.t, "/robot1/want", n.Publishers[0].Name)
		require.Len(h.t, n.Clients, 1)
		assert.Equal(h.t, "/robot1/do", n.Clients[0].Name)

		cancel()
		require.ErrorIs(h.t, <-done, context.Canceled)
		settled(time.Minute)
		n = node()
		assert.Empty(h.t, n.Publishers, "it has not been used for a while")
		assert.Empty(h.t, n.Clients)
		before := lists
		for range 20 { // calls that come and go between two lists
			brief, stop := context.WithTimeout(h.t.Context(), 100*time.Millisecond)
			_, err := h.follower.Call(brief, "/robot1/do", "std_srvs/srv/Trigger", []byte{0, 1, 0, 0})
			require.Error(h.t, err)
			stop()
			settled(6 * time.Second)
		}
		node()
		assert.Less(h.t, lists-before, 10, "a list goes to every peer")
	})
}
