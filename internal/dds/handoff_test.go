package dds_test

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/ros"
)

// Samples come by the ring, and where that is full or they are too large for it, by
// another way: all of them, in their order, whole.
func TestSamplesComeInOrderWhicheverWayTheyTake(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	p, q := ddstest.Join(t, domain), ddstest.Join(t, domain)
	lossless := ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, History: ros.KeepAll, Liveliness: ros.Automatic}
	_, err := p.Subscribe(ros.Subscription{Topic: "/a", Type: "std_msgs/msg/String", QoS: lossless})
	require.NoError(t, err)
	w, err := q.Advertise(ros.Publication{Topic: "/a", Type: "std_msgs/msg/String", QoS: lossless})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return w.Matched() == 1 }, ddstest.Deadline, time.Millisecond)
	write := func(from, to, size, every, large int) {
		for i := from; i < to; i++ {
			n := size
			if every > 0 && i%every == 0 {
				n = large
			}
			cdr := make([]byte, n)
			cdr[1] = 1
			binary.LittleEndian.PutUint32(cdr[4:], uint32(i))
			binary.LittleEndian.PutUint32(cdr[n-4:], uint32(i))
			if err := w.Write(cdr); err != nil {
				assert.NoError(t, err)
				return
			}
		}
	}
	var b ros.Batch
	next := 0
	read := func(to int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*ddstest.Deadline)
		defer cancel()
		for next < to {
			require.NoError(t, p.Take(ctx, &b), "after %d", next)
			for _, s := range b.Samples {
				require.EqualValues(t, next, binary.LittleEndian.Uint32(s.CDR[4:]))
				require.EqualValues(t, next, binary.LittleEndian.Uint32(s.CDR[len(s.CDR)-4:]), "its end")
				next++
			}
		}
	}
	write(0, 10_000, 700, 0, 0) // nobody takes: more than the ring holds
	read(10_000)
	var writing sync.WaitGroup
	writing.Go(func() { write(10_000, 25_000, 900, 501, 600_000) })
	read(25_000)
	writing.Wait()
}
