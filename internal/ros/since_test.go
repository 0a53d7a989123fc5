package ros_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
)

// A node tells since when its participant is known: one that came again has a
// new one.
func TestNodesTellWhenTheirParticipantWasDiscovered(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	before := time.Now()
	known := func(r fleet.Robot) bool { return len(r.Nodes) == 1 }
	r := h.robot("/robot1")
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	r.nodes(ros.GIDIron, "driver")
	h.eventually("its node", known, "robot1")
	got, _ := h.registry.Robot("robot1")
	first := got.Nodes[0].Since
	assert.False(t, first.Before(before))

	r.nodes(ros.GIDIron, "driver", "localization") // its participant is the same
	h.eventually("another node", func(r fleet.Robot) bool { return len(r.Nodes) == 2 }, "robot1")
	got, _ = h.registry.Robot("robot1")
	assert.Equal(t, first, got.Nodes[0].Since)

	r.p.Leave()
	h.eventually("it is gone", func(r fleet.Robot) bool { return len(r.Nodes) == 0 }, "robot1")
	again := time.Now()
	r = h.robot("/robot1")
	r.advertise("odom", "nav_msgs/msg/Odometry", plain)
	r.nodes(ros.GIDIron, "driver")
	h.eventually("it is back", known, "robot1")
	got, _ = h.registry.Robot("robot1")
	assert.False(t, got.Nodes[0].Since.Before(again))
}
