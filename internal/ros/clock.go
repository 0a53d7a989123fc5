package ros

import (
	"sync/atomic"
	"time"
)

// decodeClock gives the simulated time in ns.
func (d *decoder) decodeClock(s Sample) (int64, error) {
	if err := d.clock.UnmarshalCDR(s.CDR); err != nil {
		return 0, err
	}
	return int64(d.clock.Clock.Sec)*int64(time.Second) + int64(d.clock.Clock.Nanosec), nil
}

// simClock is a domain's simulated time. While it is published, rates are counted
// in it: a simulation that runs at half speed makes no topic slow, and one that
// is paused makes none silent.
type simClock struct {
	sim, received atomic.Int64 // ns; received on our clock
}

// clockFresh is how long a clock counts after its last sample.
const clockFresh = 30 * time.Second

// set takes a sample; back says that the time is before that of the last one.
func (c *simClock) set(sim, received int64) (back bool) {
	c.received.Store(received)
	return sim < c.sim.Swap(sim)
}

// now is the time in which rates are counted.
func (c *simClock) now(wall time.Time) time.Time {
	if received := c.received.Load(); received != 0 && wall.Sub(time.Unix(0, received)) < clockFresh {
		return time.Unix(0, c.sim.Load())
	}
	return wall
}
