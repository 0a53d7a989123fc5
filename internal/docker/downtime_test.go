package docker

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
)

// BenchmarkDowntime measures for how long a robot's program is away: the
// longest gap between two of its beats, which are 5 ms apart. Replace is
// compared with a plain stop and start of the same container.
func BenchmarkDowntime(b *testing.B) {
	for name, act := range map[string]func(*rig){
		"replace": func(r *rig) {
			require.NoError(r.t, r.c.Replace(r.ctx(), r.t1, isReady))
		},
		"rollback": func(r *rig) {
			require.NoError(r.t, r.c.Rollback(r.ctx(), r.t1))
			require.NoError(r.t, r.c.Discard(r.ctx(), r.t1))
		},
		"stop-start": func(r *rig) {
			_, err := r.api.ContainerStop(r.ctx(), r.t1.Container, client.ContainerStopOptions{})
			require.NoError(r.t, err)
			_, err = r.api.ContainerStart(r.ctx(), r.t1.Container, client.ContainerStartOptions{})
			require.NoError(r.t, err)
		},
	} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b, dockertest.Image{}, dockertest.Image{})
			o := agent("-beat", "/data/beat", "-every", "5ms")
			o.HostConfig.Binds = []string{r.dir + ":/data"}
			r.run(o)
			require.NoError(b, r.c.Pull(r.ctx(), r.t1, noReport))
			var gaps []time.Duration
			for range b.N {
				if name == "rollback" {
					require.NoError(b, r.c.Replace(r.ctx(), r.t1, isReady))
				}
				eventually(b, "beats", func() bool { return len(beats(b, r)) > 3 })
				require.NoError(b, os.Truncate(r.path("beat"), 0))
				eventually(b, "beats", func() bool { return len(beats(b, r)) > 3 })
				act(r)
				end := time.Now().UnixNano()
				eventually(b, "beats again", func() bool { return slices.Max(append(beats(b, r), 0)) > end })
				gaps = append(gaps, gap(beats(b, r)))
				if name == "replace" {
					require.NoError(b, r.c.Commit(r.ctx(), r.t1))
				}
				r.t1.Generation++
			}
			slices.Sort(gaps)
			b.ReportMetric(float64(gaps[len(gaps)/2].Microseconds())/1000, "ms-away")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func beats(t testing.TB, r *rig) []int64 {
	t.Helper()
	b, err := os.ReadFile(r.path("beat"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	var out []int64
	for line := range bytes.Lines(b) {
		if n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64); err == nil && bytes.HasSuffix(line, []byte("\n")) {
			out = append(out, n)
		}
	}
	return out
}

func gap(at []int64) (longest time.Duration) {
	for i := 1; i < len(at); i++ {
		longest = max(longest, time.Duration(at[i]-at[i-1]))
	}
	return longest
}
