//go:build bench

package dds_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
)

func init() {
	roles["take"] = func(args []string) error { return measured(args, takeAndDrop) }
	roles["follow"] = func(args []string) error { return measured(args, follow) }
}

// meter counts what a reader process receives.
type meter struct {
	samples atomic.Uint64

	mu   sync.Mutex
	late []time.Duration // guarded by mu; from publishing to observation
}

func (m *meter) took(samples int, ages []time.Duration) {
	m.samples.Add(uint64(samples))
	m.mu.Lock()
	m.late = append(m.late, ages...)
	m.mu.Unlock()
}

// measured joins a domain and tells, between "mark" and "report", what reading
// costs this process: samples, ns of processor time, bytes resident, heap
// allocations, and the median and 99th percentile of the latency in ns.
func measured(args []string, read func(context.Context, *dds.Participant, *meter, []string) error) error {
	domain, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	p, err := dds.Open(dds.Options{Domain: domain, Config: dds.LoopbackConfig(), IgnoreLocal: true})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &meter{late: make([]time.Duration, 0, 1<<20)}
	var g errgroup.Group
	g.Go(func() error { return read(ctx, p, m, args[1:]) })
	answer(m)
	cancel()
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return p.Close()
}

func answer(m *meter) {
	var first uint64
	var began time.Duration
	var before, now runtime.MemStats
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "mark" {
			m.mu.Lock()
			m.late = m.late[:0]
			m.mu.Unlock()
			runtime.GC()
			runtime.ReadMemStats(&before)
			first, began = m.samples.Load(), processorTime()
			fmt.Println("marked")
			continue
		}
		cpu := processorTime() - began
		runtime.ReadMemStats(&now)
		m.mu.Lock()
		late := slices.Sorted(slices.Values(m.late))
		m.mu.Unlock()
		if len(late) == 0 {
			late = []time.Duration{0}
		}
		fmt.Println("report", m.samples.Load()-first, int64(cpu), resident(), now.Mallocs-before.Mallocs,
			int64(late[len(late)/2]), int64(late[len(late)*99/100]))
	}
}

func processorTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

// takeAndDrop reads n topics: "N" all reliably, "N 3" as a fleet's telemetry.
func takeAndDrop(ctx context.Context, p *dds.Participant, m *meter, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	kinds, qos := fleetTopics[:1], lossless
	if len(args) > 1 {
		kinds, qos = fleetTopics, telemetry
	}
	for _, k := range kinds {
		for i := range n {
			_, err := p.Subscribe(ros.Subscription{Topic: fmt.Sprintf("/robot%d/%s", i, k.name), Type: k.typ, QoS: qos})
			if err != nil {
				return err
			}
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		for {
			if _, err := p.Discover(ctx); err != nil {
				return err
			}
		}
	})
	g.Go(func() error {
		var b ros.Batch
		var ages []time.Duration
		for {
			if err := p.Take(ctx, &b); err != nil {
				return err
			}
			ages = ages[:0]
			now := time.Now().UnixNano()
			for _, s := range b.Samples {
				ages = append(ages, time.Duration(now-s.Source))
			}
			m.took(len(b.Samples), ages)
		}
	})
	return g.Wait()
}

var fleetTopics = []struct{ name, typ string }{
	{"odom", "nav_msgs/msg/Odometry"},
	{"battery_state", "sensor_msgs/msg/BatteryState"},
	{"diagnostics", "diagnostic_msgs/msg/DiagnosticArray"},
}

var lossless = ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, History: ros.KeepAll, Liveliness: ros.Automatic}

// follow makes a fleet of what it hears; with an argument it loses nothing.
func follow(ctx context.Context, p *dds.Participant, m *meter, args []string) error {
	var t ros.Transport = p
	if len(args) > 0 {
		t = reliably{p}
	}
	registry := fleet.NewRegistry(&fleet.Journal{})
	var mu sync.Mutex // the graph is told by another goroutine than the samples
	var ages []time.Duration
	return ros.NewFollower(t, func(now time.Time, all ...fleet.Observation) {
		registry.Apply(now, all...)
		done, samples := time.Now(), 0
		mu.Lock()
		defer mu.Unlock()
		ages = ages[:0]
		for _, o := range all {
			switch o := o.(type) {
			case fleet.PosesObserved:
				for i := range o.Poses {
					ages = append(ages, done.Sub(o.Poses[i].Pose.Source))
				}
				samples += len(o.Poses)
			case fleet.BatteryObserved, fleet.DiagnosticsObserved:
				samples++
			}
		}
		m.took(samples, ages)
	}, ros.FollowerOptions{}).Run(ctx)
}

// reliably reads telemetry without loss, to measure the cost of each sample.
type reliably struct{ ros.Transport }

func (r reliably) Subscribe(s ros.Subscription) (ros.ReaderID, error) {
	if !s.RawName {
		s.QoS = lossless
	}
	return r.Transport.Subscribe(s)
}
