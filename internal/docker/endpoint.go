package docker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"
)

// Endpoint says how one engine is reached.
type Endpoint struct {
	Name string // unique, as the inventory and the plan call the engine
	// URL is unix:///path, tcp://host:port or ssh://user@host[:port][/path]. By
	// ssh the far docker command finds the engine, unless the path of its socket
	// is given.
	URL string
	TLS TLS // for tcp; zero means plain TCP
	SSH SSH // for ssh
	// Site is the place whose network the engine shares with others; see
	// Options.Parallel.
	Site string
}

// TLS names the files of a mutual TLS connection (PEM).
type TLS struct {
	CA, Cert, Key string
}

// dialer opens a connection to an engine.
type dialer func(ctx context.Context) (net.Conn, error)

// transport is an HTTP transport to the endpoint. Connections that idle are
// closed, and dead ones are noticed by TCP keep-alive.
func (e Endpoint) transport() (*http.Transport, error) {
	if e.Name == "" {
		return nil, errors.New("engine without a name")
	}
	u, err := url.Parse(e.URL)
	if err != nil {
		return nil, fmt.Errorf("engine %s: url: %w", e.Name, err)
	}
	dial, err := e.dialer(u)
	if err != nil {
		return nil, fmt.Errorf("engine %s: %w", e.Name, err)
	}
	t := &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxIdleConns:        6,
		IdleConnTimeout:     30 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
		DisableCompression:  true,
	}
	if e.TLS != (TLS{}) {
		if u.Scheme != "tcp" {
			return nil, fmt.Errorf("engine %s: tls: needs a tcp:// url", e.Name)
		}
		if t.TLSClientConfig, err = e.TLS.config(); err != nil {
			return nil, fmt.Errorf("engine %s: %w", e.Name, err)
		}
	}
	return t, nil
}

func (e Endpoint) dialer(u *url.URL) (dialer, error) {
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second, Control: limitUnanswered}
	switch {
	case u.Scheme == "unix" && u.Host == "" && u.Path != "":
		return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "unix", u.Path) }, nil
	case u.Scheme == "tcp" && u.Port() != "" && u.Path == "":
		return func(ctx context.Context) (net.Conn, error) { return dialTCP(ctx, d, u.Host) }, nil
	case u.Scheme == "ssh":
		h, err := newSSHHost(u, e.SSH, d)
		if err != nil {
			return nil, err
		}
		return h.dial, nil
	default:
		return nil, fmt.Errorf("url: %q is none of unix:///path, tcp://host:port, ssh://user@host", e.URL)
	}
}

// unanswered is how long a connection may go without the far side's
// acknowledgement of what was sent.
const unanswered = 10 * time.Second

// limitUnanswered sets it. The system itself goes on sending for a quarter of an
// hour: a request would reach an engine that comes back long after it was given
// up.
func limitUnanswered(network, _ string, c syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unanswered.Milliseconds()))
	}); cerr != nil {
		return cerr
	}
	return err
}

// dialTCP opens a connection that is dropped when it is closed: what was not yet
// sent is not sent any more.
func dialTCP(ctx context.Context, d *net.Dialer, addr string) (net.Conn, error) {
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if t, ok := c.(*net.TCPConn); ok {
		if err := t.SetLinger(0); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	return c, nil
}

// library is the address that the client library is given. It knows no ssh and
// dials nothing itself.
func (e Endpoint) library() string {
	if strings.HasPrefix(e.URL, "ssh://") {
		return "http://" + client.DummyHost
	}
	return e.URL
}

// base is the first part of the URLs of raw calls.
func (e Endpoint) base() string {
	addr, tcp := strings.CutPrefix(e.URL, "tcp://")
	switch {
	case !tcp:
		return "http://" + client.DummyHost
	case e.TLS == (TLS{}):
		return "http://" + addr
	default:
		return "https://" + addr
	}
}

func (t TLS) config() (*tls.Config, error) {
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, fmt.Errorf("tls ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls ca: no certificate in %s", t.CA)
	}
	cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("tls cert and key: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: []tls.Certificate{cert}}, nil
}
