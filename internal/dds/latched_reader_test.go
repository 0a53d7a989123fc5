package dds_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
)

// What is latched may come before the reader's creation has returned. It comes
// once: a wake that is lost then is lost for good.
func TestALatchedSampleIsNotMissed(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	p, robot := ddstest.Join(t, domain), ddstest.Join(t, domain)
	latched := ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1}
	w, err := robot.Advertise(ros.Publication{Topic: "/robot1/map", Type: "nav_msgs/msg/OccupancyGrid", QoS: latched})
	require.NoError(t, err)
	require.NoError(t, w.Write(rostest.Payload(64, 3)))

	took := make(chan ros.ReaderID, 1)
	go func() { // it waits while readers are opened
		var b ros.Batch
		for p.Take(t.Context(), &b) == nil {
			for _, s := range b.Samples {
				took <- s.Reader
			}
		}
	}()
	for range 500 {
		id, err := p.Subscribe(ros.Subscription{Topic: "/robot1/map", Type: "nav_msgs/msg/OccupancyGrid", QoS: latched})
		require.NoError(t, err)
		require.Equal(t, id, receive(t, took))
		require.NoError(t, p.Unsubscribe(id))
	}
}

func receive(t *testing.T, c <-chan ros.ReaderID) ros.ReaderID {
	t.Helper()
	select {
	case id := <-c:
		return id
	case <-time.After(ddstest.Deadline):
		require.Fail(t, "no sample came")
		return 0
	}
}
