package ros_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
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

// settled lets what happens at once happen, and then some time pass.
func settled(d time.Duration) {
	synctest.Wait()
	time.Sleep(d)
	synctest.Wait()
}

// bubble is a follower in a bubble of time, and a robot whose odometry is read.
func bubble(t *testing.T, test func(h *house, r *robot)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := follow(t, ros.FollowerOptions{})
		synctest.Wait()
		r := h.robot("/robot1")
		r.advertise("odom", "nav_msgs/msg/Odometry", plain)
		settled(time.Second)
		require.Equal(t, 1, h.own.Readers("/robot1/odom"))
		test(h, r)
	})
}

func (h *house) problem(topic string) string {
	got, _ := h.registry.Robot("robot1")
	t, _ := got.Topic(topic)
	return t.Problem
}

// look opens a topic as one look at it in the app does.
func (h *house) look(topic string) (cdr [][]byte) {
	h.t.Helper()
	s, err := h.follower.Open(topic, 8)
	require.NoError(h.t, err)
	defer s.Close()
	settled(10 * time.Millisecond)
	for len(s.C()) > 0 {
		cdr = append(cdr, (<-s.C()).CDR)
	}
	return cdr
}

func TestReadersCloseAfterTheirLinger(t *testing.T) {
	bubble(t, func(h *house, r *robot) {
		r.advertise("plan", "nav_msgs/msg/Path", plain)
		settled(time.Second)
		for range 60 {
			assert.Empty(h.t, h.look("/robot1/plan"))
			settled(time.Second)
		}
		assert.Equal(h.t, 1, h.own.Opened("/robot1/plan"), "looks in a row share a reader")
		settled(5 * time.Second)
		assert.Equal(h.t, 1, h.own.Readers("/robot1/plan"), "another look may come")
		settled(20 * time.Second)
		assert.Zero(h.t, h.own.Readers("/robot1/plan"))
		assert.Equal(h.t, 1, h.own.Readers("/robot1/odom"), "a role's stays while it is published")
		r.p.Leave()
		settled(4 * time.Minute)
		assert.Equal(h.t, 1, h.own.Readers("/robot1/odom"), "the robot may be back")
		settled(2 * time.Minute)
		assert.Zero(h.t, h.own.Readers("/robot1/odom"))
	})
}

func TestAReaderThatFellSilentIsMadeAnew(t *testing.T) {
	bubble(t, func(h *house, r *robot) {
		r.advertise("map", "nav_msgs/msg/OccupancyGrid", latched) // read reliably
		tell := func(seconds int) {
			for range seconds * 2 {
				require.NoError(h.t, r.w["map"].Write(rostest.Payload(4, 1)))
				require.NoError(h.t, r.w["odom"].Write(rostest.Payload(4, 1)))
				settled(500 * time.Millisecond)
			}
		}
		tell(30)
		require.Equal(h.t, 1, h.own.Opened("/robot1/map"))
		h.own.Deafen("/robot1/map")
		h.own.Deafen("/robot1/odom")
		tell(30)
		assert.Equal(h.t, 2, h.own.Opened("/robot1/map"))
		assert.Equal(h.t, 1, h.own.Opened("/robot1/odom"), "a best-effort one cannot fall silent in that way")
		tell(600)
		assert.Equal(h.t, 2, h.own.Opened("/robot1/map"), "it hears again")
		settled(30 * time.Minute) // the publisher itself has fallen silent
		assert.Greater(h.t, h.own.Opened("/robot1/map"), 3)
		assert.Less(h.t, h.own.Opened("/robot1/map"), 15, "ever more seldom")
	})
}

func TestNodeListsThatDoNotComeAreAskedForAgain(t *testing.T) {
	bubble(t, func(h *house, r *robot) {
		r.nodes(ros.GIDIron, "driver")
		settled(time.Minute)
		require.Len(h.t, h.follower.Nodes(), 1)
		require.Equal(h.t, 1, h.own.Opened(ros.InfoTopic))
		h.own.Deafen(ros.InfoTopic)
		other := h.robot("/robot2")
		other.advertise("odom", "nav_msgs/msg/Odometry", plain)
		other.nodes(ros.GIDIron, "driver")
		settled(5 * time.Second)
		require.Len(h.t, h.follower.Nodes(), 1, "deaf")
		settled(10 * time.Second)
		assert.Len(h.t, h.follower.Nodes(), 2)
		assert.Equal(h.t, 2, h.own.Opened(ros.InfoTopic))
		assert.Equal(h.t, 1, h.own.Readers(ros.InfoTopic), "the deaf one is closed")
	})
}

func TestEarlyNodeListsAge(t *testing.T) {
	bubble(t, func(h *house, r *robot) {
		r.nodes(ros.GIDIron, "driver")
		b, err := ros.EncodeInfo(named(1, "driver"), ros.GIDIron)
		require.NoError(h.t, err)
		other := h.robot("/robot2")
		require.NoError(h.t, other.w[ros.InfoTopic].Write(b))
		other.p.Leave()
		settled(30 * time.Second)
		assert.Equal(h.t, 1, h.follower.Early())
		settled(2 * time.Minute)
		assert.Zero(h.t, h.follower.Early())
	})
}

// Each reader that is made anew makes the robot send its map again.
func TestLooksAtALatchedTopicShareWhatIsThere(t *testing.T) {
	bubble(t, func(h *house, r *robot) {
		r.advertise("map", "nav_msgs/msg/OccupancyGrid", latched)
		old, second := rostest.Payload(4, 1), rostest.Payload(4, 2)
		require.NoError(h.t, r.w["map"].Write(old))
		settled(time.Second)
		require.Equal(h.t, 1, h.own.Opened("/robot1/map"), "the role's")
		for range 60 {
			require.Equal(h.t, [][]byte{old}, h.look("/robot1/map"))
			settled(time.Second)
		}
		assert.Equal(h.t, 2, h.own.Opened("/robot1/map"), "once for the first look")

		other := h.robot("/robot1")
		other.advertise("map", "nav_msgs/msg/OccupancyGrid", latched)
		require.NoError(h.t, other.w["map"].Write(second))
		settled(time.Second)
		assert.Equal(h.t, [][]byte{old, second}, h.look("/robot1/map"), "one of each writer")
		newest := rostest.Payload(4, 3)
		require.NoError(h.t, r.w["map"].Write(newest))
		settled(time.Second)
		assert.Equal(h.t, [][]byte{second, newest}, h.look("/robot1/map"), "the newest of each")
		other.p.Leave()
		settled(time.Second)
		assert.Equal(h.t, [][]byte{newest}, h.look("/robot1/map"), "what has gone is latched no more")
		assert.Equal(h.t, 2, h.own.Opened("/robot1/map"))

		settled(2 * time.Minute)
		assert.Equal(h.t, [][]byte{newest}, h.look("/robot1/map"))
		assert.Equal(h.t, 3, h.own.Opened("/robot1/map"), "it was let go of when nobody looked")
	})
}

func TestAStreamFollowsItsPublishersQoS(t *testing.T) {
	bubble(t, func(h *house, r *robot) {
		r.advertise("plan", "nav_msgs/msg/Path", latched)
		settled(time.Second)
		s, err := h.follower.Open("/robot1/plan", 8)
		require.NoError(h.t, err)
		defer s.Close()
		other := h.robot("/robot1")
		other.advertise("plan", "nav_msgs/msg/Path", sensor) // it offers less
		settled(time.Second)
		require.NoError(h.t, other.w["plan"].Write(rostest.Payload(4, 1)))
		require.NoError(h.t, r.w["plan"].Write(rostest.Payload(4, 2)))
		settled(time.Second)
		require.Len(h.t, s.C(), 2, "both are heard")
		<-s.C()
		<-s.C()
		assert.Empty(h.t, s.Problem())
		other.p.Leave()
		settled(time.Second)
		assert.Equal(h.t, rostest.Payload(4, 2), (<-s.C()).CDR, "what is latched can be asked for again")
		assert.Equal(h.t, 3, h.own.Opened("/robot1/plan"))
		assert.Equal(h.t, 1, h.own.Readers("/robot1/plan"))
	})
}

func TestProblemsComeAndGo(t *testing.T) {
	bubble(t, func(h *house, r *robot) {
		require.NoError(h.t, r.w["odom"].Write([]byte{0, 1, 0, 0, 1, 2, 3}))
		settled(2 * time.Second)
		assert.Contains(h.t, h.problem("/robot1/odom"), "unreadable")
		r.write("odom", odometry("map", 1, 2, 0, 1))
		settled(2 * time.Second)
		assert.Empty(h.t, h.problem("/robot1/odom"), "the next one is good")

		other := h.robot("/robot1")
		other.advertise("odom", "nav_msgs/msg/Odometry", plain)
		settled(time.Second)
		s, err := h.follower.Open("/robot1/odom", 1)
		require.NoError(h.t, err)
		defer s.Close()
		h.own.Complain("/robot1/odom", "PARTITION")
		settled(time.Minute)
		assert.Contains(h.t, h.problem("/robot1/odom"), "PARTITION")
		assert.Contains(h.t, s.Problem(), "PARTITION", "who waits for a sample can be told")
		other.p.Leave()
		settled(2 * time.Second)
		assert.Empty(h.t, h.problem("/robot1/odom"))

		r.advertise("map", "nav_msgs/msg/OccupancyGrid", latched)
		settled(2 * time.Second)
		weak := h.robot("/robot1")
		weak.advertise("map", "nav_msgs/msg/OccupancyGrid", plain)
		synctest.Wait() // the complaint is there, the graph has not been looked at
		weak.p.Leave()
		settled(2 * time.Second)
		assert.Empty(h.t, h.problem("/robot1/map"), "it was gone before we could follow it")
		assert.Equal(h.t, 1, h.own.Opened("/robot1/map"))
	})
}

// A topic with two types: looking at it leaves the reader that a role needs alone.
func TestALookDoesNotTakeARolesReader(t *testing.T) {
	bubble(t, func(h *house, _ *robot) {
		stranger, r := h.robot("/robot2"), h.robot("/robot2")
		stranger.advertise("odom", siteType, plain) // the first by GUID
		r.advertise("odom", "nav_msgs/msg/Odometry", plain)
		settled(time.Second)
		s, err := h.follower.Open("/robot2/odom", 1)
		require.NoError(h.t, err)
		defer s.Close()
		assert.Equal(h.t, "nav_msgs/msg/Odometry", s.Type, "what it will get")
		settled(time.Minute)
		assert.Equal(h.t, 1, h.own.Opened("/robot2/odom"))
		assert.Empty(h.t, s.Problem(), "one of them suits")
	})
}

// A stream's topic comes back with another type while nobody looks.
func TestAReaderFollowsItsPublishersType(t *testing.T) {
	bubble(t, func(h *house, r *robot) {
		r.advertise("plan", "nav_msgs/msg/Path", plain)
		settled(time.Second)
		assert.Empty(h.t, h.look("/robot1/plan"))
		require.NoError(h.t, r.w["plan"].Close())
		r.advertise("plan", siteType, plain)
		settled(time.Second)
		s, err := h.follower.Open("/robot1/plan", 1)
		require.NoError(h.t, err)
		defer s.Close()
		assert.Equal(h.t, siteType, s.Type)
		assert.Equal(h.t, 2, h.own.Opened("/robot1/plan"))
		require.NoError(h.t, r.w["plan"].Close())
		r.advertise("plan", "nav_msgs/msg/Path", plain)
		settled(2 * time.Second)
		assert.Contains(h.t, s.Problem(), "its type is nav_msgs/msg/Path, not "+siteType)
	})
}

// Its streams must not stay with a reader that is no more.
func TestAReaderThatCannotBeMadeAnewIsTriedAgain(t *testing.T) {
	bubble(t, func(h *house, r *robot) {
		r.advertise("plan", "nav_msgs/msg/Path", plain)
		settled(time.Second)
		s, err := h.follower.Open("/robot1/plan", 1)
		require.NoError(h.t, err)
		defer s.Close()
		h.own.Refuse("/robot1/plan")
		other := h.robot("/robot1")
		other.advertise("plan", "nav_msgs/msg/Path", sensor) // asks for another QoS
		settled(time.Minute)
		assert.Zero(h.t, h.own.Readers("/robot1/plan"))
		assert.Contains(h.t, s.Problem(), "out of resources")
		h.own.Refuse("")
		settled(time.Minute)
		assert.Empty(h.t, s.Problem())
		require.NoError(h.t, other.w["plan"].Write(rostest.Payload(4, 1)))
		settled(time.Second)
		assert.Len(h.t, s.C(), 1)
	})
}
