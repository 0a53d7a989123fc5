//go:build bench

package docker

import (
	"bytes"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
)

// The figures of `make bench` on how long a robot's program is away while its
// image is replaced: the longest gap between two of its beats, which are 2 ms
// apart. Every way has a container of its own on one engine; in each round all
// ways take their turn, in an order drawn anew. A ratio is the median of the
// rounds' own ratios.
const (
	figureRounds = 11
	beatEvery    = "2ms"
	grace        = 2 * time.Second // of a program that hangs on SIGTERM
)

// way is one way to bring a robot another image.
type way struct {
	name string
	// start runs version 0; update changes to version 0 or 1 and returns once the
	// new one runs.
	start, update func(f *figure, version int)
	// most is what our own way may take of this one's gap; 0 sets no bound.
	most float64
	// floored says that this one's gap is mostly the engine's, so that our way may
	// take as much as the engine's stop and start where these are above most.
	floored bool
}

// figure is one way's container.
type figure struct {
	*rig
	way   way
	hangs bool
	repo  string
	tags  [2]string
	gaps  []time.Duration
}

func (f *figure) image(version int) string { return f.repo + ":" + f.tags[version] }

// args are the program's arguments.
func (f *figure) args() []string {
	args := []string{"-beat", "/data/beat", "-every", beatEvery}
	if f.hangs {
		args = append(args, "-ignore")
	}
	return args
}

// tool runs a command against the engine.
func (f *figure) tool(name string, args ...string) {
	f.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+shared(f.t).URL())
	out, err := cmd.CombinedOutput()
	require.NoError(f.t, err, "%s %v: %s", name, args, out)
}

func (f *figure) runOwn(int) {
	o := agent(f.args()...)
	stop := int(grace / time.Second)
	o.Config.Image, o.Config.StopTimeout = f.image(0), &stop
	o.HostConfig.Binds = []string{f.dir + ":/data"}
	f.run(o)
}

// ours pulls while the old one runs, as a rollout does, and replaces it.
var ours = way{
	name: "rollout", start: (*figure).runOwn,
	update: func(f *figure, version int) {
		f.t1.Generation++
		f.t1.Image.Ref, f.t1.Image.Digest = f.image(version), f.digest(version)
		require.NoError(f.t, f.c.Pull(f.ctx(), f.t1, noReport))
		require.NoError(f.t, f.c.Replace(f.ctx(), f.t1, isReady))
	},
}

func (f *figure) digest(version int) string {
	f.t.Helper()
	resolved, err := (&Resolver{}).Resolve(f.ctx(), f.image(version))
	require.NoError(f.t, err)
	return resolved.Digest
}

var stopStart = way{
	name: "docker stop && docker start", start: (*figure).runOwn, most: 1.05,
	update: func(f *figure, _ int) {
		f.tool("docker", "stop", f.t1.Container)
		f.tool("docker", "start", f.t1.Container)
	},
}

// apiStopStart is the floor: two calls, without the start of a command.
var apiStopStart = way{
	name: "the Engine API's stop and start", start: (*figure).runOwn,
	update: func(f *figure, _ int) {
		_, err := f.api.ContainerStop(f.ctx(), f.t1.Container, client.ContainerStopOptions{})
		require.NoError(f.t, err)
		_, err = f.api.ContainerStart(f.ctx(), f.t1.Container, client.ContainerStartOptions{})
		require.NoError(f.t, err)
	},
}

var stopRemoveRun = way{
	name: "docker stop; rm; run", most: 0.2,
	start: func(f *figure, version int) { f.cliRun(version) },
	update: func(f *figure, version int) {
		f.tool("docker", "stop", f.t1.Container)
		f.tool("docker", "rm", f.t1.Container)
		f.cliRun(version)
	},
}

func (f *figure) cliRun(version int) {
	f.tool("docker", append([]string{
		"run", "--detach", "--name", f.t1.Container, "--network", "host", "--restart", "unless-stopped",
		"--stop-timeout", fmt.Sprint(int(grace / time.Second)), "--volume", f.dir + ":/data", f.image(version),
	}, f.args()...)...)
}

var compose = way{
	name: "docker compose up -d", most: 1,
	start: func(f *figure, version int) { f.composeUp(version) }, update: (*figure).composeUp,
}

func (f *figure) composeUp(version int) {
	file := filepath.Join(f.dir, "compose.yaml")
	text := fmt.Sprintf(`services:
  amr:
    image: %s
    container_name: %s
    command: ["%s"]
    network_mode: host
    restart: unless-stopped
    stop_grace_period: %s
    volumes: ["%s:/data"]
`, f.image(version), f.t1.Container, strings.Join(f.args(), `", "`), grace, f.dir)
	require.NoError(f.t, os.WriteFile(file, []byte(text), 0o600))
	f.tool("docker-compose", "--project-name", f.t1.Container, "--file", file, "up", "--detach")
}

var service = way{
	name: "docker service update", most: 0.5, floored: true,
	start: func(f *figure, version int) {
		f.tool("docker", append([]string{
			"service", "create", "--name", f.t1.Container, "--network", "host", "--mount", "type=bind,source=" + f.dir + ",target=/data",
			"--stop-grace-period", grace.String(), "--update-order", "stop-first", "--update-monitor", "1s", f.image(version),
		}, f.args()...)...)
		f.t.Cleanup(func() { f.tool("docker", "service", "rm", f.t1.Container) })
	},
	update: func(f *figure, version int) {
		f.tool("docker", "service", "update", "--image", f.image(version), f.t1.Container)
	},
}

// TestFigureDowntime has both images on the engine, and a program that ends when
// it is told to.
func TestFigureDowntime(t *testing.T) {
	swarm(t)
	compare(t, false, 0, ours, stopStart, apiStopStart, compose, service)
}

// TestFigureDowntimeOfOneThatHangs has a program that must be killed after its
// grace of two seconds.
func TestFigureDowntimeOfOneThatHangs(t *testing.T) {
	swarm(t)
	compare(t, true, 0, ours, stopStart, apiStopStart, compose, service)
}

// TestFigureDowntimeWithAPull pulls 100 MB in each round.
func TestFigureDowntimeWithAPull(t *testing.T) {
	compare(t, false, 100<<20, ours, stopRemoveRun)
}

func swarm(t *testing.T) {
	f := figure{rig: &rig{t: t}}
	f.tool("docker", "swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:0")
	t.Cleanup(func() {
		f.tool("docker", "swarm", "leave", "--force")
		f.tool("docker", "network", "rm", "docker_gwbridge") // the engine made it for the swarm, on the host
	})
}

// compare measures the ways in turn and compares the first with each other one.
// With a size each round pulls an image of so many bytes.
func compare(t *testing.T, hangs bool, size int, ways ...way) {
	var all []*figure
	for i, w := range ways {
		all = append(all, newFigure(t, i, w, hangs, size))
	}
	for round := range figureRounds {
		for _, i := range mathrand.Perm(len(all)) {
			all[i].measure((round+1)%2, size > 0)
		}
	}
	for _, f := range all[1:] {
		ratio := all[0].ratio(f)
		bound := f.way.most
		if f.way.floored { // what the engine's own two calls take of it, nobody can get below
			floor := all[slices.IndexFunc(all, func(o *figure) bool { return o.way.name == apiStopStart.name })].ratio(f)
			bound = max(bound, floor*stopStart.most)
		}
		if bound > 0 {
			assert.LessOrEqual(t, ratio, bound, f.way.name)
		}
	}
}

// ratio is the median of the rounds' ratios of this way's gaps to another's.
func (f *figure) ratio(to *figure) float64 {
	var ratios []float64
	for round, gap := range to.gaps {
		ratios = append(ratios, float64(f.gaps[round])/float64(gap))
	}
	slices.Sort(ratios)
	ratio := ratios[len(ratios)/2]
	f.t.Logf("figure: a robot is away: %s %s, %s %s: ratio %.2f (%.2f … %.2f)", f.way.name, spread(f.gaps),
		to.way.name, spread(to.gaps), ratio, ratios[0], ratios[len(ratios)-1])
	return ratio
}

func newFigure(t *testing.T, index int, w way, hangs bool, size int) *figure {
	t.Helper()
	f := &figure{rig: newRig(t, dockertest.Image{}, dockertest.Image{}), way: w, hangs: hangs, tags: [2]string{"a", "b"}}
	f.t1.Container = fmt.Sprintf("%s-%d", f.t1.Container, index)
	f.repo = fmt.Sprintf("%s-%d", f.rig.repo, index)
	f.t1.Image.Repository = f.repo
	for _, tag := range f.tags {
		content := []byte(tag)
		if size > 0 {
			content = make([]byte, size)
			_, err := rand.Read(content)
			require.NoError(t, err)
		}
		dockertest.PushImage(t, images, strings.TrimPrefix(f.repo, images.Host+"/"), tag, dockertest.Image{Files: map[string][]byte{"/content": content}})
	}
	f.pull(f.image(0))
	if size == 0 {
		f.pull(f.image(1))
	}
	w.start(f, 0)
	f.awaitBeats(time.Now())
	return f
}

// measure updates to a version and notes the gap.
func (f *figure) measure(version int, removeOld bool) {
	f.awaitBeats(time.Now())
	require.NoError(f.t, os.Truncate(f.path("beat"), 0))
	f.awaitBeats(time.Now())
	f.way.update(f, version)
	f.awaitBeats(time.Now().Add(100 * time.Millisecond)) // the end of the gap is in it for sure
	f.gaps = append(f.gaps, gap(f.beats()))
	if f.way.name == ours.name {
		require.NoError(f.t, f.c.Commit(f.ctx(), f.t1))
	}
	if removeOld { // the next round pulls it again
		f.tool("docker", "image", "rm", "--force", f.image(1-version))
		_, _ = f.api.ImagePrune(f.ctx(), client.ImagePruneOptions{})
	}
}

// awaitBeats waits for beats after a time.
func (f *figure) awaitBeats(after time.Time) {
	f.t.Helper()
	eventually(f.t, f.way.name+" beats", func() bool { return slices.Max(append(f.beats(), 0)) > after.UnixNano() })
}

// beats are the times of the program's beats.
func (f *figure) beats() []int64 {
	f.t.Helper()
	b, err := os.ReadFile(f.path("beat"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(f.t, err)
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

// spread is the median, the least and the most.
func spread(all []time.Duration) string {
	all = slices.Sorted(slices.Values(all))
	return fmt.Sprintf("%d ms (%d … %d)", all[len(all)/2].Milliseconds(), all[0].Milliseconds(), all[len(all)-1].Milliseconds())
}
