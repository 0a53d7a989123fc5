package docker

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

func TestProbeByCommand(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.run(agent())
	for name, c := range map[string]struct {
		command []string
		outcome rollout.Outcome
		says    string
	}{
		"passes":              {[]string{"/agent", "-write", "/dev/stdout", "-text", "all well", "-exit", "0"}, rollout.Pass, "all well"},
		"fails":               {[]string{"/agent", "-write", "/dev/stderr", "-text", "no map\nlost", "-exit", "3"}, rollout.Fail, "exit code 3: lost"},
		"is not in the image": {[]string{"/no-such-program"}, rollout.Fail, "exit code 12"},
		"hangs":               {[]string{"/agent"}, rollout.GateError, "no answer within 1s"},
	} {
		got := r.c.Probe(r.ctx(), r.t1, rollout.Check{Name: name, Command: c.command, Timeout: rollout.Duration(time.Second)})
		require.Equal(t, name, got.Name)
		require.Equal(t, c.outcome, got.Outcome, "%s: %s", name, got.Reason)
		require.Contains(t, got.Reason, c.says, name)
	}
	r.t1.Container = "nobody"
	got := r.c.Probe(r.ctx(), r.t1, rollout.Check{Name: "x", Command: []string{"true"}})
	require.Equal(t, rollout.GateError, got.Outcome)
	require.Contains(t, got.Reason, "No such container")
}

// A command that hangs is not started again beside itself.
func TestProbeDoesNotPileUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	main := r.inspect(r.run(agent())).Container.State.Pid
	others := func() (pids []string) {
		top, err := r.api.ContainerTop(r.ctx(), r.t1.Container, client.ContainerTopOptions{Arguments: []string{"-o", "pid"}})
		require.NoError(t, err)
		for _, p := range top.Processes {
			if p[0] != strconv.Itoa(main) {
				pids = append(pids, p[0])
			}
		}
		return pids
	}
	ask := func() rollout.Gate {
		return r.c.Probe(r.ctx(), r.t1, rollout.Check{Name: "hangs", Command: []string{"/agent"}, Timeout: rollout.Duration(500 * time.Millisecond)})
	}
	require.Contains(t, ask().Reason, "no answer within")
	for range 2 {
		got := ask()
		require.Equal(t, rollout.GateError, got.Outcome)
		require.Contains(t, got.Reason, "still runs")
	}
	require.Len(t, others(), 1)
	got := r.c.Probe(r.ctx(), r.t1, rollout.Check{Name: "another", Command: []string{"/agent", "-exit", "0"}})
	require.Equal(t, rollout.Pass, got.Outcome, got.Reason)

	pid, err := strconv.Atoi(others()[0])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	eventually(t, "it is asked again", func() bool { return strings.Contains(ask().Reason, "no answer within") })
	require.Len(t, others(), 1)
}

func TestProbeByHTTP(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/r1/ready":
			_, _ = fmt.Fprint(w, "fine")
		case "/hangs":
			<-r.Context().Done()
		default:
			http.Error(w, "no map", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	c := fakeEngine(t, nil)
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	for path, want := range map[string]rollout.Gate{
		"http://{host}" + port + "/{robot}/ready": {Outcome: rollout.Pass, Reason: "200 OK"},
		s.URL + "/other":      {Outcome: rollout.Fail, Reason: "503 Service Unavailable: no map"},
		s.URL + "/hangs":      {Outcome: rollout.GateError, Reason: "no answer within 300ms"},
		"http://127.0.0.1:1/": {Outcome: rollout.Fail, Reason: "connection refused"},
	} {
		target := anyTarget()
		target.Robot = "r1"
		got := c.Probe(t.Context(), target, rollout.Check{Name: "web", HTTP: path, Timeout: rollout.Duration(300 * time.Millisecond)})
		require.Equal(t, want.Outcome, got.Outcome, got.Reason)
		require.Contains(t, got.Reason, want.Reason)
	}
}
