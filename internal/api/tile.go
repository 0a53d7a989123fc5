package api

import (
	"bytes"
	"container/list"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/muster-fleet/muster/internal/fleet"
)

// tileSize is the side of a map tile in cells.
const tileSize = 512

// tileCacheBytes bounds the encoded tiles that are kept.
const tileCacheBytes = 64 << 20

// tiling is how many tiles a grid has.
func tiling(g *fleet.Grid) (cols, rows int) {
	return (g.Width + tileSize - 1) / tileSize, (g.Height + tileSize - 1) / tileSize
}

// unknownCell is the palette's entry for cells that nobody has seen.
const unknownCell = 101

// palette shows free cells white, occupied ones black, as map_server does, and
// leaves unknown ones transparent.
var palette = func() color.Palette {
	p := make(color.Palette, unknownCell+1)
	for i := range unknownCell {
		p[i] = color.NRGBA{uint8(255 - i*255/100), uint8(255 - i*255/100), uint8(255 - i*255/100), 255}
	}
	p[unknownCell] = color.NRGBA{205, 205, 205, 0}
	return p
}()

func (s *Server) getTile(w http.ResponseWriter, r *http.Request) error {
	hash := r.PathValue("hash")
	col, errCol := strconv.Atoi(r.PathValue("col"))
	row, errRow := strconv.Atoi(strings.TrimSuffix(r.PathValue("row"), ".png"))
	if errCol != nil || errRow != nil || !strings.HasSuffix(r.PathValue("row"), ".png") {
		return &notFound{"a tile is named by two numbers, /{col}/{row}.png"}
	}
	grid, ok := s.opt.Registry.Grid(hash)
	if !ok {
		return &notFound{"map " + hash + " is not known"}
	}
	if cols, rows := tiling(grid); col < 0 || row < 0 || col >= cols || row >= rows {
		return &notFound{fmt.Sprintf("map %s has %d × %d tiles", hash, cols, rows)}
	}
	tag := fmt.Sprintf(`"%s-%d-%d"`, hash, col, row)
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	b, err := s.tiles.get(tag, func() ([]byte, error) { return encodeTile(grid, col, row) })
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	_, err = w.Write(b)
	return err
}

// encodeTile cuts a tile: grids have their first row at the bottom, images at
// the top.
func encodeTile(g *fleet.Grid, col, row int) ([]byte, error) {
	x0, y0 := col*tileSize, row*tileSize
	width, height := min(tileSize, g.Width-x0), min(tileSize, g.Height-y0)
	img := image.NewPaletted(image.Rect(0, 0, width, height), palette)
	for y := range height {
		cells := g.Cells[(y0+height-1-y)*g.Width+x0:][:width]
		line := img.Pix[y*img.Stride:][:width]
		for x, c := range cells {
			if c < 0 || c > 100 {
				c = unknownCell
			}
			line[x] = uint8(c)
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img); err != nil {
		return nil, fmt.Errorf("encode tile: %w", err)
	}
	return b.Bytes(), nil
}

// tileCache keeps the tiles used last, up to a number of bytes. Safe for
// concurrent use; a tile is cut by the first who asks, the others wait.
type tileCache struct {
	limit int

	mu    sync.Mutex
	bytes int
	order *list.List // of *tile, used last first
	byTag map[string]*list.Element
}

type tile struct {
	tag  string
	once sync.Once
	png  []byte
	err  error
}

func newTileCache(limit int) *tileCache {
	return &tileCache{limit: limit, order: list.New(), byTag: make(map[string]*list.Element)}
}

func (c *tileCache) get(tag string, cut func() ([]byte, error)) ([]byte, error) {
	c.mu.Lock()
	e, ok := c.byTag[tag]
	if ok {
		c.order.MoveToFront(e)
	} else {
		e = c.order.PushFront(&tile{tag: tag})
		c.byTag[tag] = e
	}
	t := e.Value.(*tile)
	c.mu.Unlock()
	t.once.Do(func() {
		t.png, t.err = cut()
		c.account(e, t)
	})
	return t.png, t.err
}

// account adds a tile that was cut, and drops those used longest ago.
func (c *tileCache) account(e *list.Element, t *tile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.err != nil {
		c.order.Remove(e)
		delete(c.byTag, t.tag)
		return
	}
	c.bytes += len(t.png)
	for last := c.order.Back(); c.bytes > c.limit && last != nil && last != e; last = c.order.Back() {
		old := last.Value.(*tile)
		c.order.Remove(last)
		delete(c.byTag, old.tag)
		c.bytes -= len(old.png)
	}
}
