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

// jumped compares the time that passed by both clocks since the last call and
// returns by how much the wall clock was set, 0 when it was not.
func (c *clock) jumped(now time.Time) time.Duration {
	wall, passed := now.Round(0), time.Since(c.at)
	was := *c
	c.wall, c.at = wall, time.Now()
	if was.at.IsZero() {
		return 0
	}
	if drift := wall.Sub(was.wall) - passed; drift.Abs() > maxDrift {
		return drift
	}
	return 0
}
