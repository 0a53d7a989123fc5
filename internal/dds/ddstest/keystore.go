package ddstest

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds"
)

// Keystore is a directory with enclaves, as `ros2 security create_enclave` makes
// them, and one authority for identities and permissions. It needs openssl.
type Keystore struct {
	Dir string

	t         testing.TB
	authority string // files AUTHORITY.key, AUTHORITY.pem
}

// NewKeystore makes one with enclaves ("/robot1") that may publish and subscribe to
// everything, in which nothing goes over the wire unencrypted.
func NewKeystore(t testing.TB, enclaves ...string) *Keystore {
	t.Helper()
	k := &Keystore{t: t, Dir: t.TempDir()}
	k.authority = filepath.Join(k.Dir, "ca")
	k.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout " +
		k.authority + ".key -out " + k.authority + ".pem")
	for _, e := range enclaves {
		k.Enclave(e, "*")
	}
	return k
}

func (k *Keystore) openssl(line string) {
	k.t.Helper()
	out, err := exec.Command("openssl", strings.Fields(line)...).CombinedOutput()
	require.NoError(k.t, err, "%s", out)
}

// sign writes an S/MIME document.
func (k *Keystore) sign(file, xml string) {
	k.t.Helper()
	require.NoError(k.t, os.WriteFile(file+".xml", []byte(xml), 0o600))
	k.openssl("smime -sign -text -in " + file + ".xml -out " + file + ".p7s -signer " + k.authority + ".pem -inkey " + k.authority + ".key")
}

// The documents of an enclave (DDS Security 1.1 § 9.4.1).
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
		`<validity><not_before>2020-01-01T00:00:00</not_before><not_after>%[3]s-01-01T00:00:00</not_after></validity>` +
		`<allow_rule>` + anyDomain + `<publish><topics>%[2]s</topics></publish><subscribe><topics><topic>*</topic></topics></subscribe></allow_rule>` +
		`<default>DENY</default></grant></permissions></dds>`
	anyDomain = `<domains><id_range><min>0</min><max>230</max></id_range></domains>`
)

// Enclave makes one that may publish the DDS topics and subscribe to all.
func (k *Keystore) Enclave(name string, publish ...string) *dds.Security {
	k.t.Helper()
	dir := filepath.Join(k.Dir, "enclaves", name)
	require.NoError(k.t, os.MkdirAll(dir, 0o700))
	file := func(name string) string { return filepath.Join(dir, name) }
	k.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=\\" + name + " -keyout " + file("key.pem") + " -out " + file("csr.pem"))
	k.Certify(dir, 2)
	ca, err := os.ReadFile(k.authority + ".pem")
	require.NoError(k.t, err)
	for _, name := range []string{"identity_ca.cert.pem", "permissions_ca.cert.pem"} {
		require.NoError(k.t, os.WriteFile(file(name), ca, 0o600))
	}
	k.sign(file("governance"), governance)
	k.Permit(dir, name, "2099", publish...)
	return &dds.Security{Keystore: k.Dir, Enclave: name}
}

// Certify signs an enclave's certificate, for so many days from now.
func (k *Keystore) Certify(dir string, days int) {
	k.t.Helper()
	k.openssl(fmt.Sprintf("x509 -req -days %d -in %s/csr.pem -CA %s.pem -CAkey %s.key -CAcreateserial -out %s/cert.pem", days, dir, k.authority, k.authority, dir))
}

// Permit signs an enclave's permissions, valid until the year begins.
func (k *Keystore) Permit(dir, name, until string, publish ...string) {
	k.t.Helper()
	k.sign(filepath.Join(dir, "permissions"), fmt.Sprintf(permissions, name, "<topic>"+strings.Join(publish, "</topic><topic>")+"</topic>", until))
}

// Revoke tells one enclave that another's certificate is no longer good.
func (k *Keystore) Revoke(teller, revoked *dds.Security) {
	k.t.Helper()
	pair, err := tls.LoadX509KeyPair(k.authority+".pem", k.authority+".key")
	require.NoError(k.t, err)
	pair.Leaf.KeyUsage |= x509.KeyUsageCRLSign // its certificate forbids nothing
	bad, err := tls.LoadX509KeyPair(Directory(revoked)+"/cert.pem", Directory(revoked)+"/key.pem")
	require.NoError(k.t, err)
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: bad.Leaf.SerialNumber, RevocationTime: time.Now().Add(-time.Hour)}},
	}, pair.Leaf, pair.PrivateKey.(crypto.Signer))
	require.NoError(k.t, err)
	list := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
	require.NoError(k.t, os.WriteFile(filepath.Join(Directory(teller), "crl.pem"), list, 0o600))
}

// Directory is where an enclave's files lie.
func Directory(s *dds.Security) string { return filepath.Join(s.Keystore, "enclaves", s.Enclave) }
