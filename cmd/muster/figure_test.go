//go:build bench

package main_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
)

// The figures of `make bench`: each beside a peer of its own run, interleaved,
// with the median and the spread.

// rounds is how often each of two ways is measured.
const rounds = 10

// longest is the longest gap in a robot's odometry since a time.
func (w *world) longest(robot string, since time.Time) (longest time.Duration) {
	for _, g := range w.odometry.gaps(since, 110*time.Millisecond) {
		if g.robot == robot {
			longest = max(longest, g.length())
		}
	}
	return longest
}

// awaitOdometry waits until a robot has published steadily for a second.
func (w *world) awaitOdometry(robot string) {
	require.Eventually(w.t, func() bool {
		return w.longest(robot, time.Now().Add(-time.Second)) == 0
	}, patience, 20*time.Millisecond)
}

// The gap in a robot's odometry, as a subscriber sees it, while its image is
// replaced, against docker stop && docker start of the same container.
func TestFigureDowntime(t *testing.T) {
	w := newWorld(t, 1)
	m := w.manager(nil)
	m.awaitFleet("robot1")
	var replaced, restarted []time.Duration
	for round := range rounds {
		began := time.Now()
		spec := w.spec([]string{"v2", "v1"}[round%2])
		require.Equal(t, rollout.StateCompleted, m.awaitEnd(m.rollOut(spec)).State)
		w.awaitOdometry("robot1")
		replaced = append(replaced, w.longest("robot1", began))

		began = time.Now()
		id := w.only("robot1").ID
		for _, verb := range []string{"stop", "start"} {
			out, err := exec.Command("docker", "-H", w.engine.URL(), verb, id).CombinedOutput()
			require.NoError(t, err, "%s", out)
		}
		w.awaitOdometry("robot1")
		restarted = append(restarted, w.longest("robot1", began))
		m.awaitFleet("robot1")
	}
	a, textA := summary(replaced)
	b, textB := summary(restarted)
	t.Logf("figure: gap in odometry: rollout %s, docker stop && docker start %s, ratio %.2f", textA, textB, float64(a)/float64(b))
}

// From the acting manager's SIGKILL, in the middle of a robot, to the next call by
// which its successor changes something on an engine.
func TestFigureTakeover(t *testing.T) {
	s := newSite(t)
	for round := range rounds {
		s.try(t, named(t, []string{"replacing: before the old one is stopped", "replacing: after the new one is started"}[round%2]), managerKilled, 0)
	}
	s.figureTakeover(t)
}

// What a manager costs that follows six robots.
func TestFigureCost(t *testing.T) {
	w := newWorld(t, 6)
	m := w.manager(nil)
	m.awaitFleet(w.robots...)
	const over = 20 * time.Second
	before, began := cpu(t, m.cmd.Process.Pid), time.Now()
	tick := time.NewTimer(over)
	<-tick.C
	share := (cpu(t, m.cmd.Process.Pid) - before).Seconds() / time.Since(began).Seconds()
	t.Logf("figure: manager with 6 robots: %.1f %% of a core, %d MB resident", 100*share, resident(t, m.cmd.Process.Pid)>>20)
	status, _ := m.call(http.MethodGet, "/robots", nil, nil)
	require.Equal(t, http.StatusOK, status)
}

// cpu is the processor time of a process: fields 14 and 15 of its stat, in ticks
// of 10 ms (proc(5)).
func cpu(t *testing.T, pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(b), ") ")
	fields, total := strings.Fields(rest), 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		require.NoError(t, err)
		total += n
	}
	return time.Duration(total) * 10 * time.Millisecond
}

// resident is the memory of a process in bytes.
func resident(t *testing.T, pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	require.NoError(t, err)
	return pages * os.Getpagesize()
}
