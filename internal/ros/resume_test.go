package ros_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros/rostest"
)

// A topic whose publishers have gone and come back is measured from then on: the time
// between is nobody's rate. Until enough has come its rate is 0, not what it was.
func TestARateBeginsAnewWithItsPublishers(t *testing.T) {
	bubble(t, func(h *house, _ *robot) {
		battery := func() fleet.Topic {
			got, _ := h.registry.Robot("robot1")
			topic, _ := got.Topic("/robot1/battery_state")
			return topic
		}
		publish := func(seconds int) {
			r := h.robot("/robot1")
			r.advertise("battery_state", "sensor_msgs/msg/BatteryState", plain)
			for range seconds {
				settled(time.Second)
				require.NoError(t, r.w["battery_state"].Write(rostest.Payload(4, 1)))
			}
			r.p.Leave()
		}
		publish(40)
		require.InDelta(t, 1, battery().UsualHz, 0.1)
		settled(4 * time.Second)
		require.Equal(t, "nobody publishes it", battery().Problem)
		publish(2)
		assert.Zero(t, battery().Hz, "nobody knows yet")
		publish(5)
		assert.InDelta(t, 1, battery().Hz, 0.26, "and not over the time without a publisher")
		assert.InDelta(t, 1, battery().UsualHz, 0.1)
	})
}

// What comes often tells its new rate soon enough, and goes on at once.
func TestARateThatIsHighGoesOnWithItsPublishers(t *testing.T) {
	bubble(t, func(h *house, _ *robot) {
		publish := func(seconds int) {
			r := h.robot("/robot2")
			r.advertise("odom", "nav_msgs/msg/Odometry", plain)
			for range seconds * 10 {
				settled(100 * time.Millisecond)
				r.write("odom", odometry("odom", 1, 1, 0, 1))
			}
			r.p.Leave()
		}
		publish(20)
		settled(300 * time.Millisecond)
		publish(1)
		got, _ := h.registry.Robot("robot2")
		topic, _ := got.Topic("/robot2/odom")
		assert.Greater(t, topic.Hz, 7.0)
	})
}

// A topic says for what it is followed; what is only looked at is not.
func TestATopicTellsItsRole(t *testing.T) {
	bubble(t, func(h *house, r *robot) {
		r.advertise("battery_state", "sensor_msgs/msg/BatteryState", plain)
		r.advertise("plan", "nav_msgs/msg/Path", plain)
		settled(time.Second)
		s, err := h.follower.Open("/robot1/plan", 1)
		require.NoError(t, err)
		defer s.Close()
		settled(2 * time.Second)
		got, _ := h.registry.Robot("robot1")
		roles := make(map[string]string)
		for _, topic := range got.Topics {
			roles[topic.Name] = topic.Role
		}
		assert.Equal(t, map[string]string{"/robot1/battery_state": "battery", "/robot1/odom": "odometry", "/robot1/plan": ""}, roles)
	})
}
