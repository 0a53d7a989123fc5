//go:build bench

package main_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/etcd/etcdtest"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/msgs/nav_msgs"
	"github.com/muster-fleet/muster/sim/engine"
)

// A thousand robots, each on a simulated engine of its own, ten at a time: what
// the manager adds to the time of the engines and of the gates, and what it
// writes to etcd.
func TestFigureAThousandEngines(t *testing.T) {
	const robots, atOnce, window = 1000, 10, time.Second
	w := &world{t: t, registry: dockertest.StartRegistry(t), domain: ddstest.FreeDomain(t), digests: make(map[string]string)}
	for _, tag := range []string{"v1", "v2"} {
		w.digests[tag] = dockertest.PushImage(t, w.registry, "site/robot", tag, dockertest.Image{
			Bare: true, Files: map[string][]byte{"/version": []byte(tag)}, Config: v1.Config{Cmd: []string{"3600"}},
		})
	}
	w.publish(robots) // first: a domain needs low file descriptors
	engines := w.simulate(robots)
	store := etcdtest.Start(t)
	m := w.manager(settings{"engines": engines, "etcd": settings{"endpoints": []string{store.Endpoint}, "lease_ttl": "5s"}})
	m.eventually("all robots are live with their containers", func() bool { return m.liveWithContainers() == robots })

	puts, bytes := etcdWrites(t, store.Endpoint)
	before, began := cpu(t, m.cmd.Process.Pid), time.Now()
	id := m.rollOut(rollout.Spec{
		Image: w.image("v2"), Robots: "all", MaxUnavailable: rollout.Robots(atOnce), PullAhead: atOnce, KeepImages: true,
		After: rollout.After{Window: rollout.Duration(window), SkipNodes: true, SkipTopics: true, SkipDiagnostics: true},
	})
	end := m.awaitEnd(id)
	took := time.Since(began)
	require.Equal(t, rollout.StateCompleted, end.State, end.Reason)
	morePuts, moreBytes := etcdWrites(t, store.Endpoint)
	share, memory := (cpu(t, m.cmd.Process.Pid)-before).Seconds()/took.Seconds(), resident(t, m.cmd.Process.Pid)
	m.stop() // its log is whole then
	replacing, n := m.spent(rollout.VerbReplace)
	require.Equal(t, robots, n, "each robot is replaced once")
	// Each of the ten places is held by one robot after another. The canary goes alone.
	perRobot := took * atOnce / robots
	over := perRobot - replacing/time.Duration(n) - window
	t.Logf("figure: 1,000 robots on 1,000 simulated engines, 10 at a time: %v in all; a robot holds its place for %v, of which engine %v, gates %v, manager %v",
		took.Round(time.Second), perRobot.Round(time.Millisecond), (replacing / time.Duration(n)).Round(time.Millisecond), window, over.Round(time.Millisecond))
	t.Logf("figure: etcd: %.1f writes and %.0f bytes per robot; manager: %.0f %% of a core, %d MB",
		float64(morePuts-puts)/robots, float64(moreBytes-bytes)/robots,
		100*share, memory>>20)
	assert.Less(t, over, 2*time.Second)
	assert.Less(t, (morePuts-puts)/robots, 16)
}

// simulate starts an engine with one container for each robot, and gives the
// manager's configuration of them.
func (w *world) simulate(robots int) []settings {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	w.t.Cleanup(func() { cancel(); running.Wait() })
	dir := w.t.TempDir()
	all := make([]settings, robots)
	for i := range robots {
		e := engine.New(engine.Options{
			Name: fmt.Sprintf("engine%d", i+1), Socket: filepath.Join(dir, fmt.Sprintf("%d.sock", i+1)),
			Program: "/bin/sleep", Log: slog.New(slog.DiscardHandler),
		})
		running.Go(func() { _ = e.Run(ctx) })
		all[i] = settings{"name": fmt.Sprintf("engine%d", i+1), "url": e.URL()}
		w.simulateRobot(e.URL(), i+1)
	}
	return all
}

func (w *world) simulateRobot(url string, n int) {
	api, err := client.New(client.WithHost(url))
	require.NoError(w.t, err)
	defer func() { _ = api.Close() }()
	require.Eventually(w.t, func() bool {
		_, err := api.Ping(w.t.Context(), client.PingOptions{})
		return err == nil
	}, patience, time.Millisecond)
	pull, err := api.ImagePull(w.t.Context(), w.image("v1"), client.ImagePullOptions{})
	require.NoError(w.t, err)
	require.NoError(w.t, pull.Wait(w.t.Context()))
	c, err := api.ContainerCreate(w.t.Context(), client.ContainerCreateOptions{
		Name: "amr", Config: &container.Config{Image: w.image("v1"), Env: []string{fmt.Sprintf("ROBOT_ID=robot%d", n)}},
	})
	require.NoError(w.t, err)
	_, err = api.ContainerStart(w.t.Context(), c.ID, client.ContainerStartOptions{})
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

var verbDone = regexp.MustCompile(`msg="robot verb done" verb=(\S+) .* took=(\S+)`)

// spent is how long a verb took on all robots, and on how many, by the log.
func (m *manager) spent(v rollout.Verb) (total time.Duration, n int) {
	for line := range strings.Lines(m.log.String()) {
		if found := verbDone.FindStringSubmatch(line); found != nil && found[1] == string(v) {
			took, err := time.ParseDuration(found[2])
			require.NoError(m.t, err)
			total, n = total+took, n+1
		}
	}
	return total, n
}

// etcdWrites is what an etcd has written since its start, by its own metrics.
func etcdWrites(t *testing.T, endpoint string) (puts, bytes int) {
	resp, err := http.Get(endpoint + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	for lines := bufio.NewScanner(io.LimitReader(resp.Body, 8<<20)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		number, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "etcd_mvcc_put_total", "etcd_debugging_mvcc_put_total":
			puts = int(number)
		case "etcd_debugging_mvcc_total_put_size_in_bytes":
			bytes = int(number)
		}
	}
	require.Positive(t, bytes, "the metrics of this etcd have other names")
	return puts, bytes
}
