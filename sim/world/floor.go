// Package world is where the simulated robots live: a hall with racks and aisles
// as an occupancy grid, and routes through it that need no state, because a
// robot's place is a function of time. It is pure.
package world

import "math"

// The hall, in metres; its lower left corner is the map's origin.
const (
	Width      = 48.0
	Height     = 28.0
	Resolution = 0.05 // m per cell
	margin     = 1.0  // unknown cells around the walls
)

// Cells of a nav_msgs/msg/OccupancyGrid.
const (
	unknown  = -1
	free     = 0
	occupied = 100
)

// Floor is the hall as an occupancy grid, row-major from the bottom left.
type Floor struct {
	Columns, Rows    int
	Resolution       float64
	OriginX, OriginY float64 // m, of the bottom left corner
	Cells            []int8
}

// rect is an axis-parallel area in metres.
type rect struct{ x0, y0, x1, y1 float64 }

// aisles are the middles of the horizontal aisles, corridors those of the
// vertical ones; the racks stand between.
var (
	aisles    = []float64{3, 7, 11, 15, 19, 23}
	corridors = []float64{3.5, 24, 44.5}
)

// NewFloor draws the hall.
func NewFloor() Floor {
	f := Floor{
		Columns: int((Width + 2*margin) / Resolution), Rows: int((Height + 2*margin) / Resolution),
		Resolution: Resolution, OriginX: -margin, OriginY: -margin,
	}
	f.Cells = make([]int8, f.Columns*f.Rows)
	for i := range f.Cells {
		f.Cells[i] = unknown
	}
	const wall = 0.2
	f.fill(rect{-wall, -wall, Width + wall, Height + wall}, occupied)
	f.fill(rect{0, 0, Width, Height}, free)
	for _, r := range obstacles() {
		f.fill(r, occupied)
	}
	return f
}

// obstacles are the racks, the pillars in the middle corridor and the docks.
func obstacles() (all []rect) {
	for i := range len(aisles) - 1 {
		y := (aisles[i] + aisles[i+1]) / 2
		for b := range len(corridors) - 1 {
			x0, x1 := corridors[b]+2.2, corridors[b+1]-2.2
			middle := (x0 + x1) / 2 // each row of racks has a gap
			all = append(all, rect{x0, y - 0.8, middle - 0.6, y + 0.8}, rect{middle + 0.6, y - 0.8, x1, y + 0.8})
		}
	}
	for x := 8.0; x <= 40; x += 4 {
		all = append(all, rect{x, 0.15, x + 0.9, 0.7})
	}
	for x := 6.0; x <= 42; x += 9 {
		all = append(all, rect{x, 25.6, x + 3.2, 26.6})
	}
	return all
}

func (f *Floor) fill(r rect, value int8) {
	column := func(x float64) int { return clamp(int(math.Round((x-f.OriginX)/f.Resolution)), f.Columns) }
	row := func(y float64) int { return clamp(int(math.Round((y-f.OriginY)/f.Resolution)), f.Rows) }
	for y := row(r.y0); y < row(r.y1); y++ {
		line := f.Cells[y*f.Columns:]
		for x := column(r.x0); x < column(r.x1); x++ {
			line[x] = value
		}
	}
}

func clamp(v, most int) int { return max(0, min(v, most)) }

// At is the cell at a place in metres, unknown outside.
func (f *Floor) At(x, y float64) int8 {
	c, r := int(math.Floor((x-f.OriginX)/f.Resolution)), int(math.Floor((y-f.OriginY)/f.Resolution))
	if c < 0 || r < 0 || c >= f.Columns || r >= f.Rows {
		return unknown
	}
	return f.Cells[r*f.Columns+c]
}
