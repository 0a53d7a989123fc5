package dds

import (
	"sync"
	"sync/atomic"

	"github.com/muster-fleet/muster/internal/ros"
)

// maxWriters bounds the remote writers whose GUIDs are kept; it is what a
// ros.Graph keeps of endpoints.
const maxWriters = 1_000_000

// writerNames are the GUIDs of the remote writers by the instance handles that
// their samples carry. Samples of those that are not kept come without a GUID.
type writerNames struct {
	most   int
	unkept atomic.Uint64

	mu       sync.RWMutex
	byHandle map[uint64]ros.GUID // guarded by mu
}

func newWriterNames(most int) writerNames {
	return writerNames{most: most, byHandle: make(map[uint64]ros.GUID)}
}

// tell takes what discovery says of a writer.
func (w *writerNames) tell(handle uint64, g ros.GUID, gone bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch _, known := w.byHandle[handle]; {
	case gone:
		delete(w.byHandle, handle)
	case known || len(w.byHandle) < w.most:
		w.byHandle[handle] = g
	default:
		w.unkept.Add(1)
	}
}
