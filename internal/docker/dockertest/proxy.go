package dockertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
)

// Proxy stands in front of an engine and passes everything on, streams and
// upgraded connections included, except where a rule says otherwise.
type Proxy struct {
	at   net.Addr
	stop context.CancelFunc
	done context.Context

	mu    sync.Mutex
	rules []*Rule
	calls []string
}

// Rule changes what becomes of the requests that it matches.
type Rule struct {
	Method string         // empty: every method
	Path   *regexp.Regexp // of the path without the API version; nil: every path
	Skip   int            // leave so many matching requests alone first
	Times  int            // act on so many; 0: on all

	// Called before the request is passed on, and when the whole reply was
	// received, before it is returned. Either may block, which delays the call.
	Before, After func(*http.Request)
	// Called when the call has come to its end, whatever that was.
	Ended func()

	// Late holds the request back until it is closed and passes it on then, also
	// when the caller has gone: so does a network that was away.
	Late <-chan struct{}

	Refuse bool   // cut the connection instead of passing the request on
	Lose   bool   // pass the request on, then cut the connection instead of replying
	Hang   bool   // never answer
	Status int    // answer with this status instead of passing the request on
	Body   string // with Status: the error's message
	CutAt  int    // cut the connection after so many bytes of the reply's body

	seen, acted int
}

var version = regexp.MustCompile(`^/v1\.\d+`)

// StartProxy starts a proxy in front of the engine at socket; it ends with the
// test.
//
// Rules are not for pulls, logs and other streams that are not read to their
// end, except Refuse, Hang, Status and CutAt.
func StartProxy(t testing.TB, socket string) *Proxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "proxy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	return StartProxyAt(t, l, socket)
}

// StartProxyAt starts a proxy that listens where l does.
func StartProxyAt(t testing.TB, l net.Listener, socket string) *Proxy {
	p := &Proxy{at: l.Addr()}
	p.done, p.stop = context.WithCancel(context.Background())
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	silent := log.New(io.Discard, "", 0)
	srv := &http.Server{Handler: p.handler(transport, silent), ErrorLog: silent}
	ended := make(chan struct{})
	go func() {
		_ = srv.Serve(l)
		close(ended)
	}()
	t.Cleanup(func() {
		p.stop()
		_ = srv.Close()
		<-ended
		transport.CloseIdleConnections()
	})
	return p
}

// URL is the proxy's address, unix:///… or tcp://….
func (p *Proxy) URL() string { return p.at.Network() + "://" + p.at.String() }

// Socket is the path of the proxy's socket, or its TCP address.
func (p *Proxy) Socket() string { return p.at.String() }

// Set replaces the rules. The first rule that matches a request acts on it.
func (p *Proxy) Set(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = nil
	for _, r := range rules {
		p.rules = append(p.rules, &r)
	}
}

// Calls returns "METHOD path" of each request so far, without the API version,
// and forgets them.
func (p *Proxy) Calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := p.calls
	p.calls = nil
	return calls
}

// match records the request and returns the rule that acts on it.
func (p *Proxy) match(r *http.Request) *Rule {
	path := version.ReplaceAllString(r.URL.Path, "")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, r.Method+" "+path)
	for _, rule := range p.rules {
		if rule.Method != "" && rule.Method != r.Method || rule.Path != nil && !rule.Path.MatchString(path) {
			continue
		}
		rule.seen++
		if rule.seen <= rule.Skip || rule.Times > 0 && rule.acted >= rule.Times {
			continue
		}
		rule.acted++
		return rule
	}
	return nil
}

// Held is a request that Hold has caught.
type Held struct {
	Reached <-chan struct{} // closed when it is caught
	Ended   <-chan struct{} // closed when it is answered, or given up

	once sync.Once
	end  chan struct{} // closed by Release
}

// Release lets the request, or its reply, go on.
func (h *Held) Release() { h.once.Do(func() { close(h.end) }) }

// When says on which side of the engine Hold catches a request.
type When bool

// The two sides.
const (
	BeforeEngine When = false // the engine has not seen the request
	AfterEngine  When = true  // the engine has done it, the caller does not know
)

// Hold replaces the rules with one that catches the first request of that
// method whose path, without the API version, matches. Kill the caller when it
// is Reached, and it has crashed at exactly this line. What is held when the
// caller goes away never reaches the engine.
func (p *Proxy) Hold(when When, method, path string) *Held { return p.HoldNext(0, when, method, path) }

// HoldNext is Hold for the request after skip others that match.
func (p *Proxy) HoldNext(skip int, when When, method, path string) *Held {
	reached, end, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	h := &Held{Reached: reached, Ended: ended, end: end}
	wait := func(r *http.Request) {
		close(reached)
		select {
		case <-end:
		case <-r.Context().Done():
		case <-p.done.Done():
		}
	}
	rule := Rule{Method: method, Path: regexp.MustCompile(path), Skip: skip, Times: 1, Ended: func() { close(ended) }}
	if when == AfterEngine {
		rule.After = wait
	} else {
		rule.Before = wait
	}
	p.Set(rule)
	return h
}

type ruleKey struct{}

var errLost = errors.New("reply lost on purpose")

func (p *Proxy) handler(transport http.RoundTripper, silent *log.Logger) http.Handler {
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "engine"})
		},
		Transport:      transport,
		FlushInterval:  -1, // streams pass at once
		ErrorLog:       silent,
		ModifyResponse: onReply,
		// A dead engine cuts connections; it does not answer 502.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rule := p.match(r)
		if rule == nil {
			forward.ServeHTTP(w, r)
			return
		}
		if rule.Ended != nil {
			defer rule.Ended()
		}
		// The server notices a client that goes away once the body is read.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if rule.Before != nil {
			rule.Before(r)
		}
		if rule.Late != nil {
			select {
			case <-rule.Late:
			case <-p.done.Done():
			}
			// One that can end: without, the reverse proxy looks for the caller.
			ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
			defer cancel()
			r = r.WithContext(ctx)
		}
		switch {
		case rule.Refuse:
			panic(http.ErrAbortHandler)
		case rule.Hang:
			select {
			case <-r.Context().Done():
			case <-p.done.Done():
			}
			panic(http.ErrAbortHandler)
		case rule.Status != 0:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(rule.Status)
			_, _ = io.WriteString(w, `{"message":"`+rule.Body+`"}`)
		default:
			forward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ruleKey{}, rule)))
		}
	})
}

// onReply does what a rule wants of a reply.
func onReply(resp *http.Response) error {
	rule, ok := resp.Request.Context().Value(ruleKey{}).(*Rule)
	if !ok {
		return nil
	}
	if rule.CutAt > 0 {
		resp.Body = &cutBody{ReadCloser: resp.Body, left: rule.CutAt}
		return nil
	}
	if rule.After == nil && !rule.Lose {
		return nil
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	if rule.After != nil {
		rule.After(resp.Request)
	}
	if rule.Lose {
		return errLost
	}
	return nil
}

// cutBody fails after left bytes.
type cutBody struct {
	io.ReadCloser
	left int
}

func (c *cutBody) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errLost
	}
	n, err := c.ReadCloser.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}
