package main_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/msgs/nav_msgs"
	"github.com/muster-fleet/muster/sim/engine"
)

// A site that is simulated as far as it goes: its engines are in this process,
// each with the container of one robot, which sleeps; one participant tells of all
// the robots that they stand still.

// simulated is an engine with its robot's container.
type simulated struct {
	robot  string
	config settings // in a manager's configuration
	docker *client.Client
	end    context.CancelFunc // the engine and its container are gone
}

// newSimulated makes a site of so many robots, and a manager that would take all of
// them into a rollout.
func newSimulated(t testing.TB, robots int) (*world, *manager, []*simulated) {
	t.Helper()
	w := &world{t: t, registry: dockertest.StartRegistry(t), domain: ddstest.FreeDomain(t), digests: make(map[string]string)}
	w.pushSleepers("v1", "v2")
	all := w.simulate(robots)
	w.publish(robots)
	var engines []settings
	for _, r := range all {
		engines = append(engines, r.config)
	}
	m := w.manager(settings{"engines": engines})
	m.eventually("all robots are live with their containers", func() bool { return m.liveWithContainers() == robots })
	return w, m, all
}

// pushSleepers offers images whose containers sleep.
func (w *world) pushSleepers(tags ...string) {
	for _, tag := range tags {
		w.digests[tag] = dockertest.PushImage(w.t, w.registry, "site/robot", tag, dockertest.Image{
			Bare: true, Files: map[string][]byte{"/version": []byte(tag)}, Config: v1.Config{Cmd: []string{"3600"}},
		})
	}
}

// simulate starts an engine with one container for each robot, robot1 and so on.
func (w *world) simulate(robots int) []*simulated {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	w.t.Cleanup(func() { cancel(); running.Wait() })
	dir := w.t.TempDir()
	all := make([]*simulated, robots)
	for i := range robots {
		name := fmt.Sprintf("engine%d", i+1)
		e := engine.New(engine.Options{
			Name: name, Socket: filepath.Join(dir, fmt.Sprintf("%d.sock", i+1)),
			Program: "/bin/sleep", Log: slog.New(slog.DiscardHandler),
		})
		one, end := context.WithCancel(ctx)
		running.Go(func() { _ = e.Run(one) })
		all[i] = &simulated{robot: fmt.Sprintf("robot%d", i+1), config: settings{"name": name, "url": e.URL()}, end: end}
		w.startSleeper(all[i], e.URL())
	}
	return all
}

func (w *world) startSleeper(s *simulated, url string) {
	var err error
	s.docker, err = client.New(client.WithHost(url))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = s.docker.Close() })
	require.Eventually(w.t, func() bool {
		_, err := s.docker.Ping(w.t.Context(), client.PingOptions{})
		return err == nil
	}, patience, time.Millisecond)
	pull, err := s.docker.ImagePull(w.t.Context(), w.image("v1"), client.ImagePullOptions{})
	require.NoError(w.t, err)
	require.NoError(w.t, pull.Wait(w.t.Context()))
	c, err := s.docker.ContainerCreate(w.t.Context(), client.ContainerCreateOptions{
		Name: "amr", Config: &container.Config{Image: w.image("v1"), Env: []string{
			"ROBOT_ID=" + s.robot, "ROBOT_NAMESPACE=/" + s.robot, fmt.Sprintf("ROS_DOMAIN_ID=%d", w.domain),
		}},
	})
	require.NoError(w.t, err)
	_, err = s.docker.ContainerStart(w.t.Context(), c.ID, client.ContainerStartOptions{})
	require.NoError(w.t, err)
}

// publish lets one participant tell of all robots that they stand still.
func (w *world) publish(robots int) {
	p := ddstest.Join(w.t, w.domain)
	m := nav_msgs.NewOdometry()
	m.Header.FrameID, m.ChildFrameID, m.Pose.Pose.Orientation.W = "map", "base_link", 1
	sample, err := m.MarshalCDR(nil)
	require.NoError(w.t, err)
	writers := make([]ros.Writer, robots)
	for i := range writers {
		writers[i], err = p.Advertise(ros.Publication{
			Topic: fmt.Sprintf("/robot%d/odom", i+1), Type: m.TypeName(), TypeHash: m.TypeHash(),
			QoS: ros.QoS{Reliability: ros.BestEffort, Durability: ros.Volatile, History: ros.KeepLast, Depth: 1, Liveliness: ros.Automatic},
		})
		require.NoError(w.t, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	w.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			for _, wr := range writers {
				_ = wr.Write(sample)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
}

// liveWithContainers counts the robots that a rollout would take.
func (m *manager) liveWithContainers() (n int) {
	var all struct {
		Robots []struct {
			Quality    string
			Containers []struct{}
		}
	}
	m.call(http.MethodGet, "/robots", nil, &all)
	for _, r := range all.Robots {
		if r.Quality == "live" && len(r.Containers) > 0 {
			n++
		}
	}
	return n
}
