//go:build rclgo

package rcl_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/cmd/muster-rclgo/rcl"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var latched = ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1, Liveliness: ros.Automatic}

// someDomain is one of those that Linux' ephemeral ports leave to DDS.
func someDomain() int { return 1 + rand.IntN(100) }

func open(t *testing.T, domain int) *rcl.Transport {
	t.Helper()
	tr, err := rcl.Open(rcl.Options{Domain: domain})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, tr.Close()) })
	return tr
}

func TestTransport(t *testing.T) {
	domain := someDomain()
	rostest.Contract(t, func(t *testing.T) ros.Transport { return open(t, domain) }, rostest.TypeHashes)
}

func TestTwoWritersOfATopic(t *testing.T) {
	tr := open(t, someDomain())
	publication := ros.Publication{Topic: "/a", Type: "std_msgs/msg/String", QoS: latched}
	a, err := tr.Advertise(publication)
	require.NoError(t, err)
	b, err := tr.Advertise(publication)
	require.NoError(t, err)
	assert.NotEqual(t, a.GUID(), b.GUID())
	assert.Equal(t, tr.Participant(), a.GUID().Participant())
	assert.Equal(t, tr.Participant(), b.GUID().Participant())
}

func TestTheNodeListsAreTheMiddlewares(t *testing.T) {
	tr := open(t, someDomain())
	w, err := tr.Advertise(ros.Publication{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoWriterQoS()})
	require.NoError(t, err)
	require.NoError(t, w.Write(rostest.Payload(8, 1)))
	id, err := tr.Subscribe(ros.Subscription{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoReaderQoS()})
	require.NoError(t, err)
	state, open := tr.Reader(id)
	assert.True(t, open)
	assert.Equal(t, ros.ReaderState{Matched: -1}, state)
	require.NoError(t, tr.Unsubscribe(id))
	assert.Error(t, tr.Unsubscribe(id), "twice")
	require.NoError(t, w.Close())
	_, err = tr.Subscribe(ros.Subscription{Topic: "other", Type: "std_msgs/msg/String", RawName: true})
	assert.ErrorContains(t, err, "raw names")
}

func TestATypeThatIsNotInstalled(t *testing.T) {
	tr := open(t, someDomain())
	_, err := tr.Subscribe(ros.Subscription{Topic: "/a", Type: "no_such_msgs/msg/Thing", QoS: latched})
	assert.ErrorContains(t, err, "is the ROS package no_such_msgs installed")
	_, err = tr.Subscribe(ros.Subscription{Topic: "/a", Type: "std_srvs/srv/Trigger", QoS: latched})
	assert.ErrorContains(t, err, "not the type of a message")
	_, err = tr.Advertise(ros.Publication{Topic: "no name/", Type: "std_msgs/msg/String", QoS: latched})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "goroutine", "no stack dump")
	assert.NotContains(t, err.Error(), "\x00")
}

// More readers than a wait set holds, opened and closed while samples come.
func TestManyReaders(t *testing.T) {
	domain := someDomain()
	a, b := open(t, domain), open(t, domain)
	w, err := a.Advertise(ros.Publication{Topic: "/a", Type: "std_msgs/msg/String", QoS: latched})
	require.NoError(t, err)
	require.NoError(t, w.Write(rostest.Payload(8, 1)))
	missing := make(map[ros.ReaderID]bool)
	for range 70 {
		id, err := b.Subscribe(ros.Subscription{Topic: "/a", Type: "std_msgs/msg/String", QoS: latched})
		require.NoError(t, err)
		missing[id] = true
	}
	assert.Equal(t, 2, b.Stats().Threads)
	var batch ros.Batch
	for len(missing) > 0 {
		require.NoError(t, b.Take(t.Context(), &batch), "waiting for %v", missing)
		for _, s := range batch.Samples {
			if missing[s.Reader] {
				delete(missing, s.Reader)
				require.NoError(t, b.Unsubscribe(s.Reader))
			}
			assert.True(t, s.Writer.IsZero())
		}
	}
}

// rcl makes and closes the entities of a node one at a time.
func TestEntitiesComeAndGoAtOnce(t *testing.T) {
	tr := open(t, someDomain())
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			topic := fmt.Sprintf("/a%d", n)
			for range 10 {
				w, err := tr.Advertise(ros.Publication{Topic: topic, Type: "std_msgs/msg/String", QoS: latched})
				if !assert.NoError(t, err) {
					return
				}
				id, err := tr.Subscribe(ros.Subscription{Topic: topic, Type: "std_msgs/msg/String", QoS: latched})
				assert.NoError(t, err)
				assert.NoError(t, w.Write(rostest.Payload(8, 1)))
				_, open := tr.Reader(id)
				assert.True(t, open)
				assert.NoError(t, tr.Unsubscribe(id))
				assert.NoError(t, w.Close())
			}
		})
	}
	all.Wait()
	assert.Eventually(t, func() bool { return tr.Stats().Threads == 0 }, 5*time.Second, time.Millisecond)
}

func TestCloseEndsEveryCall(t *testing.T) {
	tr, err := rcl.Open(rcl.Options{Domain: someDomain()})
	require.NoError(t, err)
	w, err := tr.Advertise(ros.Publication{Topic: "/a", Type: "std_msgs/msg/String", QoS: latched})
	require.NoError(t, err)
	id, err := tr.Subscribe(ros.Subscription{Topic: "/a", Type: "std_msgs/msg/String", QoS: latched})
	require.NoError(t, err)
	discovered := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			_, err = tr.Discover(context.Background())
		}
		discovered <- err
	}()
	require.NoError(t, tr.Close())
	assert.ErrorIs(t, <-discovered, rcl.ErrClosed)
	assert.ErrorIs(t, tr.Take(context.Background(), new(ros.Batch)), rcl.ErrClosed)
	assert.ErrorIs(t, tr.Unsubscribe(id), rcl.ErrClosed)
	assert.ErrorIs(t, w.Write(rostest.Payload(4, 1)), rcl.ErrClosed)
	assert.NoError(t, w.Close())
	assert.NoError(t, tr.Close(), "twice")
}
