//go:build bench

package dds_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
)

// The figures of `make bench`. The floor is a C program that takes samples and
// drops them (testdata/load.c); it and our ways take turns, each in a process of
// its own, so that only the reading is counted.

const rounds = 5

// figures are what reading cost in one round.
type figures struct {
	samples      uint64
	cpu          time.Duration
	resident     int
	mallocs      uint64
	median, at99 time.Duration
}

// bench is a domain with a writer of load.c in it.
type bench struct {
	t      *testing.T
	domain int
	load   string
	files  []any // golden samples, by fleetTopics
	writer *child
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, domain: ddstest.FreeDomain(t), load: buildLoad(t)}
	samples := golden(t)
	for i, k := range fleetTopics {
		name := filepath.Join(t.TempDir(), fmt.Sprint(i))
		require.NoError(t, os.WriteFile(name, samples[k.typ], 0o600))
		b.files = append(b.files, name)
	}
	return b
}

// buildLoad compiles load.c with the opaque type that we use ourselves.
func buildLoad(t *testing.T) string {
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "CycloneDDS").Output()
	require.NoError(t, err)
	bin := filepath.Join(t.TempDir(), "load")
	args := append([]string{"-std=gnu11", "-O2", "-Wall", "-I.", "-o", bin, "testdata/load.c", "blob.c"}, strings.Fields(string(flags))...)
	out, err := exec.Command("gcc", append(args, "-lpthread")...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return bin
}

func (b *bench) program(args ...any) *child {
	b.t.Helper()
	words := strings.Fields(fmt.Sprintln(args...))
	cmd := exec.Command(b.load, words...)
	cmd.Env = append(os.Environ(), "CYCLONEDDS_URI="+dds.LoopbackConfig())
	return start(b.t, cmd)
}

// round lets the writer write for one reader, and ends that.
func (b *bench) round(reader *child) (f figures) {
	b.t.Helper()
	write := func() (sent uint64) {
		b.writer.say("go")
		_, err := fmt.Sscan(b.writer.answer("done"), &sent)
		require.NoError(b.t, err)
		return sent
	}
	report := func() uint64 {
		reader.say("report")
		_, err := fmt.Sscan(reader.answer("report"), &f.samples, &f.cpu, &f.resident, &f.mallocs, &f.median, &f.at99)
		require.NoError(b.t, err)
		return f.samples
	}
	write() // discovery, growth
	var taken uint64
	for settled := false; !settled; settled = f.samples == taken {
		taken = f.samples
		time.Sleep(50 * time.Millisecond)
		report()
	}
	reader.say("mark")
	reader.answer("marked")
	sent := write()
	for end := time.Now().Add(2 * time.Second); report() < sent && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	assert.InEpsilon(b.t, sent, f.samples, 0.05, "samples") // best-effort may lose some
	reader.end()
	return f
}

// way is one of the readers that are compared.
type way struct {
	name string
	open func() *child
	got  []figures
}

func (b *bench) compare(ways []*way) {
	for range rounds {
		for _, w := range ways {
			w.got = append(w.got, b.round(w.open()))
		}
	}
}

// of is the median of a figure, the least and the greatest.
func of[N int | uint64 | time.Duration | float64](w *way, figure func(figures) N) (median, least, most N) {
	all := make([]N, len(w.got))
	for i, f := range w.got {
		all[i] = figure(f)
	}
	slices.Sort(all)
	return all[len(all)/2], all[0], all[len(all)-1]
}

// ratio is the median of the rounds' ratios: what else the machine does weighs on
// both sides of a round.
func ratio(a, floor *way) float64 {
	all := make([]float64, rounds)
	for i := range all {
		all[i] = perSample(a.got[i]) / perSample(floor.got[i])
	}
	slices.Sort(all)
	return all[rounds/2]
}

func perSample(f figures) float64 { return float64(f.cpu.Nanoseconds()) / 1000 / float64(f.samples) }

func (b *bench) own(name string, args ...any) func() *child {
	words := strings.Fields(fmt.Sprintln(append([]any{b.domain}, args...)...))
	return func() *child { return role(b.t, name, words) }
}

func TestFigureFlatOut(t *testing.T) {
	for _, topics := range []int{1, 1000} {
		b := newBench(t)
		b.writer = b.program("write", b.domain, topics, 100_000, b.files[0])
		floor := &way{name: "floor", open: func() *child { return b.program("floor", b.domain, topics) }}
		take := &way{name: "take", open: b.own("take", topics)}
		follow := &way{name: "take and follow", open: b.own("follow", "lossless")}
		b.compare([]*way{floor, take, follow})
		for _, w := range []*way{floor, take, follow} {
			m, lo, hi := of(w, perSample)
			mallocs, _, _ := of(w, func(f figures) float64 { return float64(f.mallocs) / float64(f.samples) })
			t.Logf("figure: flat out, %d topics of 732 bytes, %s: %.2f µs of CPU a sample (%.2f … %.2f), %.2f × floor, %.3f allocations a sample",
				topics, w.name, m, lo, hi, ratio(w, floor), mallocs)
		}
		assert.LessOrEqual(t, ratio(follow, floor), 2.5, "from the wire into the registry")
		_, _, mallocs := of(take, func(f figures) float64 { return float64(f.mallocs) / float64(f.samples) })
		assert.Less(t, mallocs, 0.01, "allocations for each sample before it is decoded")
		b.writer.end()
	}
	logDDSPerf(t)
}

func TestFigureThousandRobots(t *testing.T) {
	const robots, seconds = 1000, 5
	b := newBench(t)
	b.writer = b.program(append([]any{"fleet", b.domain, robots, seconds}, b.files...)...)
	floor := &way{name: "floor", open: func() *child { return b.program("flock", b.domain, robots) }}
	take := &way{name: "take", open: b.own("take", robots, 3)}
	follow := &way{name: "take and follow", open: b.own("follow")}
	b.compare([]*way{floor, take, follow})
	for _, w := range []*way{floor, take, follow} {
		m, lo, hi := of(w, perSample)
		share, _, _ := of(w, func(f figures) float64 { return 100 * f.cpu.Seconds() / seconds })
		mem, _, _ := of(w, func(f figures) int { return f.resident >> 20 })
		median, _, _ := of(w, func(f figures) time.Duration { return f.median })
		at99, lo99, hi99 := of(w, func(f figures) time.Duration { return f.at99 })
		t.Logf("figure: %d robots × 12 samples/s, %s: %.1f %% of a core, %.2f µs a sample (%.2f … %.2f), %.2f × floor, %d MB, latency %v, 99th percentile %v (%v … %v)",
			robots, w.name, share, m, lo, hi, ratio(w, floor), mem, median, at99, lo99, hi99)
	}
	logDDSPerf(t, "12kHz")
	assert.LessOrEqual(t, ratio(follow, floor), 1.6, "from the wire into the registry")
	at99, _, _ := of(follow, func(f figures) time.Duration { return f.at99 })
	assert.LessOrEqual(t, at99, 5*time.Millisecond, "observations come late")
}
