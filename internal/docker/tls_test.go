package docker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/fleet"
)

// authority is a certificate authority of a site's own.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// issue writes NAME.pem and NAME-key.pem.
func (a *authority) issue(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	c, err = x509.ParseCertificate(der)
	require.NoError(a.t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	require.NoError(a.t, err)
	for file, block := range map[string]*pem.Block{
		name + ".pem":     {Type: "CERTIFICATE", Bytes: der},
		name + "-key.pem": {Type: "EC PRIVATE KEY", Bytes: secret},
	} {
		require.NoError(a.t, os.WriteFile(a.path(file), pem.EncodeToMemory(block), 0o600))
	}
	return c, key
}

func (a *authority) client() TLS {
	a.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return TLS{CA: a.path("ca.pem"), Cert: a.path("client.pem"), Key: a.path("client-key.pem")}
}

func TestEngineOverTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.issue("server", &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "tcp://" + l.Addr().String()
	require.NoError(t, l.Close())
	own := dockertest.StartEngine(t, "--host", url, "--tlsverify", "--tlscacert", a.path("ca.pem"),
		"--tlscert", a.path("server.pem"), "--tlskey", a.path("server-key.pem"))

	good, stranger := a.client(), newAuthority(t).client()
	stranger.CA = good.CA
	f := follow(t, Options{}, Endpoint{Name: "good", URL: url, TLS: good},
		Endpoint{Name: "plain", URL: url}, Endpoint{Name: "stranger", URL: url, TLS: stranger})
	f.state("good", fleet.EngineUp)
	f.state("plain", fleet.EngineDown)
	f.state("stranger", fleet.EngineDown)
	require.Contains(t, f.engine("stranger").Error, "certificate")

	r := newRigAt(t, own, own.URL(), dockertest.Image{}, dockertest.Image{})
	r.run(agent())
	c, err := NewClient(Endpoint{Name: "e", URL: url, TLS: good}, Options{}, testLog(t))
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Replace(r.ctx(), r.t1, isReady)) // raw calls go over TLS, too
	require.NoError(t, c.Commit(r.ctx(), r.t1))
}

func TestEndpointErrorsNameTheField(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	good := newAuthority(t).client()
	for says, e := range map[string]Endpoint{
		"without a name":         {URL: "unix:///x"},
		"engine e: url: ":        {Name: "e", URL: "http://robot"},
		"is not ssh://user@host": {Name: "e", URL: "ssh://robot"},
		"ssh key: open":          {Name: "e", URL: "ssh://u@robot", SSH: SSH{Key: "/none"}},
		"ssh key: " + empty:      {Name: "e", URL: "ssh://u@robot", SSH: SSH{Key: empty}},
		"engine e: tls: needs":   {Name: "e", URL: "unix:///x", TLS: good},
		"engine e: tls ca: open": {Name: "e", URL: "tcp://h:1", TLS: TLS{CA: "/none"}},
		"tls ca: no certificate": {Name: "e", URL: "tcp://h:1", TLS: TLS{CA: empty}},
		"tls cert and key":       {Name: "e", URL: "tcp://h:1", TLS: TLS{CA: good.CA, Cert: empty, Key: empty}},
	} {
		_, err := NewClient(e, Options{}, testLog(t))
		require.ErrorContains(t, err, says)
	}
	twice := []Endpoint{{Name: "e", URL: "unix:///x"}, {Name: "e", URL: "unix:///y"}}
	_, err := NewEngines(twice, func(fleet.EngineObserved) {}, Options{}, testLog(t))
	require.ErrorContains(t, err, "engine e: name: is given twice")
}
