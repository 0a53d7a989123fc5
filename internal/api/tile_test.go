package api

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

// grid gives robot r1 a map whose cell (x, y) holds a value by its place.
func grid(t testing.TB, w *world, width, height int) *fleet.Grid {
	cells := make([]int8, width*height)
	for i := range cells {
		cells[i] = cellAt(i%width, i/width)
	}
	g, err := fleet.NewGrid("map", width, height, 0.05, -1, -2, 0.5, cells)
	require.NoError(t, err)
	w.reg.Apply(t0, fleet.MapObserved{At: fleet.At{Namespace: "/r1"}, Grid: g})
	return g
}

func cellAt(x, y int) int8 { return int8((x+3*y)%102 - 1) }

func TestTilesShowTheGridTheRightWayUp(t *testing.T) {
	w := newWorld(t)
	const width, height = 600, 520
	g := grid(t, w, width, height)
	for _, tc := range []struct {
		name           string
		col, row, w, h int
	}{{"0/0", 0, 0, 512, 512}, {"1/0", 1, 0, 88, 512}, {"0/1", 0, 1, 512, 8}, {"1/1", 1, 1, 88, 8}} {
		rec := w.call("viewer", "GET", "/api/v1/maps/"+g.Hash+"/"+tc.name+".png", "")
		require.Equal(t, 200, rec.Code, rec.Body.String())
		assert.Equal(t, "image/png", rec.Header().Get("Content-Type"))
		assert.Equal(t, "public, max-age=31536000, immutable", rec.Header().Get("Cache-Control"))
		img, err := png.Decode(rec.Body)
		require.NoError(t, err)
		require.IsType(t, &image.Paletted{}, img)
		require.Equal(t, image.Rect(0, 0, tc.w, tc.h), img.Bounds())
		for y := range tc.h {
			for x := range tc.w {
				cell := cellAt(tc.col*512+x, tc.row*512+tc.h-1-y)
				want := color.NRGBA{205, 205, 205, 0}
				if cell >= 0 {
					l := uint8(255 - int(cell)*255/100)
					want = color.NRGBA{l, l, l, 255}
				}
				require.Equal(t, want, color.NRGBAModel.Convert(img.(*image.Paletted).Palette[img.(*image.Paletted).ColorIndexAt(x, y)]), "%s %d,%d", tc.name, x, y)
			}
		}
	}
}

func TestTilesThatAreNot(t *testing.T) {
	w := newWorld(t)
	g := grid(t, w, 10, 10)
	for _, target := range []string{g.Hash + "/1/0.png", g.Hash + "/0/-1.png", g.Hash + "/0/0", "nohash/0/0.png", g.Hash + "/x/0.png"} {
		assert.Equal(t, 404, w.call("viewer", "GET", "/api/v1/maps/"+target, "").Code, target)
	}
	first := w.call("viewer", "GET", "/api/v1/maps/"+g.Hash+"/0/0.png", "")
	again := w.call("viewer", "GET", "/api/v1/maps/"+g.Hash+"/0/0.png", "", "If-None-Match", first.Header().Get("ETag"))
	assert.Equal(t, 304, again.Code)
	assert.Zero(t, again.Body.Len())
}

func TestTheTileCacheIsBoundedAndCutsOnce(t *testing.T) {
	c := newTileCache(1000)
	var mu sync.Mutex
	cuts := make(map[string]int)
	get := func(tag string) {
		b, err := c.get(tag, func() ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			cuts[tag]++
			return bytes.Repeat([]byte{1}, 300), nil
		})
		assert.NoError(t, err)
		assert.Len(t, b, 300)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { get("a") })
	}
	all.Wait()
	assert.Equal(t, 1, cuts["a"])
	get("b")
	get("c")
	get("a")
	get("d") // drops b, which was used longest ago
	assert.Equal(t, 900, c.bytes)
	get("a")
	assert.Equal(t, 1, cuts["a"])
	get("b")
	assert.Equal(t, 2, cuts["b"])

	_, err := c.get("bad", func() ([]byte, error) { return nil, errors.New("x") })
	require.Error(t, err)
	get("bad") // an error is not kept
}
