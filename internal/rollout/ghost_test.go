package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A process that was killed is in the graph until its lease ends: its nodes prove
// nothing of the new container.
func TestNodesOfTheOldContainerDoNotPass(t *testing.T) {
	w := newWorld(1, Spec{After: After{SkipTopics: true}})
	w.robots["r1"].ghost, w.robots["r1"].silentNew = true, true
	w.until(t, "r1", StepVerifying)
	w.advance(10 * time.Second) // twice the window
	assert.Equal(t, StepVerifying, w.status.Robot("r1").Step)
	assert.Contains(t, w.last.Why["r1"].Text, "may be the old container's")
	w.robots["r1"].ghost = false // its lease has ended
	w.advance(2 * time.Minute)
	assert.Equal(t, StepRolledBack, w.status.Robot("r1").Step)
}

// A node of another container stays in the graph all the time. That it outlives
// the lease of a dead process shows that it lives.
func TestNodesOfAnotherContainerPassInTheEnd(t *testing.T) {
	w := newWorld(1, Spec{After: After{SkipTopics: true}})
	w.robots["r1"].ghost, w.robots["r1"].silentNew = true, true
	w.advance(50 * time.Second)
	assert.Equal(t, StateCompleted, w.status.State, w.last.Why)
}
