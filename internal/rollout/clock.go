package rollout

import "time"

// clock notices that the wall clock was set. Deadlines are stored in wall time,
// for another manager to read; a clock that jumps must not let them pass.
type clock struct {
	wall time.Time // as last seen, without its monotonic reading
	at   time.Time // when that was, by the monotonic clock
}

// maxDrift is by how much the clocks may differ between two looks.
const maxDrift = 2 * time.Second

// jumped compares the time that passed by both clocks since the last call.
func (c *clock) jumped(now time.Time) bool {
	wall, passed := now.Round(0), time.Since(c.at)
	was := *c
	c.wall, c.at = wall, time.Now()
	if was.at.IsZero() {
		return false
	}
	drift := wall.Sub(was.wall) - passed
	return drift > maxDrift || drift < -maxDrift
}
