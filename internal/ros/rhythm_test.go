package ros_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/ros"
)

// What a Follower does in time is tested in a bubble: minutes pass at once.

// told is the gid size of the newest node list that we told a peer.
func (h *house) told(r *robot, id ros.ReaderID) (size ros.GIDSize) {
	h.t.Helper()
	var b ros.Batch
	require.NoError(h.t, r.p.Take(h.t.Context(), &b))
	for _, s := range b.Samples {
		f, n, err := ros.DecodeInfo(s.CDR)
		require.NoError(h.t, err)
		if s.Reader == id && f.Participant == h.own.Participant() {
			size = n
		}
	}
	return size
}

func TestOnlyParticipantsThatAreThereVoteOnTheGIDSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := follow(t, ros.FollowerOptions{})
		synctest.Wait() // it listens
		r := h.robot("/robot1")
		id, err := r.p.Subscribe(ros.Subscription{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoReaderQoS()})
		require.NoError(t, err)
		r.nodes(ros.GIDHumble, "driver")
		for n := range 3 {
			b, err := ros.EncodeInfo(named(n, "forged"), ros.GIDIron)
			require.NoError(t, err)
			require.NoError(t, r.w[ros.InfoTopic].Write(b))
		}
		time.Sleep(10 * time.Second)
		assert.Equal(t, ros.GIDHumble, h.told(r, id))
		for range 3 { // real ones do
			other := h.robot("/robot2")
			other.nodes(ros.GIDIron, "driver")
			defer other.p.Leave()
		}
		time.Sleep(10 * time.Second)
		assert.Equal(t, ros.GIDIron, h.told(r, id))
	})
}
