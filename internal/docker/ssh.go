package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SSH names the files of an ssh connection, in OpenSSH's formats.
type SSH struct {
	Key        string // private key, without a passphrase
	KnownHosts string // the host's public keys; no other host is spoken to
}

// dialStdio connects its standard streams with the engine's socket, wherever the
// far user's docker command has it.
const dialStdio = "docker system dial-stdio"

// sshTimeout bounds the making of a connection.
const sshTimeout = 20 * time.Second

// sshHost dials an engine by ssh. Each connection to the engine is an ssh
// connection of its own: they share no limits and no fate.
type sshHost struct {
	net    *net.Dialer
	addr   string
	socket string // path on the far side; empty asks the far docker command
	config *ssh.ClientConfig
}

// newSSHHost reads the files. The url is ssh://user@host[:port][/path/of.sock].
func newSSHHost(u *url.URL, s SSH, d *net.Dialer) (*sshHost, error) {
	if u.User.Username() == "" || u.Hostname() == "" {
		return nil, fmt.Errorf("url: %q is not ssh://user@host", u.Redacted())
	}
	b, err := os.ReadFile(s.Key)
	if err != nil {
		return nil, fmt.Errorf("ssh key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("ssh key: %s: %w", s.Key, err)
	}
	known, err := knownhosts.New(s.KnownHosts)
	if err != nil {
		return nil, fmt.Errorf("ssh known_hosts: %w", err)
	}
	addr := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "22"))
	kinds, err := knownKinds(known, addr, key.PublicKey())
	if err != nil {
		return nil, fmt.Errorf("ssh known_hosts: %s: %w", s.KnownHosts, err)
	}
	return &sshHost{net: d, addr: addr, socket: u.Path, config: &ssh.ClientConfig{
		User: u.User.Username(), Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: known, HostKeyAlgorithms: kinds,
	}}, nil
}

// knownKinds are the kinds of keys by which a host is known. The host must be
// asked for one of these: it may have others that nobody has noted. Any key
// will do to ask with.
func knownKinds(known ssh.HostKeyCallback, addr string, any ssh.PublicKey) ([]string, error) {
	err := known(addr, &net.TCPAddr{}, any)
	var unknown *knownhosts.KeyError
	if err == nil {
		return nil, nil
	}
	if !errors.As(err, &unknown) {
		return nil, err
	}
	if len(unknown.Want) == 0 {
		return nil, fmt.Errorf("host %s is not in it", addr)
	}
	var kinds []string
	for _, k := range unknown.Want {
		if kind := k.Key.Type(); kind == ssh.KeyAlgoRSA {
			kinds = append(kinds, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		} else {
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}

func (h *sshHost) dial(ctx context.Context) (net.Conn, error) {
	// A transport's context for dialing may have no end.
	ctx, cancel := context.WithTimeout(ctx, sshTimeout)
	defer cancel()
	raw, err := dialTCP(ctx, h.net, h.addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	conn, err := h.open(raw)
	if !stop() {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("ssh %s: %w", h.addr, err)
	}
	return conn, nil
}

// open makes the ssh connection and the way to the engine through it.
func (h *sshHost) open(raw net.Conn) (net.Conn, error) {
	c, chans, reqs, err := ssh.NewClientConn(raw, h.addr, h.config)
	if err != nil {
		return nil, err
	}
	cl := ssh.NewClient(c, chans, reqs)
	if h.socket != "" {
		conn, err := cl.Dial("unix", h.socket)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("socket %s: %w", h.socket, err), cl.Close())
		}
		return &sshConn{Conn: raw, client: cl, in: conn, out: conn}, nil
	}
	s, err := cl.NewSession()
	if err != nil {
		return nil, errors.Join(err, cl.Close())
	}
	conn := &sshConn{Conn: raw, client: cl}
	s.Stderr = &conn.said
	if conn.in, err = s.StdinPipe(); err == nil {
		if conn.out, err = s.StdoutPipe(); err == nil {
			err = s.Start(dialStdio)
		}
	}
	if err != nil {
		return nil, errors.Join(err, cl.Close())
	}
	return conn, nil
}

// shell runs a command on the machine of an engine that is reached by ssh.
func (e Endpoint) shell(ctx context.Context, command string) (string, error) {
	u, err := url.Parse(e.URL)
	if err != nil {
		return "", err
	}
	h, err := newSSHHost(u, e.SSH, &net.Dialer{Timeout: sshTimeout, Control: limitUnanswered})
	if err != nil {
		return "", err
	}
	raw, err := dialTCP(ctx, h.net, h.addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = raw.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	c, chans, reqs, err := ssh.NewClientConn(raw, h.addr, h.config)
	if err != nil {
		return "", fmt.Errorf("ssh %s: %w", h.addr, err)
	}
	cl := ssh.NewClient(c, chans, reqs)
	defer func() { _ = cl.Close() }()
	s, err := cl.NewSession()
	if err != nil {
		return "", fmt.Errorf("ssh %s: %w", h.addr, err)
	}
	said, err := s.Output(command)
	if err != nil {
		return "", fmt.Errorf("ssh %s: %s: %w", h.addr, command, err)
	}
	return string(said), nil
}

// sshConn is a connection to an engine within an ssh connection, whose end is
// the end of both.
type sshConn struct {
	net.Conn // of ssh, for the addresses
	client   *ssh.Client
	in       io.Writer
	out      io.Reader
	said     note
}

// Read says what the far command had to say when it ends: that there is no
// docker, or no right to use it.
func (c *sshConn) Read(b []byte) (int, error) {
	n, err := c.out.Read(b)
	if said := c.said.String(); errors.Is(err, io.EOF) && said != "" {
		err = fmt.Errorf("%s%s", dialStdio, said)
	}
	return n, err
}

func (c *sshConn) Write(b []byte) (int, error) { return c.in.Write(b) }

func (c *sshConn) Close() error { return c.client.Close() }

// The deadlines of what is inside are the contexts of its calls.

// SetDeadline does nothing.
func (c *sshConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (c *sshConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (c *sshConn) SetWriteDeadline(time.Time) error { return nil }

// note keeps the end of what is written to it by another goroutine.
type note struct {
	mu sync.Mutex
	tail
}

func (n *note) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.tail.Write(b)
}

// String is the last line for people, ": no such command"; empty without one.
func (n *note) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if line := n.line(); line != "" {
		return ": " + line
	}
	return ""
}
