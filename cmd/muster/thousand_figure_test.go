//go:build bench

package main_test

import (
	"bufio"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/etcd/etcdtest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// A thousand robots, each on a simulated engine of its own, ten at a time: what
// the manager adds to the time of the engines and of the gates, and what it
// writes to etcd.
func TestFigureAThousandEngines(t *testing.T) {
	const robots, atOnce, window = 1000, 10, time.Second
	w := &world{t: t, registry: dockertest.StartRegistry(t), domain: ddstest.FreeDomain(t), digests: make(map[string]string)}
	w.pushSleepers("v1", "v2")
	w.publish(robots) // first: a domain needs low file descriptors
	var engines []settings
	for _, e := range w.simulate(robots) {
		engines = append(engines, e.config)
	}
	store := etcdtest.Start(t)
	m := w.manager(settings{"engines": engines, "etcd": settings{"endpoints": []string{store.Endpoint}, "lease_ttl": "5s"}})
	m.eventually("all robots are live with their containers", func() bool { return m.liveWithContainers() == robots })

	puts, bytes := etcdWrites(t, store.Endpoint)
	before, began := cpu(t, m.cmd.Process.Pid), time.Now()
	id := m.rollOut(rollout.Spec{
		Image: w.image("v2"), Robots: "all", MaxUnavailable: rollout.Robots(atOnce), PullAhead: new(atOnce), KeepImages: true,
		After: rollout.After{Window: new(rollout.Duration(window)), SkipNodes: true, SkipTopics: true, SkipDiagnostics: true},
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
