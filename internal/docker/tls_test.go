package docker

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/tlstest"
)

// clientTLS makes a client's certificate.
func clientTLS(a *tlstest.Authority) TLS {
	a.IssueClient("client")
	return TLS{CA: a.Path("ca.pem"), Cert: a.Path("client.pem"), Key: a.Path("client-key.pem")}
}

func TestEngineOverTLS(t *testing.T) {
	t.Parallel()
	a := tlstest.NewAuthority(t)
	a.IssueServer("server")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "tcp://" + l.Addr().String()
	require.NoError(t, l.Close())
	own := dockertest.StartEngine(t, "--host", url, "--tlsverify", "--tlscacert", a.Path("ca.pem"),
		"--tlscert", a.Path("server.pem"), "--tlskey", a.Path("server-key.pem"))

	good, stranger := clientTLS(a), clientTLS(tlstest.NewAuthority(t))
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
	good := clientTLS(tlstest.NewAuthority(t))
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
