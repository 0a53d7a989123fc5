package ddstest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Keystore is a directory with enclaves as `ros2 security create_enclave` makes
// them, with one authority for identities and permissions. It needs openssl.
type Keystore struct {
	Dir string
	t   testing.TB
}

// NewKeystore makes one with enclaves ("/robot1") that may publish and subscribe to
// everything, in which nothing goes over the wire unencrypted.
func NewKeystore(t testing.TB, enclaves ...string) *Keystore {
	t.Helper()
	k := &Keystore{t: t, Dir: t.TempDir()}
	k.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem")
	for _, e := range enclaves {
		k.enclave(e)
	}
	return k
}

func (k *Keystore) openssl(line string) {
	k.t.Helper()
	cmd := exec.Command("openssl", strings.Fields(line)...)
	cmd.Dir = k.Dir
	out, err := cmd.CombinedOutput()
	require.NoError(k.t, err, "%s", out)
}

// The documents of an enclave (DDS Security 1.1 § 9.4.1).
const (
	allDomains = `<domains><id_range><min>0</min><max>230</max></id_range></domains>`
	governance = `<?xml version="1.0" encoding="UTF-8"?><dds><domain_access_rules><domain_rule>` + allDomains +
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
		`<allow_rule>` + allDomains + `<publish><topics><topic>*</topic></topics></publish>` +
		`<subscribe><topics><topic>*</topic></topics></subscribe></allow_rule><default>DENY</default></grant></permissions></dds>`
)

func (k *Keystore) enclave(name string) {
	k.t.Helper()
	dir := "enclaves" + name
	require.NoError(k.t, os.MkdirAll(filepath.Join(k.Dir, dir), 0o700))
	k.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" + name[1:] + " -keyout " + dir + "/key.pem -out " + dir + "/csr.pem")
	k.openssl("x509 -req -days 2 -in " + dir + "/csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out " + dir + "/cert.pem")
	ca, err := os.ReadFile(filepath.Join(k.Dir, "ca.pem"))
	require.NoError(k.t, err)
	k.write(dir+"/identity_ca.cert.pem", string(ca))
	k.write(dir+"/permissions_ca.cert.pem", string(ca))
	for file, xml := range map[string]string{"governance": governance, "permissions": fmt.Sprintf(permissions, name[1:])} {
		k.write(dir+"/"+file+".xml", xml)
		k.openssl("smime -sign -text -in " + dir + "/" + file + ".xml -out " + dir + "/" + file + ".p7s -signer ca.pem -inkey ca.key")
	}
}

func (k *Keystore) write(file, text string) {
	k.t.Helper()
	require.NoError(k.t, os.WriteFile(filepath.Join(k.Dir, file), []byte(text), 0o600))
}
