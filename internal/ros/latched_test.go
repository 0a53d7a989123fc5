package ros

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLatchedSamplesAreBounded(t *testing.T) {
	l, given := newLatched(), 0
	stream := func() *RawStream { return &RawStream{c: make(chan RawSample, 2*latchedMost)} }
	writers := make(map[GUID]bool)
	keep := func(n, size int) {
		id := GUID{byte(n), byte(n >> 8), 1}
		writers[id] = true
		l.keep(RawSample{Writer: id, CDR: make([]byte, size)}, func() { given++ })
	}
	for n := range latchedMost {
		keep(n, 100)
		keep(n, 200) // in the place of the first
	}
	assert.Equal(t, 2*latchedMost, given)
	assert.Equal(t, latchedMost*200, l.bytes)
	s := stream()
	assert.True(t, l.replay(s, writers, func() {}), "that is all there is")
	assert.Len(t, s.c, latchedMost)

	keep(latchedMost, 100)
	assert.Len(t, l.samples, latchedMost, "the oldest goes")
	assert.False(t, l.replay(stream(), writers, func() {}), "and is missed")

	keep(0, latchedBytes)
	assert.Len(t, l.samples, 1)
	assert.Equal(t, latchedBytes, l.bytes)
	keep(0, latchedBytes+1)
	assert.Empty(t, l.samples)
	assert.Zero(t, l.bytes)
}

// Where the transport tells no writers, one sample stands for all of them.
func TestLatchedSamplesOfUnknownWriters(t *testing.T) {
	l := newLatched()
	l.keep(RawSample{CDR: make([]byte, 4)}, func() {})
	s := &RawStream{c: make(chan RawSample, 2)}
	assert.True(t, l.replay(s, map[GUID]bool{{1}: true}, func() {}))
	assert.False(t, l.replay(s, map[GUID]bool{{1}: true, {2}: true}, func() {}), "others may hold more")
	assert.Len(t, s.c, 2)
}
