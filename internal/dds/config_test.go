package dds_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/ros"
)

func TestDiscoveryRanges(t *testing.T) {
	text, err := dds.DiscoveryConfig("subnet", nil)
	require.NoError(t, err)
	assert.Empty(t, text, "Cyclone's own default")
	text, err = dds.DiscoveryConfig("subnet", []string{`amr"<1>`})
	require.NoError(t, err)
	assert.Contains(t, text, `address="amr&#34;&lt;1&gt;"`)
	_, err = dds.DiscoveryConfig("far", nil)
	require.ErrorContains(t, err, `"far"`)

	for reach, seen := range map[string]bool{"localhost": true, "off": false} {
		domain := ddstest.FreeDomain(t)
		text, err := dds.DiscoveryConfig(reach, nil)
		require.NoError(t, err)
		p, err := dds.Open(dds.Options{Domain: domain, Config: text})
		require.NoError(t, err)
		peer := ddstest.StartPeer(t, domain)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		found := false
		for !found {
			facts, err := p.Discover(ctx)
			if err != nil {
				break
			}
			for _, f := range facts {
				e, ok := f.(ros.ParticipantFact)
				found = found || ok && e.GUID == peer.GUID
			}
		}
		cancel()
		assert.Equal(t, seen, found, reach)
		require.NoError(t, p.Close())
	}
}

func TestStaticPeers(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	text, err := dds.DiscoveryConfig("localhost", []string{"127.0.0.1"})
	require.NoError(t, err)
	p, err := dds.Open(dds.Options{Domain: domain, Config: text})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	peer := ddstest.StartPeer(t, domain)
	awaitParticipant(t, p, peer.GUID, false)
}
