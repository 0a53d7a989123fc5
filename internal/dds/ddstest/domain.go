// Package ddstest gives tests a private ROS domain and peers of another vendor
// in it: Fast DDS participants in processes of their own, driven line by line.
// The peer's source is testdata/peer.cpp; g++ and Debian's libfastrtps-dev build
// it once for a test binary.
package ddstest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds"
)

// Deadline is how long a test waits for what discovery or a peer must bring.
const Deadline = 20 * time.Second

// FreeDomain reserves a domain for the test.
func FreeDomain(t testing.TB) int {
	t.Helper()
	id, release, err := dds.ReserveDomain()
	require.NoError(t, err)
	t.Cleanup(func() { _ = release() })
	return id
}

// Join opens a participant on the loopback interface.
func Join(t testing.TB, domain int) *dds.Participant {
	t.Helper()
	p, err := dds.Open(dds.Options{Domain: domain, Config: dds.LoopbackConfig()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}
