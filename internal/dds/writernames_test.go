package dds

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/muster-fleet/muster/internal/ros"
)

func TestWriterNamesAreBounded(t *testing.T) {
	w := newWriterNames(3)
	for h := range uint64(10) {
		w.tell(h, ros.GUID{byte(h)}, false)
	}
	assert.Len(t, w.byHandle, 3)
	assert.EqualValues(t, 7, w.unkept.Load())
	w.tell(1, ros.GUID{11}, false)
	assert.Equal(t, ros.GUID{11}, w.byHandle[1], "a known one may change")
	assert.EqualValues(t, 7, w.unkept.Load())
	w.tell(2, ros.GUID{}, true)
	w.tell(9, ros.GUID{9}, false)
	assert.Contains(t, w.byHandle, uint64(9), "in the place of one that has gone")
	for h := range uint64(10) {
		w.tell(h, ros.GUID{}, true)
	}
	assert.Empty(t, w.byHandle)
}
