package main_test

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
)

// An engine whose site has a bandwidth pulls by the manager's relay.
func TestARolloutByTheRelay(t *testing.T) {
	w := newWorld(t, 1)
	m := w.manager(settings{"pull": settings{
		"bandwidth_mib": 50, "relay": settings{"listen": "127.0.0.1:0"},
	}})
	m.awaitFleet(w.robots...)
	before := w.only("robot1").Image
	end := m.awaitEnd(m.rollOut(w.spec("v2")))
	assert.Equal(t, rollout.StateCompleted, end.State, "%s\n%s", end.Reason, steps(end))
	assert.NotEqual(t, before, w.only("robot1").Image)

	resp, err := http.Get(m.url + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	sent := regexp.MustCompile(`(?m)^muster_relay_sent_bytes_total\{site=""\} (\S+)$`).FindSubmatch(text)
	require.NotNil(t, sent)
	n, err := strconv.ParseFloat(string(sent[1]), 64)
	require.NoError(t, err)
	assert.Positive(t, n)
}
