package app

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/config"
	"github.com/muster-fleet/muster/internal/tlstest"
)

func openedRelay(t *testing.T, c config.Relay) (*app, error) {
	t.Helper()
	a := &app{cfg: config.Config{Pull: config.Pull{Relay: c}}, log: slog.New(slog.DiscardHandler)}
	t.Cleanup(a.close)
	return a, a.openRelay(t.Context())
}

func TestTheRelaysAddress(t *testing.T) {
	a, err := openedRelay(t, config.Relay{})
	require.NoError(t, err)
	require.Nil(t, a.relay)
	require.Empty(t, a.relayed())
	repo, err := name.NewRepository("registry.example/nav")
	require.NoError(t, err)
	for _, c := range []struct{ listen, address, want string }{
		{"127.0.0.1:0", "", "127.0.0.1:"},
		{"localhost:0", "", "localhost:"},
		{"localhost:0", "muster.example:8481", "muster.example:8481/"},
	} {
		a, err := openedRelay(t, config.Relay{Listen: c.listen, Address: c.address})
		require.NoError(t, err)
		repository, _, end := a.relay.Lend("north", 1, "sha256:0", []name.Repository{repo})
		end()
		require.True(t, strings.HasPrefix(repository, c.want), repository)
		require.NotContains(t, repository, ":0/")
	}
}

func TestTheRelaysErrorsNameTheKey(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = openedRelay(t, config.Relay{Listen: l.Addr().String()})
	require.ErrorContains(t, err, "pull.relay.listen: ")
	_, err = openedRelay(t, config.Relay{Listen: "127.0.0.1:0", TLS: config.KeyPair{Cert: "/none", Key: "/none"}})
	require.ErrorContains(t, err, "pull.relay.tls: ")
}

// A certificate that is renewed under way is the one that engines see.
func TestTheRelaysCertificateIsReadAnew(t *testing.T) {
	old, renewed := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	old.IssueServer("relay")
	renewed.IssueServer("relay")
	a, err := openedRelay(t, config.Relay{
		Listen: "127.0.0.1:0", TLS: config.KeyPair{Cert: old.Path("relay.pem"), Key: old.Path("relay-key.pem")},
	})
	require.NoError(t, err)
	serving := startStage("relay", func(error) {}, a.relay.run)
	defer serving.stop()
	ask := func(c *tls.Config) error {
		resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}).
			Get("https://" + a.relay.listener.Addr().String() + "/v2/")
		if err == nil {
			require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
			err = resp.Body.Close()
		}
		return err
	}
	require.NoError(t, ask(old.Config("")))
	require.Error(t, ask(renewed.Config("")))
	for _, file := range []string{"relay.pem", "relay-key.pem"} {
		require.NoError(t, os.Rename(renewed.Path(file), old.Path(file)))
	}
	require.NoError(t, ask(renewed.Config("")))
}
