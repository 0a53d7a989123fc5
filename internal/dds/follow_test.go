package dds_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/msgs/geometry_msgs"
	"github.com/muster-fleet/muster/msgs/nav_msgs"
)

// A Fast DDS robot, as rmw_fastrtps would make it: its node list in either gid
// size, its topics under their ROS names, samples that real nodes wrote. It
// becomes a robot of the fleet, and is alone no more when it leaves.
func TestAFastDDSRobotBecomesARobotOfTheFleet(t *testing.T) {
	for _, size := range []ros.GIDSize{ros.GIDHumble, ros.GIDIron} {
		domain := ddstest.FreeDomain(t)
		p, peer := ddstest.Join(t, domain), ddstest.StartPeer(t, domain)
		registry := fleet.NewRegistry(&fleet.Journal{})
		follower := ros.NewFollower(p, registry.Apply, ros.FollowerOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- follower.Run(ctx) }()

		reliable := ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, Depth: 10}
		cdr, writers := golden(t), []ros.GUID{}
		topics := map[string]string{
			"rt/robot7/odom": "nav_msgs/msg/Odometry", "rt/robot7/battery_state": "sensor_msgs/msg/BatteryState",
			"rt/robot7/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
		}
		for topic, typ := range topics {
			writers = append(writers, peer.Advertise(topic, ros.DDSType(typ), reliable, ""))
		}
		peer.Advertise(ros.InfoTopic, ros.DDSType(ros.InfoType), ros.InfoWriterQoS(), "")
		info, err := ros.EncodeInfo(ros.NodesFact{Participant: peer.GUID, Nodes: []ros.NodeEntities{
			{Namespace: "/robot7", Name: "driver", Writers: writers},
		}}, size)
		require.NoError(t, err)
		peer.Write(ros.InfoTopic, info)

		robot := func() fleet.Robot { r, _ := registry.Robot("robot7"); return r }
		require.Eventually(t, func() bool { return len(robot().Nodes) == 1 }, ddstest.Deadline, 5*time.Millisecond, "its node")
		assert.Equal(t, "/robot7/driver", robot().Nodes[0].FullName())
		assert.Equal(t, "/", robot().Nodes[0].Enclave)
		writeUntil := func(what string, odometry []byte, ok func(fleet.Robot) bool) fleet.Robot {
			cdr["nav_msgs/msg/Odometry"] = odometry
			require.Eventually(t, func() bool { // until our reader and its writer have met
				for topic, typ := range topics {
					peer.Write(topic, cdr[typ])
				}
				return ok(robot())
			}, ddstest.Deadline, 20*time.Millisecond, what)
			return robot()
		}
		sane := writeUntil("its data", odometry(t, 1.5), func(r fleet.Robot) bool { return r.Battery != nil && r.Pose != nil })
		assert.Equal(t, []float64{1.5, -2, math.Pi / 2, 0.25}, []float64{sane.Pose.X, sane.Pose.Y, sane.Pose.Yaw, sane.Pose.Speed})
		assert.Equal(t, "odom", sane.Pose.Frame)
		assert.Empty(t, problem(sane, "/robot7/odom"))
		require.Eventually(t, func() bool { return len(robot().Topics) == 3 }, ddstest.Deadline, 5*time.Millisecond)

		mad := writeUntil("a problem", odometry(t, math.NaN()), func(r fleet.Robot) bool { return problem(r, "/robot7/odom") != "" })
		assert.Equal(t, "unreadable samples: read nav_msgs/msg/Odometry: a value is not finite", problem(mad, "/robot7/odom"))
		assert.Equal(t, 1.5, mad.Pose.X, "the last good pose stays")
		writeUntil("the next good one", odometry(t, 3), func(r fleet.Robot) bool { return r.Pose.X == 3 })

		peer.Kill() // no goodbye: silence makes it offline, long before its lease ends
		require.Eventually(t, func() bool {
			registry.Sweep(time.Now().Add(20 * time.Second))
			return robot().Quality == fleet.QualityOffline
		}, ddstest.Deadline, 5*time.Millisecond)
		cancel()
		assert.ErrorIs(t, <-done, context.Canceled)
	}
}

// odometry is a robot's that looks to the left and drives on.
func odometry(t *testing.T, x float64) []byte {
	t.Helper()
	m := nav_msgs.NewOdometry()
	m.Header.FrameID, m.ChildFrameID = "odom", "base_link"
	m.Pose.Pose.Position = geometry_msgs.Point{X: x, Y: -2}
	m.Pose.Pose.Orientation = geometry_msgs.Quaternion{Z: math.Sqrt2 / 2, W: math.Sqrt2 / 2}
	m.Twist.Twist.Linear.X = 0.25
	cdr, err := m.MarshalCDR(nil)
	require.NoError(t, err)
	return cdr
}

func problem(r fleet.Robot, topic string) string {
	t, _ := r.Topic(topic)
	return t.Problem
}
