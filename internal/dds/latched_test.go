package dds_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
)

// A large map crosses the network once, however often somebody looks at it.
func TestLooksAtAMapCostTheNetworkOneSample(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	robot := ddstest.Join(t, domain)
	p, err := dds.Open(dds.Options{Domain: domain, Config: dds.LoopbackConfig(), IgnoreLocal: true}) // our own node list does not count
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	latched := ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1}
	w, err := robot.Advertise(ros.Publication{Topic: "/robot1/costmap", Type: "nav_msgs/msg/OccupancyGrid", QoS: latched})
	require.NoError(t, err)
	grid := rostest.Payload(4_000_000, 3)
	require.NoError(t, w.Write(grid))

	follower := ros.NewFollower(p, func(time.Time, ...fleet.Observation) {}, ros.FollowerOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), ddstest.Deadline)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- follower.Run(ctx) }()
	require.Eventually(t, func() bool { return len(follower.AllTopics()) == 1 }, ddstest.Deadline, time.Millisecond)
	for range 20 {
		s, err := follower.Open("/robot1/costmap", 1)
		require.NoError(t, err)
		select {
		case got := <-s.C():
			assert.Equal(t, w.GUID(), got.Writer)
			assert.Len(t, got.CDR, len(grid))
		case <-ctx.Done():
			require.Fail(t, "no map came")
		}
		s.Close()
	}
	assert.EqualValues(t, 1, p.Stats().Samples)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}
