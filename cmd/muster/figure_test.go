//go:build bench

package main_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
)

// The figures of `make bench`: each beside a peer of its own run, interleaved,
// with the median and the spread.

// rounds is how often each of two ways is measured.
const rounds = 11

// steady is a time between two samples that is no gap yet: some periods, because
// the machine is shared.
const steady = 60 * time.Millisecond

// longest is the longest gap in a robot's odometry since a time.
func (w *world) longest(robot string, since time.Time) (longest time.Duration) {
	for _, g := range w.odometry.gaps(since, steady) {
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
// replaced, against docker stop && docker start of the same container. Which goes
// first in a round is drawn.
func TestFigureGapInOdometry(t *testing.T) {
	w := newWorldAt(t, 1, 100)
	m := w.manager(nil)
	m.awaitFleet("robot1")
	ways := []func(round int){
		func(round int) {
			spec := w.spec([]string{"v2", "v1"}[round%2])
			require.Equal(t, rollout.StateCompleted, m.awaitEnd(m.rollOut(spec)).State)
		},
		func(int) {
			id := w.only("robot1").ID
			for _, verb := range []string{"stop", "start"} {
				out, err := exec.Command("docker", "-H", w.engine.URL(), verb, id).CombinedOutput()
				require.NoError(t, err, "%s", out)
			}
		},
	}
	gaps := make([][]time.Duration, len(ways))
	var ratios []float64
	for round := range rounds {
		for _, i := range rand.Perm(len(ways)) {
			m.awaitFleet("robot1")
			w.awaitOdometry("robot1")
			began := time.Now()
			ways[i](round)
			w.awaitOdometry("robot1")
			gaps[i] = append(gaps[i], w.longest("robot1", began))
		}
		ratios = append(ratios, float64(gaps[0][round])/float64(gaps[1][round]))
	}
	slices.Sort(ratios)
	_, replaced := summary(gaps[0])
	_, restarted := summary(gaps[1])
	t.Logf("figure: gap in odometry: rollout %s, docker stop && docker start %s, ratio %.2f (%.2f … %.2f)",
		replaced, restarted, ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
	assert.LessOrEqual(t, ratios[len(ratios)/2], 1.05)
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
