package main_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/fleet"
)

// One manager in two domains, where two robots have the same namespace.
func TestSeveralDomains(t *testing.T) {
	w := &world{t: t}
	var domains []settings
	for range 2 {
		id := ddstest.FreeDomain(t)
		domains = append(domains, settings{"id": id, "cyclone": dds.LoopbackConfig()})
		simulate(t, id, 0)
	}
	second := domains[1]["id"].(int)
	m := w.manager(settings{"domains": domains, "engines": []settings{}, "robots": []settings{
		{"id": "twin", "namespace": "/robot1", "domain": second},
	}})
	for id, domain := range map[string]int{"robot1": domains[0]["id"].(int), "twin": second} {
		m.eventually(id+" is live", func() bool {
			r, known := m.robot(id)
			return known && r.Quality == fleet.QualityLive && r.Domain == domain && len(r.Nodes) == 3
		})
	}
	assert.Contains(t, get(m, "/system"), fmt.Sprintf(`"id":%d`, second))
}
