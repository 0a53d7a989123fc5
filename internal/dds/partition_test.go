package dds_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
)

// Robots of both vendors, on hosts with several interfaces and addresses, are cut
// off for longer than their leases, again and again: now the robots, now the
// manager. Each time the graph is right at both ends of it, and nothing piles up.
func TestAPartitionHeals(t *testing.T) {
	t.Parallel()
	const cyclone, fast, nodes, cycles, lease = 30, 2, 3, 10, 1500
	n := ddstest.NewNetwork(t)
	hub, h := n.Host(), n.Host()
	m := onHost(t, hub, "manager", 0, manyParticipants, lease, 2)
	onHost(t, h, "robots", 0, cyclone, nodes, 10, 0, lease, 2)
	var drives []func()
	for i := range fast {
		drives = append(drives, fastRobot(h.StartPeer(t, 0, lease*time.Millisecond), fmt.Sprintf("fast%d", i), nodes))
	}
	all := func(s seen) bool { return complete(cyclone+fast, nodes)(s) && s.Stats.Readers == cyclone+fast }
	awaitPoses := func(what string) {
		before := look(m).PosesOf
		awaitSeen(m, what+" of each", func(s seen) bool {
			for _, drive := range drives {
				drive()
			}
			heard := 0
			for robot, poses := range s.PosesOf {
				if poses >= before[robot]+3 {
					heard++
				}
			}
			return heard == cyclone+fast
		})
	}
	first := awaitSeen(m, "all robots", all)
	awaitPoses("data")
	var settled seen
	for i := range cycles {
		cut := []*ddstest.Host{h, hub}[i%2]
		cut.Cut()
		awaitSeen(m, "nothing while they are cut off", nobody)
		cut.Mend()
		mended := awaitSeen(m, "all robots again", all)
		assert.Equal(t, first.Nodes, mended.Nodes, "the same GUIDs")
		awaitPoses("data again")
		if i == 1 {
			settled = tell(m, "measure")
		}
	}
	end := tell(m, "measure")
	t.Logf("resident: %d KB after two cuts, %d KB after %d", settled.Resident>>10, end.Resident>>10, cycles)
	// A robot takes some 46 KB; the race detector's shadow grows by itself.
	const perCut = 24 << 10
	assert.Less(t, end.Resident-settled.Resident, (cyclone+fast)*(cycles-2)*perCut, "memory of robots that were cut off")
	assert.Zero(t, end.Stats.Refused)
}
