package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/observe"
	"github.com/muster-fleet/muster/internal/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func TestLogger(t *testing.T) {
	for _, c := range []struct {
		format   string
		terminal bool
		json     bool
	}{{"auto", true, false}, {"auto", false, true}, {"json", true, true}, {"text", false, false}} {
		var b bytes.Buffer
		log, err := observe.NewLogger(&b, "warn", c.format, c.terminal)
		require.NoError(t, err)
		log.Info("hidden")
		log.Warn("shown", "robot", "r1")
		assert.Equal(t, c.json, json.Valid(b.Bytes()), b.String())
		assert.NotContains(t, b.String(), "hidden")
	}
	_, err := observe.NewLogger(io.Discard, "loud", "auto", true)
	assert.ErrorContains(t, err, "log.level")
	_, err = observe.NewLogger(io.Discard, "info", "xml", true)
	assert.ErrorContains(t, err, "log.format")
}

func probe(h http.Handler) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w.Code, w.Body.String()
}

func TestHealth(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	h := observe.NewHealth(quiet,
		observe.Check{Name: "store", Probe: func(context.Context) error {
			if broken.Load() {
				return errors.New("it is away")
			}
			return nil
		}},
		observe.Check{Name: "ros", Probe: func(context.Context) error { return nil }},
	)
	code, body := probe(h.Ready())
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.Contains(t, body, "not checked yet")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	require.Eventually(t, func() bool { _, body := probe(h.Ready()); return strings.Contains(body, "it is away") }, 20*time.Second, time.Millisecond)
	code, _ = probe(h.Live())
	assert.Equal(t, http.StatusOK, code, "a dependency's failure is not ours")
	code, _ = probe(h.Startup())
	assert.Equal(t, http.StatusServiceUnavailable, code)
	broken.Store(false)
	require.Eventually(t, func() bool { code, _ := probe(h.Ready()); return code == http.StatusOK }, 20*time.Second, time.Millisecond)
	code, _ = probe(h.Startup())
	assert.Equal(t, http.StatusOK, code)
	h.Drain()
	code, _ = probe(h.Ready())
	assert.Equal(t, http.StatusServiceUnavailable, code)
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
}

func TestAHangingCheckIsCut(t *testing.T) {
	h := observe.NewHealth(quiet, observe.Check{Name: "store", Probe: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	require.Eventually(t, func() bool { ok, text := h.Result("store"); return !ok && strings.Contains(text, "deadline") }, 10*time.Second, 10*time.Millisecond)
	cancel()
	<-done
}

func TestMetrics(t *testing.T) {
	m := observe.NewMetrics(observe.Sources{
		Version: "1.2.3",
		Fleet: func() fleet.Snapshot {
			return fleet.Snapshot{Robots: []fleet.Robot{{Quality: fleet.QualityLive}}, Engines: []fleet.Engine{{State: fleet.EngineUp}}}
		},
		Stream: func() stream.Stats {
			return stream.NewHub(fleet.NewRegistry(&fleet.Journal{}), stream.Options{}).Stats()
		},
		Domains: func() []observe.Domain {
			return []observe.Domain{{ID: 7, Nodes: 3, Refused: map[string]uint64{"names": 2}}}
		},
		Leading:  func() bool { return true },
		Rollouts: func() map[string]int { return map[string]int{"running": 2} },
		Relayed:  func() map[string]uint64 { return map[string]uint64{"north": 5} },
	}, quiet)
	m.Observe(http.MethodGet, "/api/v1/robots", http.StatusOK, time.Millisecond)
	code, text := probe(m.Handler())
	require.Equal(t, http.StatusOK, code)
	for _, line := range []string{
		`muster_build_info{version="1.2.3"} 1`, `muster_robots{quality="live"} 1`, `muster_robots{quality="offline"} 0`,
		`muster_engines{state="up"} 1`, `muster_ros_nodes{domain="7"} 3`, `muster_rollout_runner 1`,
		`muster_ros_refused_total{domain="7",reason="names"} 2`,
		`muster_relay_sent_bytes_total{site="north"} 5`,
		`muster_rollouts{state="running"} 2`, `muster_stream_dropped_total{reason="credits"} 0`,
		`muster_http_request_duration_seconds_count{method="GET",route="/api/v1/robots",status="200"} 1`,
	} {
		assert.Contains(t, text, line)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	for _, p := range problems {
		assert.False(t, strings.HasPrefix(p.Metric, "muster_"), "%s: %s", p.Metric, p.Text)
	}
}
