package main_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/fleet"
)

// As everywhere in ROS 2 CYCLONEDDS_URI goes before what the configuration says of
// discovery. A tag keeps participants apart that have another, or none.
func TestTheEnvironmentsCycloneGoesFirst(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	simulate(t, domain, 0)
	apart := `<CycloneDDS><Domain><Discovery><Tag>apart</Tag></Discovery></Domain></CycloneDDS>`
	out, err := examine(t, onDomain(domain, apart))
	require.Error(t, err)
	assert.Contains(t, out, "nobody else is here")
	out, _ = examine(t, onDomain(domain, apart), "CYCLONEDDS_URI="+dds.LoopbackConfig())
	assert.Regexp(t, `ok +robot /robot1: \d+ samples`, out)
}

// An enclave without files is an error, unless the strategy is permissive: then the
// domain is joined without security, as rcl does.
func TestSecurityWithoutFiles(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	simulate(t, domain, 0)
	keystore := "security: {keystore: '" + t.TempDir() + "', enclave: /muster, strategy: "
	out, err := examine(t, onDomain(domain, dds.LoopbackConfig())+keystore+"enforce}")
	require.Error(t, err)
	assert.Regexp(t, `FAULT +join ROS domain \d+ securely: enclave /muster: read identity_ca\.cert\.pem`, out)
	out, _ = examine(t, onDomain(domain, dds.LoopbackConfig())+keystore+"permissive}")
	assert.Regexp(t, `ok +robot /robot1: \d+ samples`, out)
}

// A manager that SROS 2's variables let into a secured domain follows its robots, and
// nobody else who sends there.
func TestASecuredRobotIsSeen(t *testing.T) {
	w := &world{t: t, domain: ddstest.FreeDomain(t)}
	k := ddstest.NewKeystore(t, "/muster", "/robot1")
	simulate(t, w.domain, 1) // robot2, with no certificate
	open := listen(t, w.domain, []string{"robot2"})
	require.Eventually(t, func() bool {
		open.mu.Lock()
		defer open.mu.Unlock()
		return len(open.times["robot2"]) > 0
	}, patience, 10*time.Millisecond)
	t.Setenv("ROS_SECURITY_ENABLE", "true")
	t.Setenv("ROS_SECURITY_STRATEGY", "Enforce")
	t.Setenv("ROS_SECURITY_KEYSTORE", k.Dir)
	simulate(t, w.domain, 0, "ROS_SECURITY_ENCLAVE_OVERRIDE=/robot1")
	t.Setenv("ROS_SECURITY_ENCLAVE_OVERRIDE", "/muster")
	m := w.manager(settings{"engines": []settings{}})
	m.eventually("robot1 is live", func() bool {
		r, known := m.robot("robot1")
		return known && r.Quality == fleet.QualityLive && len(r.Nodes) == 3 && r.Nodes[0].Enclave == "/robot1" && r.Map != ""
	})
	_, known := m.robot("robot2")
	assert.False(t, known, "robot2 was there before, and takes no handshake")
}
