package ros

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/msgs/rosgraph_msgs"
)

// simulation is a follower with one topic in simulated time, looked at once a
// second of ours.
type simulation struct {
	t     *testing.T
	f     fed
	topic *topicReader
	wall  time.Time
}

func newSimulation(t *testing.T) *simulation {
	s := &simulation{t, feeder(), &topicReader{topic: "/a/odom"}, time.Unix(1_800_000_000, 0)}
	s.f.readers[s.topic.topic] = s.topic
	return s
}

func (s *simulation) clock(namespace string, sim time.Duration) {
	var c rosgraph_msgs.Clock
	c.Clock.Sec, c.Clock.Nanosec = int32(sim/time.Second), uint32(sim%time.Second)
	s.f.feed(s.t, RoleClock, namespace, s.wall, &c)
}

// second passes on our clock, with so many samples until the simulation's reads sim.
func (s *simulation) second(sim time.Duration, samples int) {
	s.wall = s.wall.Add(time.Second)
	s.topic.total.Add(uint64(samples))
	s.clock("/", sim)
	s.f.measure(s.wall)
}

// run lets simulated seconds pass at the real speed.
func (s *simulation) run(from, to, hz int) {
	for i := from + 1; i <= to; i++ {
		s.second(time.Duration(i)*time.Second, hz)
	}
}

func TestRatesOverAPauseOfSimulatedTime(t *testing.T) {
	s := newSimulation(t)
	s.run(0, 20, 10)
	require.InDelta(t, 10, s.topic.rate.hz, 0.01)
	for range 15 {
		s.second(20*time.Second, 0)
		require.InDelta(t, 10, s.topic.rate.hz, 0.01, "a paused simulation makes no topic silent")
	}
	s.run(20, 22, 10)
	assert.InDelta(t, 10, s.topic.rate.hz, 0.01, "and goes on where it was")
}

func TestRatesOverAResetOfSimulatedTime(t *testing.T) {
	s := newSimulation(t)
	s.run(0, 30, 10) // less than a minute: a reset need not be a long way back
	for i := range 10 {
		s.run(i, i+1, 4)
		if hz := s.topic.rate.hz; i < 2 {
			require.InDelta(t, 10, hz, 0.01, "the old rate, until the new run has one")
		} else {
			require.InDelta(t, 4, hz, 0.01, "after %d s", i+1)
		}
	}
	assert.InDelta(t, 10, s.topic.rate.usual, 0.5, "what is usual outlives the run")

	s.wall = s.wall.Add(clockFresh) // the simulation has ended: our own time counts
	for i := range 5 {
		s.wall = s.wall.Add(time.Second)
		s.topic.total.Add(4)
		s.f.measure(s.wall)
		require.InDelta(t, 4, s.topic.rate.hz, 0.01, "after %d s", i+1)
	}
}

func TestARobotsOwnClockIsNotTheDomains(t *testing.T) {
	s := newSimulation(t)
	s.run(0, 5, 10)
	s.clock("/robot1", 1000*time.Hour)
	assert.Equal(t, time.Unix(5, 0), s.f.clock.now(s.wall))
}

// Poses of before a reset say nothing of those after it.
func TestAResetOfSimulatedTimeForgetsTransforms(t *testing.T) {
	s := newSimulation(t)
	d := drive{speed: 1}
	s.clock("/", 100*time.Second)
	s.f.feedEdge(t, sendEdge("map", "odom", d.toOdom(100), 100, 100))
	p, _ := s.f.feedEdge(t, sendEdge("odom", "base_link", d.odom(100), 100, 100))
	require.True(t, p.Localised)
	s.clock("/", 99*time.Second) // a little back, within what may come late
	p, ok := s.f.feedEdge(t, sendEdge("odom", "base_link", d.odom(99), 99, 101))
	require.True(t, ok, "it is the first of the new run")
	assert.False(t, p.Localised)
}
