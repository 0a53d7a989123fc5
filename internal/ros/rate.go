package ros

import (
	"math"
	"time"
)

// rate measures how often samples come. It is told the count once per tick.
type rate struct {
	ticks [rateTicks]tickCount // a ring
	n     int
	hz    float64
	usual float64
	low   time.Time // since when hz has been far below usual
	// rewound says that usual is older than the ticks.
	rewound bool
}

type tickCount struct {
	at    time.Time
	total uint64
}

const (
	rateTicks  = 12
	rateShort  = 2 * time.Second  // the window for what comes often
	rateLong   = 10 * time.Second // and for what comes seldom
	rateEnough = 4                // samples that make a window good
	settle     = 3 * time.Second  // before a rate counts as usual
	accept     = 2 * time.Minute  // after which a lower rate is the usual one
)

// tick folds in the total count at a time.
func (r *rate) tick(now time.Time, total uint64) {
	r.ticks[r.n%rateTicks] = tickCount{now, total}
	r.n++
	// The window fits the usual rate, so that a topic that falls silent shows it
	// at once.
	hz, ok := r.over(now, rateShort)
	if seldom(max(r.usual, hz)) {
		hz, ok = r.over(now, rateLong)
	}
	if ok {
		r.hz = hz
	}
	r.learn(now)
}

// rewind begins to count anew, in another time, and keeps the rates until then.
func (r *rate) rewind() {
	r.n, r.low, r.rewound = 0, time.Time{}, r.usual > 0
}

// resume begins to count anew after a time in which nobody published, what comes so
// seldom that this time would be in its rate for long: there is none until enough
// has come.
func (r *rate) resume() {
	if seldom(max(r.usual, r.hz)) {
		r.rewind()
		r.hz = 0
	}
}

// seldom reports whether the short window has too few samples to tell a rate.
func seldom(hz float64) bool { return hz*rateShort.Seconds() < rateEnough }

// over is the rate over at least a window, or over all there is when that has
// settled; false before.
func (r *rate) over(now time.Time, window time.Duration) (hz float64, ok bool) {
	newest := r.ticks[(r.n-1)%rateTicks]
	for i := r.n - 2; i >= 0 && i > r.n-1-rateTicks; i-- {
		t := r.ticks[i%rateTicks]
		age := now.Sub(t.at)
		if oldest := i == 0 || i == r.n-rateTicks; age >= window-window/20 || oldest && age >= settle-settle/20 {
			return float64(newest.total-t.total) / age.Seconds(), true
		}
	}
	return 0, false
}

// learn follows the rate over the long window slowly while the short one agrees,
// and a drop to less than half only when it lasts. A busy machine delays samples
// and then counts them at once: a short window alone would take that for a rate.
func (r *rate) learn(now time.Time) {
	hz, _ := r.over(now, rateLong)
	if hz == 0 || math.Abs(hz-r.hz) > 0.25*max(hz, r.hz) {
		return
	}
	if r.hz >= r.usual/2 {
		r.low = time.Time{}
	} else {
		if r.low.IsZero() {
			r.low = now
		}
		if now.Sub(r.low) < accept {
			return
		}
	}
	if r.n <= rateTicks && !r.rewound {
		r.usual = hz // not yet a whole window: the best that is known
		return
	}
	const weight = 1.0 / 16
	r.usual += (hz - r.usual) * weight
}
