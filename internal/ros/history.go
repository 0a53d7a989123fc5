package ros

import (
	"math"
	"slices"
	"time"
)

// history is what a transform was over the last seconds of its own stamps, so that
// two that come by different ways and at different rates are composed at one time,
// as tf2 does. Its zero value is empty.
type history struct {
	list   []stamped // by stamp
	fixed  bool      // latched: it holds for all times
	behind int       // stamps in a row that were older than the window
}

type stamped struct {
	at int64 // ns; 0 where nothing is said of the time, or when a simulation begins
	planarTransform
}

const (
	historyWindow  = int64(2 * time.Second)
	historySpacing = int64(15 * time.Millisecond) // closer ones are as good as one
	// historyMost follows from both, with one that is older than the window.
	historyMost = int(historyWindow/historySpacing) + 2
)

// order says how a stamp lies to those before it.
type order int

const (
	orderNewest order = iota
	orderLate         // older than the newest: it came by a longer way
	orderReset        // the clock was set back: all there was is forgotten
)

func (h *history) empty() bool { return len(h.list) == 0 }

// clear forgets all but what holds for all times.
func (h *history) clear() {
	if !h.fixed {
		h.list, h.behind = h.list[:0], 0
	}
}

// drop forgets all.
func (h *history) drop() { h.list, h.fixed, h.behind = h.list[:0], false, 0 }

// hold sets what it is from now on.
func (h *history) hold(t planarTransform, fixed bool) {
	h.list, h.fixed, h.behind = append(h.list[:0], stamped{0, t}), fixed, 0
}

// add folds a transform in.
func (h *history) add(at int64, t planarTransform) order {
	n := len(h.list)
	if n == 0 || h.fixed {
		h.list, h.fixed, h.behind = append(h.list[:0], stamped{at, t}), false, 0
		return orderNewest
	}
	newest := h.list[n-1].at
	switch {
	case at < newest-historyWindow:
		// One may have been long on its way; two in a row are a clock that was set back.
		if h.behind++; h.behind < 2 {
			return orderLate
		}
		h.clear()
		h.list = append(h.list, stamped{at, t})
		return orderReset
	case at < newest:
		h.behind = 0
		h.insert(at, t)
		return orderLate
	}
	h.behind = 0
	if at == newest || n > 1 && at-h.list[n-2].at < historySpacing {
		h.list[n-1] = stamped{at, t}
	} else {
		h.list = append(h.list, stamped{at, t})
	}
	h.trim(at - historyWindow)
	return orderNewest
}

func (h *history) insert(at int64, t planarTransform) {
	i, found := slices.BinarySearchFunc(h.list, at, func(s stamped, at int64) int { return int(min(max(s.at-at, -1), 1)) })
	near := h.list[i].at-at < historySpacing || i > 0 && at-h.list[i-1].at < historySpacing
	if !found && !near {
		h.list = slices.Insert(h.list, i, stamped{at, t})
	}
}

// trim forgets what is older than the window, but for the newest of that: it is
// needed for the stamps that follow it.
func (h *history) trim(from int64) {
	old := 0
	for old+1 < len(h.list) && h.list[old+1].at <= from {
		old++
	}
	old = max(old, len(h.list)-historyMost)
	if old > 0 {
		h.list = slices.Delete(h.list, 0, old)
	}
}

// at is the transform at a stamp: interpolated, and beyond both ends held (a
// localiser posts into the future, by its transform_tolerance, or lags). It must
// not be empty.
func (h *history) at(stamp int64) planarTransform {
	i := len(h.list) - 1
	if stamp == 0 || stamp >= h.list[i].at {
		return h.list[i].planarTransform
	}
	for ; i > 0 && h.list[i-1].at > stamp; i-- { // most are near the end
	}
	if i == 0 {
		return h.list[0].planarTransform
	}
	a, b := h.list[i-1], h.list[i]
	return a.towards(b.planarTransform, float64(stamp-a.at)/float64(b.at-a.at))
}

// planarTransform is a transform in the plane.
type planarTransform struct{ x, y, th float64 }

// then applies b in the frame that a leads to.
func (a planarTransform) then(b planarTransform) planarTransform {
	sin, cos := math.Sincos(a.th)
	return planarTransform{a.x + cos*b.x - sin*b.y, a.y + sin*b.x + cos*b.y, wrap(a.th + b.th)}
}

// inverse leads back.
func (a planarTransform) inverse() planarTransform {
	sin, cos := math.Sincos(a.th)
	return planarTransform{-cos*a.x - sin*a.y, sin*a.x - cos*a.y, wrap(-a.th)}
}

// towards is the part k of the way from a to b: the translation straight, the
// rotation by the shorter arc (slerp, in the plane).
func (a planarTransform) towards(b planarTransform, k float64) planarTransform {
	return planarTransform{a.x + k*(b.x-a.x), a.y + k*(b.y-a.y), wrap(a.th + k*wrap(b.th-a.th))}
}

func (a planarTransform) finite() bool { return finite("", a.x, a.y, a.th) == nil }
