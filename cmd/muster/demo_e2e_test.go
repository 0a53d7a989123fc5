package main_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/fleet"
)

// output collects what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// demo starts the demo and waits until it says its URL.
func demo(t *testing.T, env []string, args ...string) (url string, out *output, end func()) {
	t.Helper()
	out = &output{}
	cmd := exec.Command(program(t, "muster-sim"), append([]string{"demo", "--listen", freeAddress(t)}, args...)...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	require.NoError(t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		select {
		case err := <-done:
			assert.NoError(t, err, "%s", out)
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			require.Fail(t, "the demo does not end", "%s", out)
		}
	}
	t.Cleanup(end)
	require.Eventually(t, func() bool {
		select {
		case err := <-done:
			done <- err
			require.Fail(t, "the demo ended", "%v\n%s", err, out)
		default:
		}
		url = address.FindString(out.String())
		return url != ""
	}, patience, 10*time.Millisecond)
	return url, out, end
}

func awaitLive(t *testing.T, url string, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		resp, err := http.Get(url + "/api/v1/robots")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var all struct{ Robots []fleet.Robot }
		if json.NewDecoder(resp.Body).Decode(&all) != nil {
			return false
		}
		live := 0
		for _, r := range all.Robots {
			if r.Quality == fleet.QualityLive && len(r.Containers) == 1 && len(r.Containers[0].Devices) == 2 &&
				len(r.Nodes) == 3 && r.Battery != nil && r.Diagnostics != nil && r.Map != "" {
				live++
			}
		}
		return live == n
	}, patience, 20*time.Millisecond, "all robots are live and whole")
}

// leftovers are the processes and directories that the demo would have left.
func leftovers(t *testing.T) (all []string) {
	t.Helper()
	bin := filepath.Dir(program(t, "muster-sim"))
	procs, err := filepath.Glob("/proc/[0-9]*/exe")
	require.NoError(t, err)
	for _, p := range procs {
		if exe, err := os.Readlink(p); err == nil && strings.HasPrefix(exe, bin) {
			all = append(all, p+" → "+exe)
		}
	}
	return all
}

func TestTheDemoWithSimulatedEngines(t *testing.T) {
	tmp := t.TempDir()
	url, out, end := demo(t, []string{"TMPDIR=" + tmp, "DOCKER_HOST=unix:///nowhere/docker.sock"})
	assert.Contains(t, out.String(), "No Docker Engine is used (there is no socket /nowhere/docker.sock): 6 simulated engines")
	awaitLive(t, url, 6)
	image := regexp.MustCompile(`\S+:v2`).FindString(out.String())
	start, err := exec.Command(program(t, "muster"), "rollout", "start", "--server", url, "--image", image,
		"--robots", "hall=north", "--window", "1s", "--moving", "--watch").CombinedOutput()
	require.NoError(t, err, "%s", start)
	assert.Contains(t, string(start), "3 robots run")
	end()
	assert.Empty(t, leftovers(t))
	left, err := filepath.Glob(filepath.Join(tmp, "muster-*"))
	require.NoError(t, err)
	for _, path := range left { // the reservation of domains is one small directory for all
		assert.Equal(t, "muster-domains", filepath.Base(path))
	}
}

func TestTheDemoOnADockerEngine(t *testing.T) {
	engine := dockertest.StartEngine(t)
	url, out, end := demo(t, []string{"DOCKER_HOST=" + engine.URL()})
	assert.Contains(t, out.String(), "Docker Engine 2")
	awaitLive(t, url, 6)
	end()
	assert.Empty(t, leftovers(t))
	cli, err := client.New(client.WithHost(engine.URL()))
	require.NoError(t, err)
	defer cli.Close()
	containers, err := cli.ContainerList(t.Context(), client.ContainerListOptions{All: true})
	require.NoError(t, err)
	assert.Empty(t, containers.Items)
	images, err := cli.ImageList(t.Context(), client.ImageListOptions{All: true})
	require.NoError(t, err)
	assert.Empty(t, images.Items)
}

// The app in a real browser, see web/e2e/service.spec.ts: six robots at their
// true positions within two seconds, moving; a rollout by the button ends green.
func TestTheAppInABrowser(t *testing.T) {
	w := newWorld(t, 6)
	m := w.manager(nil)
	m.awaitFleet(w.robots...)
	inBrowser(t, m, "service.spec.ts", "MUSTER_E2E_IMAGE="+w.image("v2"))
	for _, robot := range w.robots {
		assert.Contains(t, w.only(robot).Config.Image, w.digests["v2"])
	}
}

// inBrowser runs a file of web/e2e on a manager.
func inBrowser(t *testing.T, m *manager, file string, env ...string) {
	t.Helper()
	_, err := os.Stat("../../web/dist/index.html")
	require.NoError(t, err, "the app is not built: make build")
	cmd := exec.Command("npm", "run", "--silent", "e2e:service", "--", file)
	cmd.Dir = "../../web"
	cmd.Env = append(append(os.Environ(), "MUSTER_URL="+m.url), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}
