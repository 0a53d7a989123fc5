package stream

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

// ticking runs a hub over real (fake in the bubble) time, with a fleet of one
// robot that moves ten times a second.
func ticking(t *testing.T) (*Hub, *fleet.Registry) {
	reg := fleet.NewRegistry(&fleet.Journal{})
	ticker := time.NewTicker(100 * time.Millisecond)
	hub := NewHub(reg, Options{Ticks: ticker.C})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	go func() { _ = hub.Run(ctx); done <- struct{}{} }()
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			reg.Apply(time.Now(), poseAt("/r", float64(i), time.Now()))
			time.Sleep(50 * time.Millisecond)
		}
		done <- struct{}{}
	}()
	t.Cleanup(func() { cancel(); <-done; <-done; ticker.Stop() })
	return hub, reg
}

// read acts as a socket and a client that need delay for each batch.
func read(ctx context.Context, c *client, delay func() time.Duration) {
	for {
		frames, err := c.session.Next(ctx)
		if err != nil {
			return
		}
		time.Sleep(delay())
		for _, f := range frames {
			c.apply(f)
		}
		c.ack()
	}
}

func TestASlowSocketGetsALowerRateAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, reg := ticking(t)
		c := connect(t, hub, subscribeFleet)
		var delay atomic.Int64
		delay.Store(int64(450 * time.Millisecond))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); read(ctx, c, func() time.Duration { return time.Duration(delay.Load()) }) }()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		rates := c.op("rate")
		require.NotEmpty(t, rates)
		assert.LessOrEqual(t, rates[len(rates)-1]["hz"], 2.0)
		assert.Contains(t, rates[0]["reason"], "does not take 10 Hz")

		delay.Store(0)
		time.Sleep(time.Minute)
		synctest.Wait()
		rates = c.op("rate")
		assert.EqualValues(t, 10, rates[len(rates)-1]["hz"])
		before := c.poseFrames()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.InDelta(t, 100, c.poseFrames()-before, 2)
		cancel()
		<-done
		robot, _ := reg.Robot("r")
		assert.InDelta(t, robot.Pose.X*1000, c.poses[1].X, 3000)
	})
}

func TestAClientThatDoesNotDrawFallsToOneHzAndIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, _ := ticking(t)
		c := connect(t, hub, subscribeFleet)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				frames, err := c.session.Next(t.Context())
				if err != nil {
					assert.ErrorIs(t, err, ErrClosed)
					return
				}
				for _, f := range frames {
					c.apply(f)
				}
			}
		}()
		start := time.Now()
		<-done
		assert.InDelta(t, 30, time.Since(start).Seconds(), 1.5)
		assert.Equal(t, credits, c.frames)
		assert.Equal(t, "too-slow", c.op("goodbye")[0]["code"])
		rates := c.op("rate")
		assert.EqualValues(t, 1, rates[len(rates)-1]["hz"])
		c.session.Leave()
		assert.Zero(t, hub.Sessions())
	})
}

func TestAHiddenPageGetsOneHz(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, _ := ticking(t)
		c := connect(t, hub, subscribeFleet)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); read(ctx, c, func() time.Duration { return 0 }) }()
		c.send(`{"op":"visibility","hidden":true}`)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.InDelta(t, 10, c.poseFrames(), 2)
		cancel()
		<-done
	})
}
