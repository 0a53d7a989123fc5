package group_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/cmd/muster-rclgo/group"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errClose = errors.New("close")

// reader knows whether a wait set holds it.
type reader struct {
	t      *testing.T
	held   atomic.Int32
	closed atomic.Bool
	err    error
}

func (r *reader) Close() error {
	assert.Zero(r.t, r.held.Load(), "closed inside a running wait set")
	assert.False(r.t, r.closed.Swap(true), "closed twice")
	return r.err
}

// waits is a wait set that holds its readers until its context ends.
type waits struct {
	t     *testing.T
	size  int
	count atomic.Int64
}

func (w *waits) run(ctx context.Context, readers []*reader) error {
	w.count.Add(1)
	assert.LessOrEqual(w.t, len(readers), w.size)
	for _, r := range readers {
		assert.Equal(w.t, int32(1), r.held.Add(1), "in one wait set alone")
		assert.False(w.t, r.closed.Load(), "a closed reader in a wait set")
	}
	<-ctx.Done()
	for _, r := range readers {
		r.held.Add(-1)
	}
	return ctx.Err()
}

func TestReadersComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &waits{t: t, size: 2}
		s := group.New(2, w.run, slog.New(slog.DiscardHandler))
		a, b, c := &reader{t: t}, &reader{t: t, err: errClose}, &reader{t: t}
		for _, r := range []*reader{a, b, c} {
			require.NoError(t, s.Add(r))
		}
		synctest.Wait()
		assert.Equal(t, 2, s.Groups())
		for _, r := range []*reader{a, b, c} {
			assert.Equal(t, int32(1), r.held.Load())
		}
		assert.ErrorIs(t, s.Remove(b), errClose, "the error of its close")
		assert.True(t, b.closed.Load())
		assert.Error(t, s.Remove(b), "twice")
		synctest.Wait()
		assert.Equal(t, int32(1), a.held.Load(), "a stays")
		require.NoError(t, s.Remove(c))
		synctest.Wait()
		assert.Equal(t, 1, s.Groups(), "an empty group gives its thread back")
		require.NoError(t, s.Close())
		assert.True(t, a.closed.Load())
		assert.ErrorIs(t, s.Add(&reader{t: t}), group.ErrClosed)
		assert.ErrorIs(t, s.Remove(a), group.ErrClosed)
		require.NoError(t, s.Close(), "twice")
	})
}

func TestAWaitSetThatEndsByItselfIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		n := 0
		s := group.New(4, func(ctx context.Context, _ []*reader) error {
			if n++; n <= 5 {
				return errors.New("broken")
			}
			<-ctx.Done()
			return ctx.Err()
		}, slog.New(slog.NewTextHandler(&log, nil)))
		r := &reader{t: t}
		require.NoError(t, s.Add(r))
		time.Sleep(time.Minute) // of the bubble's clock
		require.NoError(t, s.Remove(r), "a pause does not hold a change up")
		require.NoError(t, s.Close())
		assert.Equal(t, 6, n)
		assert.Equal(t, 1, strings.Count(log.String(), "broken"), "said once")
	})
}

func TestRemoveDuringAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := group.New(4, func(context.Context, []*reader) error { return errors.New("broken") }, slog.New(slog.DiscardHandler))
		r := &reader{t: t}
		require.NoError(t, s.Add(r))
		synctest.Wait()
		began := time.Now()
		require.NoError(t, s.Remove(r))
		assert.Zero(t, time.Since(began))
		require.NoError(t, s.Close())
	})
}

// Many add and remove at once, and the set closes under them: each reader is
// closed once, and never inside a wait set.
func TestChurn(t *testing.T) {
	w := &waits{t: t, size: 4}
	s := group.New(4, w.run, slog.New(slog.DiscardHandler))
	var all sync.WaitGroup
	var mu sync.Mutex
	var readers []*reader
	for seed := range uint64(8) {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, 1))
			var mine []*reader
			for range 300 {
				if len(mine) == 0 || rnd.IntN(2) == 0 {
					r := &reader{t: t}
					if s.Add(r) != nil {
						return
					}
					mine = append(mine, r)
					mu.Lock()
					readers = append(readers, r)
					mu.Unlock()
				} else {
					i := rnd.IntN(len(mine))
					if s.Remove(mine[i]) != nil {
						return
					}
					mine = append(mine[:i], mine[i+1:]...)
				}
				if seed == 0 && len(mine) > 5 {
					_ = s.Close()
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, s.Close())
	for _, r := range readers {
		assert.True(t, r.closed.Load(), "every reader is closed")
	}
	assert.Positive(t, w.count.Load())
}
