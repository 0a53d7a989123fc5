package queue_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/cmd/muster-rclgo/queue"
	"github.com/muster-fleet/muster/internal/ros"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sample(id ros.ReaderID, size int) ros.Sample {
	return ros.Sample{Reader: id, CDR: make([]byte, size)}
}

func TestTakeGivesAllInOrder(t *testing.T) {
	q := queue.New(10, 1000)
	var b ros.Batch
	for round := range 3 { // the memory of the batch goes round
		for i := range 4 {
			require.NoError(t, q.Room(t.Context()))
			q.Push(sample(ros.ReaderID(10*round+i), 8))
		}
		require.NoError(t, q.Take(t.Context(), &b))
		require.Len(t, b.Samples, 4)
		for i, s := range b.Samples {
			assert.Equal(t, ros.ReaderID(10*round+i), s.Reader)
		}
	}
	assert.Equal(t, queue.Stats{Samples: 12}, q.Stats())
}

func TestNoRoomUntilTaken(t *testing.T) {
	for name, fill := range map[string][]ros.Sample{
		"samples": {sample(1, 1), sample(1, 1)},
		"bytes":   {sample(1, 5000)}, // one of any size finds an empty queue
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := queue.New(2, 100)
				for _, s := range fill {
					require.NoError(t, q.Room(t.Context()))
					q.Push(s)
				}
				done := make(chan error, 1)
				go func() { done <- q.Room(t.Context()) }()
				synctest.Wait()
				require.Empty(t, done, "there is no room")
				var b ros.Batch
				require.NoError(t, q.Take(t.Context(), &b))
				require.Len(t, b.Samples, len(fill))
				require.NoError(t, <-done)
				assert.Equal(t, uint64(1), q.Stats().Stalls)
			})
		})
	}
}

func TestRoomEndsWithItsContext(t *testing.T) {
	q := queue.New(1, 100)
	q.Push(sample(1, 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, q.Room(ctx), context.Canceled)
}

func TestTakeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(1, 100)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- q.Take(ctx, new(ros.Batch)) }()
		synctest.Wait()
		require.Empty(t, done)
		cancel()
		assert.ErrorIs(t, <-done, context.Canceled)
	})
}

func TestCloseEndsEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.New(1, 100)
		took, room := make(chan error, 1), make(chan error, 1)
		go func() { took <- q.Take(t.Context(), new(ros.Batch)) }()
		synctest.Wait()
		q.Close()
		assert.ErrorIs(t, <-took, queue.ErrClosed)

		q = queue.New(1, 100)
		q.Push(sample(1, 1))
		go func() { room <- q.Room(t.Context()) }()
		synctest.Wait()
		q.Close()
		assert.ErrorIs(t, <-room, queue.ErrClosed)
		q.Push(sample(1, 1))
		assert.ErrorIs(t, q.Take(t.Context(), new(ros.Batch)), queue.ErrClosed, "what was pending is lost")
	})
}

// Many push, one takes: nothing is lost, whatever the bounds.
func TestNothingIsLost(t *testing.T) {
	const writers, each = 8, 500
	q := queue.New(16, 300)
	var all sync.WaitGroup
	for id := range writers {
		all.Go(func() {
			for n := range each {
				if q.Room(t.Context()) == nil {
					s := sample(ros.ReaderID(id), 20)
					s.Source = int64(n)
					q.Push(s)
				}
			}
		})
	}
	next := make(map[ros.ReaderID]int64)
	var b ros.Batch
	for taken := 0; taken < writers*each; taken += len(b.Samples) {
		require.NoError(t, q.Take(t.Context(), &b))
		require.LessOrEqual(t, len(b.Samples), 16+writers, "the bound")
		for _, s := range b.Samples {
			require.Equal(t, next[s.Reader], s.Source, "in order")
			next[s.Reader]++
		}
	}
	all.Wait()
}
