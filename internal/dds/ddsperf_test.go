//go:build bench

package dds_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
)

var ddsperfTotal = regexp.MustCompile(`total (\d+) lost`)

// logDDSPerf shows what Cyclone's own measuring program pays for a sample, as a
// measure that others know, not as a peer: it has one topic, and its writer packs
// many samples into one datagram unless it is given a rate.
func logDDSPerf(t *testing.T, pub ...string) {
	t.Helper()
	program, err := exec.LookPath("ddsperf")
	if err != nil {
		t.Log("figure: ddsperf is not installed (Debian: cyclonedds-tools)")
		return
	}
	domain := fmt.Sprint(ddstest.FreeDomain(t))
	command := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), program, append([]string{"-i", domain}, args...)...)
		cmd.Env = append(os.Environ(), "CYCLONEDDS_URI="+dds.LoopbackConfig())
		return cmd
	}
	writer, reader := command(append([]string{"-D", "7", "pub", "size", "732"}, pub...)...), command("-D", "5", "-1", "sub")
	var out bytes.Buffer
	reader.Stdout = &out
	require.NoError(t, writer.Start())
	_ = reader.Run() // it complains of what is lost when it joins
	_ = writer.Wait()
	all := ddsperfTotal.FindAllStringSubmatch(out.String(), -1)
	if !assert.NotEmpty(t, all, "ddsperf said: %s", out.String()) {
		return
	}
	samples, err := strconv.Atoi(all[len(all)-1][1])
	require.NoError(t, err)
	cpu := reader.ProcessState.UserTime() + reader.ProcessState.SystemTime()
	t.Logf("figure: ddsperf, no peer (it batches, and has one topic), pub %s size 732: %.2f µs of CPU a sample, %d samples/s",
		strings.Join(pub, " "), float64(cpu.Nanoseconds())/1000/float64(max(samples, 1)), samples/5)
}
