package fleet

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
)

// MaxGridCells bounds an occupancy grid that the registry keeps (a hall of
// 400 m × 400 m at 5 cm is 64 M cells).
const MaxGridCells = 64 << 20

// Grid is an occupancy grid (nav_msgs/msg/OccupancyGrid): row-major from the
// bottom left, a cell is -1 (unknown) or 0 … 100 (percent occupied). It is
// immutable; Hash names it.
type Grid struct {
	Hash          string
	Frame         string
	Width, Height int     // cells
	Resolution    float64 // m per cell
	OriginX       float64 // m, of the bottom left corner of cell (0, 0)
	OriginY       float64
	OriginYaw     float64 // rad
	Cells         []int8
}

// NewGrid checks the sizes, hashes the content and takes ownership of cells.
func NewGrid(frame string, width, height int, resolution, x, y, yaw float64, cells []int8) (*Grid, error) {
	switch {
	case width <= 0 || height <= 0 || width > MaxGridCells/height:
		return nil, fmt.Errorf("occupancy grid: size %d × %d is out of range", width, height)
	case len(cells) != width*height:
		return nil, fmt.Errorf("occupancy grid: %d cells for %d × %d", len(cells), width, height)
	case !(resolution > 0) || math.IsInf(resolution, 0):
		return nil, fmt.Errorf("occupancy grid: resolution %v", resolution)
	}
	for _, v := range []float64{x, y, yaw} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("occupancy grid: origin (%v, %v, %v) is not finite", x, y, yaw)
		}
	}
	g := &Grid{
		Frame: frame, Width: width, Height: height, Resolution: resolution,
		OriginX: x, OriginY: y, OriginYaw: yaw, Cells: cells,
	}
	g.Hash = g.hash()
	return g, nil
}

func (g *Grid) hash() string {
	h := sha256.New()
	_ = binary.Write(h, binary.LittleEndian, []uint64{
		uint64(g.Width), uint64(g.Height), math.Float64bits(g.Resolution),
		math.Float64bits(g.OriginX), math.Float64bits(g.OriginY), math.Float64bits(g.OriginYaw),
	})
	h.Write([]byte(g.Frame))
	buf := make([]byte, 0, 4096)
	for i, c := range g.Cells {
		buf = append(buf, byte(c))
		if len(buf) == cap(buf) || i == len(g.Cells)-1 {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
