package main_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/ros"
)

// odometry is what a subscriber of all robots' odometry sees, independent of the
// manager.
type odometry struct {
	p *dds.Participant

	mu    sync.Mutex
	times map[string][]time.Time // of receipt, by robot
}

func listen(t testing.TB, domain int, robots []string) *odometry {
	t.Helper()
	o := &odometry{p: ddstest.Join(t, domain), times: make(map[string][]time.Time)}
	of := make(map[ros.ReaderID]string)
	for _, r := range robots {
		id, err := o.p.Subscribe(ros.Subscription{
			Topic: "/" + r + "/odom", Type: "nav_msgs/msg/Odometry",
			QoS: ros.QoS{Reliability: ros.BestEffort, Durability: ros.Volatile, History: ros.KeepLast, Depth: 10, Liveliness: ros.Automatic},
		})
		require.NoError(t, err)
		of[id] = r
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b ros.Batch
		for o.p.Take(ctx, &b) == nil {
			o.mu.Lock()
			for _, s := range b.Samples {
				r := of[s.Reader]
				o.times[r] = append(o.times[r], time.Unix(0, s.Receive))
			}
			o.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return o
}

// gap is a time without a robot's odometry.
type gap struct {
	robot      string
	begin, end time.Time
}

func (g gap) length() time.Duration { return g.end.Sub(g.begin) }

// gaps are the silences of more than limit since a time, until now.
func (o *odometry) gaps(since time.Time, limit time.Duration) (all []gap) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	for robot, times := range o.times {
		last := since
		for _, at := range append(slices.Clone(times), now) {
			if at.Sub(last) > limit && at.After(since) {
				all = append(all, gap{robot, last, at})
			}
			last = maxTime(last, at)
		}
	}
	slices.SortFunc(all, func(a, b gap) int { return a.begin.Compare(b.begin) })
	return all
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// mostAtOnce is the greatest number of gaps at one moment.
func mostAtOnce(gaps []gap) int {
	most := 0
	for _, g := range gaps {
		n := 0
		for _, other := range gaps {
			if !other.begin.After(g.begin) && other.end.After(g.begin) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
