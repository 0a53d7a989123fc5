package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/muster-fleet/muster/internal/config"
	relays "github.com/muster-fleet/muster/internal/relay"
)

// relay is the relay and where it listens.
type relay struct {
	*relays.Relay
	listener net.Listener
}

func (r *relay) run(ctx context.Context) error { return r.Run(ctx, r.listener) }

// openRelay opens what engines pull from whose site has a bandwidth.
func (a *app) openRelay(ctx context.Context) error {
	c := a.cfg.Pull.Relay
	if c.Listen == "" {
		return nil
	}
	identity, err := serverTLS("pull.relay.tls", c.TLS)
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("pull.relay.listen: %w", err)
	}
	a.onClose(func() { _ = l.Close() })
	a.relay = &relay{listener: l, Relay: relays.New(relays.Options{
		Address: cmp.Or(c.Address, addressOf(c.Listen, l)), TLS: identity, Keychain: credentials(a.cfg.Pull), Log: a.log,
	})}
	return nil
}

// addressOf is what a listener is called: the host that was given, with the port that
// it got.
func addressOf(listen string, l net.Listener) string {
	host, _, _ := net.SplitHostPort(listen)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return net.JoinHostPort(host, port)
}

// relayed is how many bytes each site had from the relay.
func (a *app) relayed() map[string]uint64 {
	if a.relay == nil {
		return nil
	}
	return a.relay.Sent()
}

// serverTLS makes a server's TLS configuration; nil when no file is named. The files
// are read anew for each connection, so a certificate may be renewed under way.
func serverTLS(field string, c config.KeyPair) (*tls.Config, error) {
	if c == (config.KeyPair{}) {
		return nil, nil
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field, err)
		}
		return &pair, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return load() },
	}, nil
}
