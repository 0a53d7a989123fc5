package stream

import (
	"encoding/json"
	"fmt"
	"sync"
)

// Lane ranks frames: at each tick a lower lane gets what the higher ones left
// of the batch.
type Lane int

// The lanes, first to go first. Documents are the engines, the rollouts and
// the state of the system.
const (
	LaneControl Lane = iota
	LaneEvents
	LaneDocuments
	LaneState
	LanePose
	laneCount
)

func (l Lane) String() string {
	return [...]string{"control", "events", "documents", "state", "pose"}[l]
}

// Byte budgets. A batch is what a session may have in flight; a lane's frame
// that holds many robots or events is cut at chunkBytes.
const (
	batchBytes   = 512 << 10
	chunkBytes   = 128 << 10
	controlBytes = 64 << 10
	eventsChunk  = 256 // events per frame, each of about 250 bytes
)

// Frame is one WebSocket message. It is immutable and shared by all sessions
// that get it.
type Frame struct {
	Lane Lane
	Text bool
	Data []byte

	once    sync.Once
	adapted any
}

// Adapt returns what build made of the frame, once for all sessions: the form
// in which a socket library wants a message that goes to many.
func (f *Frame) Adapt(build func(*Frame) any) any {
	f.once.Do(func() { f.adapted = build(f) })
	return f.adapted
}

func textFrame(lane Lane, message any) *Frame {
	return &Frame{Lane: lane, Text: true, Data: encode(message)}
}

// encode writes one of this package's own types: an error is a mistake in it.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return b
}

func size(frames []*Frame) int {
	n := 0
	for _, f := range frames {
		n += len(f.Data)
	}
	return n
}
