package rollout

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A dry run says why each robot would wait, and of one that would not, that its
// gates pass.
func TestExplainSaysWhyARobotWouldWait(t *testing.T) {
	w := newWorld(6, Spec{
		Waves: []Wave{"5", "6"}, Offline: OfflineWait, Approval: Approval{Before: ApproveFleet, OtherPerson: true},
	})
	w.robots["r1"].moving = true
	w.robots["r2"].locked = true
	w.robots["r3"].offline = true
	f := w.facts()
	busy := f.Robots["r4"]
	busy.Claimed = "other"
	f.Robots["r4"] = busy
	why := Explain(w.plan, f, w.now)
	for robot, text := range map[string]string{
		"r1": "drives at 1.00 m/s, turns at 0.00 rad/s",
		"r2": "the robot asks not to be updated",
		"r3": "is offline since 2026-11-23T12:00:00Z",
		"r4": "rollout other is not through with this robot",
		"r5": "",
		"r6": "the wave waits for the approval of a person who is engineer, other than ada",
	} {
		assert.Equal(t, text, why[robot].Text, robot)
		assert.NotEmpty(t, why[robot].Gates, robot)
	}
	closed := newWorld(1, Spec{Before: Before{Windows: []string{"22:00-23:00"}}})
	assert.Equal(t, "opens on Mon 22:00 UTC", Explain(closed.plan, closed.facts(), t0)["r1"].Text)
}
