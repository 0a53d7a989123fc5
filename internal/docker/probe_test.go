package docker

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
