package dds_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
)

// A node on Fast DDS sees us as the node /muster with our endpoints: what it gets
// on ros_discovery_info is all that `ros2 node list` and `ros2 node info` go by.
func TestAFastDDSPeerSeesOurNode(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	p, peer := ddstest.Join(t, domain), ddstest.StartPeer(t, domain)
	follower := ros.NewFollower(p, func(time.Time, ...fleet.Observation) {}, ros.FollowerOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), ddstest.Deadline)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- follower.Run(ctx) }()

	q := ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, Depth: 10}
	peer.Advertise("rt/robot7/odom", ros.DDSType("nav_msgs/msg/Odometry"), q, "")
	peer.Subscribe("rt/robot7/say", ros.DDSType("std_msgs/msg/String"), q, "")
	require.Eventually(t, func() bool { return len(follower.AllTopics()) == 2 }, ddstest.Deadline, 5*time.Millisecond)
	hello := append([]byte{0, 1, 0, 0, 6, 0, 0, 0}, "hello\x00\x00\x00"...)
	require.NoError(t, follower.Publish(ctx, "/robot7/say", "std_msgs/msg/String", hello))
	peer.Subscribe(ros.InfoTopic, ros.DDSType(ros.InfoType), ros.InfoReaderQoS(), "")
	for {
		got, err := peer.Receive(ctx)
		require.NoError(t, err, "our node with a reader and two writers")
		if got.Topic != ros.InfoTopic {
			continue
		}
		list, size, err := ros.DecodeInfo(got.CDR)
		require.NoError(t, err)
		require.Equal(t, p.Participant(), list.Participant)
		require.Equal(t, ros.GIDIron, size)
		require.Len(t, list.Nodes, 1)
		require.Equal(t, "/", list.Nodes[0].Namespace)
		require.Equal(t, "muster", list.Nodes[0].Name)
		n := list.Nodes[0]
		require.False(t, slices.ContainsFunc(append(n.Readers, n.Writers...), func(g ros.GUID) bool { return g.Participant() != p.Participant() }))
		if len(n.Readers) == 1 && len(n.Writers) == 2 { // of the node list, and of what was published
			break
		}
	}
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}
