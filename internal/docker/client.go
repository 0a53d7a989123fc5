package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/containerd/errdefs/pkg/errhttp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/moby/moby/client"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Options tune an engine's client. Zero fields take the defaults.
type Options struct {
	// CallTimeout bounds each call to an engine but pulls, stops and starts: 5 s.
	CallTimeout time.Duration
	// ListEvery is the period of the full list that makes good for events that
	// were missed, and that notices an engine that hangs: 5 s.
	ListEvery time.Duration
	// Stalled is how long a pull may be silent: 2 min. The engine tells of each
	// part that it receives or unpacks.
	Stalled time.Duration
	// Keychain has the registries' credentials; nil means anonymous.
	Keychain authn.Keychain
	// Signatures says which images must be signed, and by whom, before an engine
	// pulls them; nil asks none.
	Signatures *Signatures
	// Parallel, Mirror and Bandwidth are those of a site that Sites does not name.
	Parallel  int
	Mirror    string
	Bandwidth float64
	Sites     []Site
	// Relay serves the sites that have a bandwidth; nil when none has.
	Relay Relay
}

func (o Options) withDefaults() Options {
	if o.CallTimeout == 0 {
		o.CallTimeout = 5 * time.Second
	}
	if o.ListEvery == 0 {
		o.ListEvery = 5 * time.Second
	}
	if o.Stalled == 0 {
		o.Stalled = 2 * time.Minute
	}
	if o.Keychain == nil {
		o.Keychain = anonymous{}
	}
	return o
}

// anonymous is a keychain without any credential.
type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

// Client is one engine. It connects when it is first used.
type Client struct {
	endpoint  Endpoint
	opts      Options
	site      *site
	log       *slog.Logger
	transport *http.Transport
	checks    checks

	mu      sync.Mutex // guards session; never held during a call
	session *session
}

var _ rollout.Engine = (*Client)(nil)

// NewClient makes a client. The error names the field of the endpoint that is
// wrong.
func NewClient(e Endpoint, o Options, log *slog.Logger) (*Client, error) {
	t, err := e.transport()
	if err != nil {
		return nil, err
	}
	all, err := sites([]Endpoint{e}, o)
	if err != nil {
		return nil, err
	}
	return &Client{
		endpoint: e, opts: o.withDefaults(), site: all[e.Site], transport: t,
		log: log.With("engine", e.Name),
	}, nil
}

// Close closes idle connections. No call may be under way.
func (c *Client) Close() {
	c.set(nil)
	c.transport.CloseIdleConnections()
}

// session is an engine whose API version is agreed upon. An engine that went
// away and came back may speak another version, so it gets another session.
type session struct {
	*client.Client
	http *http.Client
	base string // of raw calls, "http://host/v1.41"

	version, api, os, arch string // of the engine
}

// connect negotiates the API version and asks for the engine's platform.
func (c *Client) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.CallTimeout)
	defer cancel()
	hc := &http.Client{Transport: c.transport, CheckRedirect: client.CheckRedirect}
	// In this order: the library's own transport would take a proxy from the
	// environment for a tcp:// address.
	cli, err := client.New(client.WithHost(c.endpoint.library()), client.WithHTTPClient(hc))
	if err != nil {
		return nil, err
	}
	if _, err := cli.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, err
	}
	v, err := cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return nil, err
	}
	return &session{
		Client: cli, http: hc, base: c.endpoint.base() + "/v" + cli.ClientVersion(),
		version: v.Version, api: cli.ClientVersion(), os: v.Os, arch: v.Arch,
	}, nil
}

// LiveRestore reports whether the engine's containers outlive its restart.
func (c *Client) LiveRestore(ctx context.Context) (bool, error) {
	s, err := c.get(ctx)
	if err != nil {
		return false, err
	}
	ctx, cancel := c.timed(ctx)
	defer cancel()
	info, err := s.Info(ctx, client.InfoOptions{})
	return info.Info.LiveRestoreEnabled, err
}

// get returns the session, connecting first where there is none.
func (c *Client) get(ctx context.Context) (*session, error) {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := c.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to engine %s: %w", c.endpoint.Name, err)
	}
	c.set(s)
	return s, nil
}

// set makes s the session of later calls; nil makes them connect anew.
func (c *Client) set(s *session) {
	c.mu.Lock()
	old := c.session
	c.session = s
	c.mu.Unlock()
	if old != nil && old != s {
		_ = old.Close()
	}
}

// timed is ctx with the deadline of an ordinary call.
func (c *Client) timed(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.opts.CallTimeout)
}

// post sends a body as it is. The client library's types know a fixed set of
// fields; a container's configuration must pass whole, fields of older and
// newer engines included.
func (s *session) post(ctx context.Context, path string, query url.Values, body, out any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path+"?"+query.Encode(), bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if b, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20)); err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return answered(resp.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// answered is the error in an engine's answer; errors.Is tells its class.
func answered(status int, body []byte) error {
	var m struct{ Message string }
	if json.Unmarshal(body, &m) != nil || m.Message == "" {
		m.Message = http.StatusText(status)
	}
	return &engineError{message: m.Message, class: errhttp.ToNative(status)}
}

type engineError struct {
	message string
	class   error
}

func (e *engineError) Error() string { return e.message }
func (e *engineError) Unwrap() error { return e.class }
