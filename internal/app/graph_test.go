package app

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The words and their order are those of `ros2 topic info --verbose` (Jazzy).
func TestTopicInfoIsPrintedAsROS2Does(t *testing.T) {
	var info topicEnds
	require.NoError(t, json.Unmarshal([]byte(`{"name":"/r1/odom","types":["nav_msgs/msg/Odometry"],"publishers":[
		{"node":"/r1/driver","type":"nav_msgs/msg/Odometry","type_hash":"RIHS01_ab","guid":"01100a",
		 "qos":{"reliability":"reliable","durability":"volatile","history":"keep_last","depth":10,"liveliness":"automatic","deadline":1000000000}}],
		"subscriptions":[{"node":"","type":"nav_msgs/msg/Odometry","type_hash":"","guid":"010f","qos":{"reliability":"best_effort","durability":"volatile"}}]}`), &info))
	var out bytes.Buffer
	info.print(&out)
	assert.Equal(t, `Type: nav_msgs/msg/Odometry

Publisher count: 1

Node name: driver
Node namespace: /r1
Topic type: nav_msgs/msg/Odometry
Topic type hash: RIHS01_ab
Endpoint type: PUBLISHER
GID: 01.10.0a
QoS profile:
  Reliability: RELIABLE
  History (Depth): KEEP_LAST (10)
  Durability: VOLATILE
  Lifespan: Infinite
  Deadline: 1000000000 nanoseconds
  Liveliness: AUTOMATIC
  Liveliness lease duration: Infinite

Subscription count: 1

Node name: _NODE_NAME_UNKNOWN_
Node namespace: _NODE_NAMESPACE_UNKNOWN_
Topic type: nav_msgs/msg/Odometry
Topic type hash: INVALID
Endpoint type: SUBSCRIPTION
GID: 01.0f
QoS profile:
  Reliability: BEST_EFFORT
  History (Depth): UNKNOWN
  Durability: VOLATILE
  Lifespan: Infinite
  Deadline: Infinite
  Liveliness: UNKNOWN
  Liveliness lease duration: Infinite
`, out.String())
}
