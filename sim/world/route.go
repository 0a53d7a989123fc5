package world

import (
	"math"
	"time"
)

// The motion of a robot.
const (
	speed = 0.8             // m/s
	turn  = 1.2             // rad/s, on the spot
	dwell = 6 * time.Second // at each station
	lane  = 0.4             // m to the right of an aisle's middle
)

// Motion is where a robot is and how it moves, in the map's frame (REP-103).
type Motion struct {
	X, Y, Yaw   float64 // m, m, rad
	Speed, Turn float64 // m/s, rad/s
}

// Route is a closed way around a rack, with a stop on its first side.
type Route struct {
	legs   []leg
	period time.Duration
	phase  time.Duration
}

// leg is one of: a drive along a line, a turn on the spot, a stop.
type leg struct {
	took         time.Duration
	x, y, yaw    float64 // at its begin
	speed, turns float64
}

type point struct{ x, y float64 }

// NewRoute is the way of the robot with this index, from 0 on. Robots with
// different indices are spread over the hall and along the same way.
func NewRoute(index int) *Route {
	blocks := len(corridors) - 1
	loops := (len(aisles) - 1) * blocks
	// A stride that is prime to the number of loops spreads a small fleet.
	loop := index * 3 % loops
	r := around(loop%(len(aisles)-1), loop/(len(aisles)-1))
	const golden = 0.6180339887
	_, share := math.Modf(float64(index)*golden + float64(index/loops)*0.37)
	r.phase = time.Duration(share * float64(r.period))
	return r
}

// around is the loop between two aisles of a block, counter-clockwise on the
// right-hand lane.
func around(row, block int) *Route {
	x0, x1 := corridors[block]+lane, corridors[block+1]-lane
	y0, y1 := aisles[row]+lane, aisles[row+1]-lane
	corners := []point{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}
	r := &Route{}
	for i, from := range corners {
		to := corners[(i+1)%len(corners)]
		r.side(from, to, i == 0)
	}
	return r
}

// side drives one side of a loop, with a stop in its middle when it has a
// station, and turns left at its end.
func (r *Route) side(from, to point, station bool) {
	yaw := math.Atan2(to.y-from.y, to.x-from.x)
	length := math.Hypot(to.x-from.x, to.y-from.y)
	if station {
		middle := point{(from.x + to.x) / 2, (from.y + to.y) / 2}
		r.add(leg{took: seconds(length / 2 / speed), x: from.x, y: from.y, yaw: yaw, speed: speed})
		r.add(leg{took: dwell, x: middle.x, y: middle.y, yaw: yaw})
		r.add(leg{took: seconds(length / 2 / speed), x: middle.x, y: middle.y, yaw: yaw, speed: speed})
	} else {
		r.add(leg{took: seconds(length / speed), x: from.x, y: from.y, yaw: yaw, speed: speed})
	}
	r.add(leg{took: seconds(math.Pi / 2 / turn), x: to.x, y: to.y, yaw: yaw, turns: turn})
}

func (r *Route) add(l leg) {
	r.legs = append(r.legs, l)
	r.period += l.took
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// At is the motion at a time: the same time gives the same place, so a robot's
// software may end and begin anew at any moment.
func (r *Route) At(t time.Time) Motion {
	left := time.Duration((t.UnixNano()%int64(r.period) + int64(r.phase)) % int64(r.period))
	for _, l := range r.legs {
		if left < l.took {
			return l.at(left.Seconds())
		}
		left -= l.took
	}
	return r.legs[0].at(0)
}

func (l leg) at(s float64) Motion {
	sin, cos := math.Sincos(l.yaw)
	return Motion{
		X: l.x + cos*l.speed*s, Y: l.y + sin*l.speed*s, Yaw: math.Remainder(l.yaw+l.turns*s, 2*math.Pi),
		Speed: l.speed, Turn: l.turns,
	}
}

// Battery is the charge (0 … 1) of a robot's battery at a time, and whether it
// charges: a slow saw-tooth, shifted from robot to robot.
func Battery(index int, t time.Time) (charge float64, charging bool) {
	const cycle = 40 * time.Minute
	_, shift := math.Modf(float64(index) * 0.37)
	_, at := math.Modf(float64(t.UnixNano()%int64(cycle))/float64(cycle) + shift)
	const low, high, drain = 0.25, 0.98, 0.8 // it drains for four fifths of a cycle
	if at < drain {
		return high - (high-low)*at/drain, false
	}
	return low + (high-low)*(at-drain)/(1-drain), true
}
