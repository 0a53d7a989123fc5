package observe

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Check is one dependency. Probe returns why it does not work, within its
// context's deadline.
type Check struct {
	Name  string
	Probe func(ctx context.Context) error
}

// The rhythm of checks. A probe answers from the last result, whose age it tells.
const (
	checkEvery   = 2 * time.Second
	checkTimeout = 2 * time.Second
)

// Health runs the checks and answers the probes. A dependency's failure makes
// the manager not ready; it never makes it not live, because a restart mends no
// dependency.
type Health struct {
	log    *slog.Logger
	checks []Check

	mu       sync.Mutex
	results  map[string]result // guarded by mu; by check
	draining bool              // guarded by mu
	started  bool              // guarded by mu; every check has passed once
}

type result struct {
	OK     bool      `json:"ok"`
	Text   string    `json:"text,omitempty"` // why not
	At     time.Time `json:"at"`
	passed bool      // at least once
}

// NewHealth makes the health of these checks.
func NewHealth(log *slog.Logger, checks ...Check) *Health {
	return &Health{log: log, checks: checks, results: make(map[string]result)}
}

// Run runs the checks until ctx ends.
func (h *Health) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, c := range h.checks {
		running.Go(func() { h.repeat(ctx, c) })
	}
	running.Wait()
	return ctx.Err()
}

func (h *Health) repeat(ctx context.Context, c Check) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		probe, cancel := context.WithTimeout(ctx, checkTimeout)
		err := c.Probe(probe)
		cancel()
		if ctx.Err() != nil {
			return
		}
		h.record(c.Name, err)
		if err == nil {
			timer.Reset(checkEvery)
		} else {
			timer.Reset(checkEvery / 20) // a start-up waits for it
		}
	}
}

func (h *Health) record(name string, err error) {
	h.mu.Lock()
	old, known := h.results[name]
	r := result{OK: err == nil, At: time.Now().UTC(), passed: old.passed || err == nil}
	if err != nil {
		r.Text = err.Error()
	}
	h.results[name] = r
	h.started = h.started || h.allPassedOnce()
	h.mu.Unlock()
	if known && old.OK != r.OK || !known && !r.OK {
		h.log.Info("health", "check", name, "ok", r.OK, "err", err)
	}
}

func (h *Health) allPassedOnce() bool {
	for _, c := range h.checks {
		if !h.results[c.Name].passed {
			return false
		}
	}
	return true
}

// Drain makes the manager not ready, because it stops.
func (h *Health) Drain() {
	h.mu.Lock()
	h.draining = true
	h.mu.Unlock()
}

// Result is the last result of a check, in words.
func (h *Health) Result(name string) (ok bool, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, known := h.results[name]
	if !known {
		return false, "not checked yet"
	}
	return r.OK, r.Text
}

// Live answers as long as the process does.
func (h *Health) Live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h.write(w, http.StatusOK, map[string]any{"ok": true})
	})
}

// Ready answers 200 when every check passes and the manager does not stop, else
// 503, with the detail of each.
func (h *Health) Ready() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h.mu.Lock()
		ok, checks := !h.draining, make(map[string]result, len(h.checks))
		for _, c := range h.checks {
			r, known := h.results[c.Name]
			if !known {
				r.Text = "not checked yet"
			}
			checks[c.Name], ok = r, ok && r.OK
		}
		body := map[string]any{"ok": ok, "draining": h.draining, "checks": checks}
		h.mu.Unlock()
		h.write(w, status(ok), body)
	})
}

// Startup answers 200 once every check has passed at least once.
func (h *Health) Startup() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h.mu.Lock()
		ok := h.started
		h.mu.Unlock()
		h.write(w, status(ok), map[string]any{"ok": ok})
	})
}

func status(ok bool) int {
	if ok {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

func (h *Health) write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		h.log.Debug("write a probe's answer", "err", err)
	}
}
