package ros_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/ros"
)

// Topics that somebody only waits for are part of the graph as well: they are how
// a missing publisher shows.
func TestAllTopicsHaveBothEnds(t *testing.T) {
	id, other := guid(1, 0).Participant(), guid(2, 0).Participant()
	odom, cmd, lost, service := guid(1, 1), guid(1, 2), guid(2, 1), guid(1, 3)
	g := fold([]ros.Fact{
		ros.ParticipantFact{GUID: id},
		ros.ParticipantFact{GUID: other},
		ros.EndpointFact{GUID: odom, Writer: true, Topic: "rt/r/odom", Type: "nav_msgs::msg::dds_::Odometry_", QoS: plain},
		ros.EndpointFact{GUID: lost, Topic: "rt/r/odom", Type: "nav_msgs::msg::dds_::Path_", QoS: sensor},
		ros.EndpointFact{GUID: cmd, Topic: "rt/r/cmd_vel", Type: "geometry_msgs::msg::dds_::Twist_", QoS: sensor},
		ros.EndpointFact{GUID: service, Writer: true, Topic: "rr/r/n/resetReply"},
		ros.NodesFact{Participant: id, Nodes: []ros.NodeEntities{
			{Namespace: "/r", Name: "n", Readers: []ros.GUID{cmd}, Writers: []ros.GUID{odom, service}},
			{Namespace: "/r", Name: "z", Writers: []ros.GUID{odom}}, // a second claim
		}},
		ros.NodesFact{Participant: other, Nodes: []ros.NodeEntities{{Namespace: "/a", Name: "liar", Writers: []ros.GUID{odom}}}},
	})
	all := g.AllTopics()
	require.Len(t, all, 2, "no services")
	assert.Equal(t, "/r/cmd_vel", all[0].Name)
	assert.Empty(t, all[0].Publishers)
	require.Len(t, all[0].Subscriptions, 1)
	assert.Equal(t, "/r/n", all[0].Subscriptions[0].Node)
	assert.Equal(t, ros.BestEffort, all[0].Subscriptions[0].QoS.Reliability)
	assert.Equal(t, []string{"geometry_msgs/msg/Twist"}, all[0].Types)

	assert.Equal(t, []string{"nav_msgs/msg/Odometry", "nav_msgs/msg/Path"}, all[1].Types, "they disagree")
	require.Len(t, all[1].Publishers, 1)
	assert.Equal(t, "/r/n", all[1].Publishers[0].Node, "only its own participant names its node")
	assert.Empty(t, all[1].Subscriptions[0].Node, "no node list has told of it")
}

func TestAFollowerTellsOfTopicsThatNobodyPublishes(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	_, err := r.p.Subscribe(ros.Subscription{Topic: "/robot1/cmd_vel", Type: "geometry_msgs/msg/Twist", QoS: plain})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		all := h.follower.AllTopics()
		return len(all) == 1 && all[0].Name == "/robot1/cmd_vel" && len(all[0].Subscriptions) == 1
	}, 10*time.Second, time.Millisecond)
}
