package ros_test

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
	"github.com/muster-fleet/muster/msgs/geometry_msgs"
	"github.com/muster-fleet/muster/msgs/nav_msgs"
	"github.com/muster-fleet/muster/msgs/rmf_fleet_msgs"
	"github.com/muster-fleet/muster/msgs/rosgraph_msgs"
	"github.com/muster-fleet/muster/msgs/sensor_msgs"
	"github.com/muster-fleet/muster/msgs/std_msgs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestARobotAppearsByItsTopics(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	r.nodes(ros.GIDIron, "driver", "localization")
	h.eventually("it appears with its nodes", func(r fleet.Robot) bool { return len(r.Nodes) == 2 }, "robot1")
	got, _ := h.registry.Robot("robot1")
	assert.Equal(t, fleet.QualityUnseen, got.Quality)
	assert.Equal(t, "/robot1/driver", got.Nodes[0].FullName())

	r.write("odom", odometry("odom", 1, 2, 1, 0))
	h.eventually("its pose", func(r fleet.Robot) bool { return r.Pose != nil }, "robot1")
	got, _ = h.registry.Robot("robot1")
	assert.InDelta(t, 1, got.Pose.X, 1e-9)
	assert.InDelta(t, 3.14159, got.Pose.Yaw, 1e-4)
	assert.InDelta(t, 0.5, got.Pose.Speed, 1e-9)
	assert.False(t, got.Pose.Localised, "odometry alone drifts")

	r.p.Leave()
	h.eventually("it stays, without nodes", func(r fleet.Robot) bool { return len(r.Nodes) == 0 }, "robot1")
	got, _ = h.registry.Robot("robot1")
	assert.NotNil(t, got.Pose)
}

func TestALocalisedPoseCorrectsOdometry(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	r.advertise("amcl_pose", "geometry_msgs/msg/PoseWithCovarianceStamped", latched)
	require.Eventually(t, func() bool { return h.own.Readers("/robot1/odom") == 1 && h.own.Readers("/robot1/amcl_pose") == 1 },
		10*time.Second, time.Millisecond)
	r.write("odom", odometry("odom", 1, 0, 0, 1))
	amcl := geometry_msgs.NewPoseWithCovarianceStamped()
	amcl.Header.FrameID = "map"
	amcl.Pose.Pose.Position = geometry_msgs.Point{X: 10, Y: 20}
	amcl.Pose.Pose.Orientation = geometry_msgs.Quaternion{Z: 0.7071067811865476, W: 0.7071067811865476} // 90°
	r.write("amcl_pose", &amcl)
	r.write("odom", odometry("odom", 3, 0, 0, 1)) // two metres ahead
	h.eventually("it goes on from there", func(r fleet.Robot) bool { return r.Pose != nil && r.Pose.Y > 21 }, "robot1")
	got, _ := h.registry.Robot("robot1")
	assert.InDelta(t, 10, got.Pose.X, 1e-9)
	assert.InDelta(t, 22, got.Pose.Y, 1e-9)
	assert.InDelta(t, 1.5708, got.Pose.Yaw, 1e-4)
	assert.True(t, got.Pose.Localised)
	assert.Equal(t, "map", got.Pose.Frame)
}

func TestRealPeersSamplesBecomeObservations(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	cdr := samples(t)
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	for topic, typ := range map[string]string{"battery_state": "sensor_msgs/msg/BatteryState", "diagnostics": "diagnostic_msgs/msg/DiagnosticArray"} {
		r.advertise(topic, typ, plain)
		require.Eventually(t, func() bool { return h.own.Readers("/robot1/"+topic) == 1 }, 10*time.Second, time.Millisecond)
		require.NoError(t, r.w[topic].Write(cdr[typ]))
	}
	h.eventually("battery and diagnostics", func(r fleet.Robot) bool { return r.Battery != nil }, "robot1")
}

func TestARobotAsksNotToBeUpdated(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	r.advertise("update_lock", "std_msgs/msg/Bool", plain)
	require.Eventually(t, func() bool { return h.own.Readers("/robot1/update_lock") == 1 }, 10*time.Second, time.Millisecond)
	for _, locked := range []bool{true, false} {
		r.write("update_lock", &std_msgs.Bool{Data: locked})
		h.eventually("its lock", func(r fleet.Robot) bool { return r.UpdateLock != nil && r.UpdateLock.Locked == locked }, "robot1")
	}
}

func TestTheMapIsReadLate(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	r.advertise("map", "nav_msgs/msg/OccupancyGrid", latched)
	g := nav_msgs.NewOccupancyGrid()
	g.Header.FrameID = "map"
	g.Info.Width, g.Info.Height, g.Info.Resolution = 2, 3, 0.05
	g.Info.Origin.Orientation.W = 1
	g.Data = []int8{0, 100, -1, 0, 0, 0}
	r.write("map", &g)
	h.eventually("its map", func(r fleet.Robot) bool { return r.Map != "" }, "robot1")
	got, _ := h.registry.Robot("robot1")
	grid, ok := h.registry.Grid(got.Map)
	require.True(t, ok)
	assert.Equal(t, g.Data, grid.Cells)
}

func TestQoSFollowsThePublishers(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	r.advertise("map", "nav_msgs/msg/OccupancyGrid", latched)
	require.Eventually(t, func() bool { return h.own.Readers("/robot1/map") == 1 }, 10*time.Second, time.Millisecond)
	other := h.robot("/robot1")
	other.advertise("map", "nav_msgs/msg/OccupancyGrid", plain) // a second publisher offers less
	h.eventually("no complaint in the end", func(r fleet.Robot) bool {
		i := slices.IndexFunc(r.Topics, func(t fleet.Topic) bool { return t.Name == "/robot1/map" })
		return i >= 0 && r.Topics[i].Publishers == 2 && r.Topics[i].Problem == ""
	}, "robot1")
	g := nav_msgs.NewOccupancyGrid()
	g.Info.Width, g.Info.Height, g.Info.Resolution, g.Data = 1, 1, 1, []int8{0}
	other.write("map", &g)
	h.eventually("the weaker publisher is heard", func(r fleet.Robot) bool { return r.Map != "" }, "robot1")
}

func TestMalformedSamplesAreSaid(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	require.Eventually(t, func() bool { return h.own.Readers("/robot1/odom") == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, r.w["odom"].Write([]byte{0, 1, 0, 0, 1, 2, 3}))
	require.NoError(t, r.w[ros.InfoTopic].Write([]byte{0, 1, 0, 0, 9}))
	h.eventually("the topic says what is wrong", func(r fleet.Robot) bool {
		return len(r.Topics) > 0 && r.Topics[0].Problem != ""
	}, "robot1")
	got, _ := h.registry.Robot("robot1")
	assert.Contains(t, got.Topics[0].Problem, "nav_msgs/msg/Odometry")
	assert.Nil(t, got.Pose)
	r.write("odom", odometry("map", 1, 2, 0, 1))
	h.eventually("and goes on", func(r fleet.Robot) bool { return r.Pose != nil && r.Pose.Localised }, "robot1")
}

func TestTopicsOfARobotThatLeftFallSilent(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	r.advertise("scan", "sensor_msgs/msg/LaserScan", sensor)
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
				r.write("odom", odometry("map", 1, 2, 0, 1))
			}
		}
	})
	odom := func(r fleet.Robot) fleet.Topic { t, _ := r.Topic("/robot1/odom"); return t }
	h.eventually("the rate", func(r fleet.Robot) bool { return odom(r).Hz > 30 && odom(r).Hz < 60 }, "robot1")
	got, _ := h.registry.Robot("robot1")
	assert.Len(t, got.Topics, 2, "also what nobody reads")
	close(stop)
	writing.Wait()
	r.p.Leave()
	h.eventually("silence", func(r fleet.Robot) bool {
		t := odom(r)
		return t.Hz == 0 && t.Publishers == 0 && t.Problem != ""
	}, "robot1")
}

func TestTopicsSetByHand(t *testing.T) {
	h := follow(t, ros.FollowerOptions{
		Robots: []string{"/site/a"},
		Topics: map[string]map[ros.Role]string{"/site/a": {ros.RoleOdometry: "base/wheels"}},
	})
	r := h.robot("/site/a")
	r.advertise("base/wheels", "nav_msgs/msg/Odometry", plain)
	r.nodes(ros.GIDHumble, "base")
	require.Eventually(t, func() bool { return h.own.Readers("/site/a/base/wheels") == 1 }, 10*time.Second, time.Millisecond)
	r.write("base/wheels", odometry("odom", 4, 5, 0, 1))
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.ContainsFunc(h.seen, func(o fleet.Observation) bool {
			p, ok := o.(fleet.PoseObserved)
			return ok && p.Namespace == "/site/a" && p.Pose.X == 4
		})
	}, 10*time.Second, time.Millisecond)
}

func TestPeersSeeUs(t *testing.T) {
	h := follow(t, ros.FollowerOptions{Node: "watcher"})
	r := h.robot("/robot1")
	id, err := r.p.Subscribe(ros.Subscription{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoReaderQoS()})
	require.NoError(t, err)
	last := func(want ros.GIDSize) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for {
			var b ros.Batch
			require.NoError(t, r.p.Take(ctx, &b))
			for _, s := range b.Samples {
				f, size, err := ros.DecodeInfo(s.CDR)
				require.NoError(t, err)
				if s.Reader == id && f.Participant == h.own.Participant() && size == want {
					assert.Equal(t, "watcher", f.Nodes[0].Name)
					return
				}
			}
		}
	}
	last(ros.GIDIron)
	r.nodes(ros.GIDHumble, "driver") // the majority now
	last(ros.GIDHumble)
}

func TestOpenSharesOneReader(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	_, err := h.follower.Open("/robot1/plan", 4)
	require.ErrorContains(t, err, "nobody publishes it")
	r.advertise("plan", "nav_msgs/msg/Path", latched)
	require.NoError(t, r.w["plan"].Write(rostest.Payload(4, 1)))
	var a *ros.RawStream
	require.Eventually(t, func() bool { a, err = h.follower.Open("/robot1/plan", 2); return err == nil }, 10*time.Second, time.Millisecond)
	assert.Equal(t, rostest.Payload(4, 1), (<-a.C()).CDR)
	b, err := h.follower.Open("/robot1/plan", 2)
	require.NoError(t, err)
	assert.Equal(t, rostest.Payload(4, 1), (<-b.C()).CDR, "the second viewer gets what is latched, too")
	assert.Equal(t, 1, h.own.Readers("/robot1/plan"))
	b.Close()
	for i := range byte(10) {
		require.NoError(t, r.w["plan"].Write(rostest.Payload(4, i)))
	}
	require.Eventually(t, func() bool { return a.Dropped() >= 8 }, 10*time.Second, time.Millisecond, "the oldest go")
	assert.Len(t, a.C(), 2)
	a.Close()
}

func TestOpenRMF(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/")
	r.advertise("/fleet_states", "rmf_fleet_msgs/msg/FleetState", plain)
	require.Eventually(t, func() bool { return h.own.Readers("/fleet_states") == 1 }, 10*time.Second, time.Millisecond)
	state := rmf_fleet_msgs.RobotState{Name: "tinyRobot1", BatteryPercent: 83}
	state.Mode.Mode = rmf_fleet_msgs.RobotModeModeCharging
	state.Location = rmf_fleet_msgs.Location{X: 4, Y: -5, Yaw: 1, LevelName: "L1"}
	bad := state
	bad.Name = "not a name"
	r.write("/fleet_states", &rmf_fleet_msgs.FleetState{Name: "tiny", Robots: []rmf_fleet_msgs.RobotState{bad, state}})
	h.eventually("the robot in it", func(r fleet.Robot) bool { return r.Pose != nil && r.Battery != nil }, "tinyRobot1")
	got, _ := h.registry.Robot("tinyRobot1")
	assert.InDelta(t, -5, got.Pose.Y, 1e-6)
	assert.Equal(t, "L1", got.Pose.Frame)
	assert.InDelta(t, 0.83, *got.Battery.Charge, 1e-6)
	assert.True(t, got.Battery.Charging)

	own := h.robot("/other")
	own.advertise("robot_state", "rmf_fleet_msgs/msg/RobotState", plain)
	require.Eventually(t, func() bool { return h.own.Readers("/other/robot_state") == 1 }, 10*time.Second, time.Millisecond)
	own.write("robot_state", &state)
	h.eventually("a robot of its own", func(r fleet.Robot) bool { return r.Pose != nil && r.Pose.X == 4 }, "other")
}

func TestASatelliteGivesAPlaceInMetres(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/mower")
	r.advertise("gps/fix", "sensor_msgs/msg/NavSatFix", sensor)
	require.Eventually(t, func() bool { return h.own.Readers("/mower/gps/fix") == 1 }, 10*time.Second, time.Millisecond)
	m := sensor_msgs.NavSatFix{Latitude: 48, Longitude: 11}
	m.Status.Status = sensor_msgs.NavSatStatusStatusNoFix
	r.write("gps/fix", &m)
	m.Status.Status = sensor_msgs.NavSatStatusStatusFix
	r.write("gps/fix", &m)
	h.eventually("the first fix is the origin", func(r fleet.Robot) bool { return r.Pose != nil && r.Pose.X == 0 }, "mower")
	m.Latitude, m.Longitude = 48.0001, 11.0001
	r.write("gps/fix", &m)
	h.eventually("metres from it", func(r fleet.Robot) bool { return r.Pose.X > 1 }, "mower")
	got, _ := h.registry.Robot("mower")
	assert.InDelta(t, 7.44, got.Pose.X, 0.02, "east")
	assert.InDelta(t, 11.12, got.Pose.Y, 0.02, "north")
	assert.InDelta(t, math.Atan2(11.12, 7.44), got.Pose.Yaw, 0.01, "its course")
}

func TestRatesAreCountedInSimulatedTime(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	r.advertise("/clock", "rosgraph_msgs/msg/Clock", sensor)
	require.Eventually(t, func() bool { return h.own.Readers("/clock") == 1 && h.own.Readers("/robot1/odom") == 1 }, 10*time.Second, time.Millisecond)
	// A simulation at a quarter of the real speed: 10 Hz of its time are 2.5 of ours.
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := int64(0); ; n++ {
			var c rosgraph_msgs.Clock
			sim := time.Duration(n) * 25 * time.Millisecond
			c.Clock.Sec, c.Clock.Nanosec = int32(sim/time.Second), uint32(sim%time.Second)
			r.write("/clock", &c)
			if n%4 == 0 {
				r.write("odom", odometry("map", 1, 2, 0, 1))
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	h.eventually("its own rate", func(r fleet.Robot) bool {
		odom, _ := r.Topic("/robot1/odom")
		return odom.Hz > 9 && odom.Hz < 11
	}, "robot1")
	close(stop)
	running.Wait()
}

// A robot may have a simulation of its own; the domain's time is another.
func TestOnlyTheDomainsClockIsRead(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	r.advertise("clock", "rosgraph_msgs/msg/Clock", sensor)
	r.advertise("/clock", "rosgraph_msgs/msg/Clock", sensor)
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	require.Eventually(t, func() bool { return h.own.Readers("/clock") == 1 && h.own.Readers("/robot1/odom") == 1 },
		10*time.Second, time.Millisecond)
	assert.Zero(t, h.own.Readers("/robot1/clock"))
}
