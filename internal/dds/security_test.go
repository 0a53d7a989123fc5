package dds_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/ros"
)

// keystore is a directory with enclaves, as `ros2 security create_enclave` makes
// them, and one authority for identities and permissions.
type keystore struct {
	t         *testing.T
	dir       string
	authority string // files AUTHORITY.key, AUTHORITY.pem
}

func newKeystore(t *testing.T) *keystore {
	k := &keystore{t: t, dir: t.TempDir()}
	k.authority = filepath.Join(k.dir, "ca")
	k.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout " +
		k.authority + ".key -out " + k.authority + ".pem")
	return k
}

func (k *keystore) openssl(line string) {
	k.t.Helper()
	out, err := exec.Command("openssl", strings.Fields(line)...).CombinedOutput()
	require.NoError(k.t, err, "%s", out)
}

// sign writes an S/MIME document.
func (k *keystore) sign(file, xml string) {
	k.t.Helper()
	require.NoError(k.t, os.WriteFile(file+".xml", []byte(xml), 0o600))
	k.openssl("smime -sign -text -in " + file + ".xml -out " + file + ".p7s -signer " + k.authority + ".pem -inkey " + k.authority + ".key")
}

const (
	governance = `<?xml version="1.0" encoding="UTF-8"?><dds><domain_access_rules><domain_rule>` + anyDomain +
		`<allow_unauthenticated_participants>false</allow_unauthenticated_participants>` +
		`<enable_join_access_control>true</enable_join_access_control>` +
		`<discovery_protection_kind>ENCRYPT</discovery_protection_kind><liveliness_protection_kind>ENCRYPT</liveliness_protection_kind>` +
		`<rtps_protection_kind>SIGN</rtps_protection_kind><topic_access_rules><topic_rule><topic_expression>*</topic_expression>` +
		`<enable_discovery_protection>true</enable_discovery_protection><enable_liveliness_protection>true</enable_liveliness_protection>` +
		`<enable_read_access_control>true</enable_read_access_control><enable_write_access_control>true</enable_write_access_control>` +
		`<metadata_protection_kind>ENCRYPT</metadata_protection_kind><data_protection_kind>ENCRYPT</data_protection_kind>` +
		`</topic_rule></topic_access_rules></domain_rule></domain_access_rules></dds>`
	permissions = `<?xml version="1.0" encoding="UTF-8"?><dds><permissions><grant name="%[1]s"><subject_name>CN=%[1]s</subject_name>` +
		`<validity><not_before>2020-01-01T00:00:00</not_before><not_after>2099-01-01T00:00:00</not_after></validity>` +
		`<allow_rule>` + anyDomain + `<publish><topics>%[2]s</topics></publish><subscribe><topics><topic>*</topic></topics></subscribe></allow_rule>` +
		`<default>DENY</default></grant></permissions></dds>`
	anyDomain = `<domains><id_range><min>0</min><max>230</max></id_range></domains>`
)

// enclave makes one that may publish the DDS topics and subscribe to all.
func (k *keystore) enclave(name string, publish ...string) *dds.Security {
	k.t.Helper()
	dir := filepath.Join(k.dir, "enclaves", name)
	require.NoError(k.t, os.MkdirAll(dir, 0o700))
	file := func(name string) string { return filepath.Join(dir, name) }
	k.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" + name[1:] + " -keyout " + file("key.pem") + " -out " + file("csr.pem"))
	k.openssl("x509 -req -days 2 -in " + file("csr.pem") + " -CA " + k.authority + ".pem -CAkey " + k.authority + ".key -CAcreateserial -out " + file("cert.pem"))
	ca, err := os.ReadFile(k.authority + ".pem")
	require.NoError(k.t, err)
	for _, name := range []string{"identity_ca.cert.pem", "permissions_ca.cert.pem"} {
		require.NoError(k.t, os.WriteFile(file(name), ca, 0o600))
	}
	k.sign(file("governance"), governance)
	k.sign(file("permissions"), fmt.Sprintf(permissions, name[1:], "<topic>"+strings.Join(publish, "</topic><topic>")+"</topic>"))
	return &dds.Security{Keystore: k.dir, Enclave: name}
}

// witness is a process that writes and reads the topic /a: DOMAIN [KEYSTORE
// ENCLAVE]. What it writes is who it is; asked, it tells whom it has heard. (In
// one process Cyclone takes either all participants as secured, or none.)
func witness(args []string) error {
	domain, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	o := dds.Options{Domain: domain, Config: dds.LoopbackConfig(), IgnoreLocal: true}
	if len(args) > 1 {
		o.Security = &dds.Security{Keystore: args[1], Enclave: args[2]}
	}
	p, err := dds.Open(o)
	if err != nil {
		return err
	}
	out, err := p.Advertise(ros.Publication{Topic: "/a", Type: "std_msgs/msg/String", QoS: telemetry})
	if err != nil {
		return err
	}
	_, denied := p.Advertise(ros.Publication{Topic: "/b", Type: "std_msgs/msg/String", QoS: telemetry})
	if _, err := p.Subscribe(ros.Subscription{Topic: "/a", Type: "std_msgs/msg/String", QoS: telemetry}); err != nil {
		return err
	}
	var mu sync.Mutex
	h := heard{Self: p.Participant().String(), MayB: denied == nil, Endpoints: make(map[string]bool), Samples: make(map[string]bool)}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var g errgroup.Group
	g.Go(func() error {
		for {
			facts, err := p.Discover(ctx)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, f := range facts {
				if e, ok := f.(ros.EndpointFact); ok && !e.Gone {
					h.Endpoints[e.Participant.String()] = true
				}
			}
			mu.Unlock()
		}
	})
	g.Go(func() error {
		for b := (ros.Batch{}); ; {
			if err := p.Take(ctx, &b); err != nil {
				return err
			}
			mu.Lock()
			for _, s := range b.Samples {
				h.Samples[hex.EncodeToString(s.CDR[4:])] = true
			}
			mu.Unlock()
		}
	})
	self := p.Participant()
	g.Go(func() error {
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
			if err := out.Write(append([]byte{0, 1, 0, 0}, self[:]...)); err != nil {
				return err
			}
		}
	})
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		mu.Lock()
		b, err := json.Marshal(h)
		mu.Unlock()
		if err != nil {
			return err
		}
		fmt.Printf("heard %s\n", b)
	}
	cancel()
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return p.Close()
}

// heard is what a witness tells. Endpoints and Samples are of participants, by
// GUID.
type heard struct {
	Self               string
	MayB               bool // it may publish /b
	Endpoints, Samples map[string]bool
}

func init() { roles["witness"] = witness }

func startWitness(t *testing.T, domain int, s *dds.Security) *child {
	t.Helper()
	args := []string{strconv.Itoa(domain)}
	if s != nil {
		args = append(args, s.Keystore, s.Enclave)
	}
	return role(t, "witness", args)
}

func ask(c *child) (h heard) {
	c.t.Helper()
	c.say("whom")
	require.NoError(c.t, json.Unmarshal([]byte(c.answer("heard")), &h))
	return h
}

func awaitEachOther(t *testing.T, a, b *child, who string) {
	t.Helper()
	require.Eventually(t, func() bool {
		x, y := ask(a), ask(b)
		return x.Endpoints[y.Self] && x.Samples[y.Self] && y.Endpoints[x.Self] && y.Samples[x.Self]
	}, ddstest.Deadline, 20*time.Millisecond, who)
}

// Members of a keystore hear each other; peers without a certificate, of another
// vendor, and of another authority hear nothing of them and are not heard.
func TestOnlyMembersOfTheKeystoreAreHeard(t *testing.T) {
	t.Parallel()
	domain := ddstest.FreeDomain(t)
	k, other := newKeystore(t), newKeystore(t)
	manager, robot := k.enclave("/manager", "*"), k.enclave("/robot1", "rt/a")
	members := [2]*child{startWitness(t, domain, manager), startWitness(t, domain, robot)}
	plain := [2]*child{startWitness(t, domain, nil), startWitness(t, domain, nil)}
	foreign := [2]*child{
		startWitness(t, domain, other.enclave("/manager", "*")), startWitness(t, domain, other.enclave("/robot1", "*")),
	}
	peer := ddstest.StartPeer(t, domain)
	peer.Advertise("rt/a", "std_msgs::msg::dds_::String_", telemetry, "")

	awaitEachOther(t, members[0], members[1], "members")
	awaitEachOther(t, foreign[0], foreign[1], "members elsewhere") // the outsiders work, among themselves
	awaitEachOther(t, plain[0], plain[1], "those without security")
	require.Eventually(t, func() bool {
		peer.Write("rt/a", append([]byte{0, 1, 0, 0}, peer.GUID[:]...))
		return ask(plain[0]).Samples[peer.GUID.String()]
	}, ddstest.Deadline, 20*time.Millisecond, "the Fast DDS peer")

	for _, member := range members {
		m := ask(member)
		assert.Len(t, m.Endpoints, 1, "only the other member's")
		assert.Len(t, m.Samples, 1, "only the other member's")
		for _, outsider := range append(plain[:], foreign[:]...) {
			o := ask(outsider)
			assert.NotContains(t, o.Endpoints, m.Self)
			assert.NotContains(t, o.Samples, m.Self)
		}
	}
	assert.True(t, ask(members[0]).MayB)
	assert.False(t, ask(members[1]).MayB, "what its permissions do not name")
}

func TestAnIncompleteEnclaveIsNamed(t *testing.T) {
	t.Parallel()
	domain := ddstest.FreeDomain(t)
	open := func(s dds.Security) error {
		_, err := dds.Open(dds.Options{Domain: domain, Config: dds.LoopbackConfig(), Security: &s})
		return err
	}
	k := newKeystore(t)
	good := *k.enclave("/manager", "*")
	for _, name := range []string{"identity_ca.cert.pem", "cert.pem", "key.pem", "permissions_ca.cert.pem", "governance.p7s", "permissions.p7s"} {
		file := filepath.Join(k.dir, "enclaves/manager", name)
		require.NoError(t, os.Rename(file, file+".away"))
		assert.ErrorContains(t, open(good), name)
		require.NoError(t, os.Rename(file+".away", file))
	}
	assert.ErrorContains(t, open(dds.Security{Keystore: k.dir, Enclave: "/nobody"}), "enclave /nobody")
	assert.ErrorContains(t, open(dds.Security{Keystore: k.dir, Enclave: "/../manager"}), "..")
	assert.ErrorContains(t, open(dds.Security{Keystore: k.dir, Enclave: "manager"}), "must begin with /")
	require.NoError(t, os.WriteFile(filepath.Join(k.dir, "enclaves/manager/permissions.p7s"), []byte("not signed"), 0o600))
	assert.ErrorContains(t, open(good), "permissions: Failed to parse PKCS7", "a document that nobody signed")
}
