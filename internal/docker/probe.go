package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/muster-fleet/muster/internal/rollout"
)

// Limits of a check.
const (
	checkTimeout = 5 * time.Second
	maxOutput    = 200 // bytes of an answer that are shown
)

// Probe asks one check of the container in the target's place, once: by a
// command in it, or by a GET from here.
func (c *Client) Probe(ctx context.Context, t rollout.Target, k rollout.Check) rollout.Gate {
	timeout := time.Duration(k.Timeout)
	if timeout == 0 {
		timeout = checkTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ask := c.get2xx
	if len(k.Command) > 0 {
		ask = c.exec
	}
	outcome, reason := ask(ctx, t, k)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		outcome, reason = rollout.GateError, fmt.Sprintf("no answer within %v", timeout)
	}
	return rollout.Gate{Name: k.Name, Outcome: outcome, Reason: reason}
}

// exec runs the command in the container.
func (c *Client) exec(ctx context.Context, t rollout.Target, k rollout.Check) (rollout.Outcome, string) {
	failed := func(err error) (rollout.Outcome, string) { return rollout.GateError, err.Error() }
	s, err := c.get(ctx)
	if err != nil {
		return failed(err)
	}
	key := t.Container + "\n" + k.Name
	if id := c.checks.get(key); id != "" {
		// The engine cannot end a command; one that hangs must not be joined by
		// more of its kind.
		is, err := s.ExecInspect(ctx, id, client.ExecInspectOptions{})
		switch {
		case err == nil && is.Running:
			return rollout.GateError, fmt.Sprintf("the command of an earlier check still runs (process %d)", is.PID)
		case err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err):
			return failed(err)
		}
		c.checks.set(key, "")
	}
	made, err := s.ExecCreate(ctx, t.Container, client.ExecCreateOptions{Cmd: k.Command, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return failed(err)
	}
	c.checks.set(key, made.ID)
	stream, err := s.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return failed(err)
	}
	stop := context.AfterFunc(ctx, stream.Close)
	defer func() {
		if stop() {
			stream.Close()
		}
	}()
	var said tail
	if _, err := stdcopy.StdCopy(&said, &said, stream.Reader); err != nil {
		return failed(err)
	}
	is, err := s.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
	switch {
	case err != nil:
		return failed(err)
	case is.Running:
		return rollout.GateError, "the command closed its output and did not end"
	}
	c.checks.set(key, "")
	if is.ExitCode == 0 {
		return rollout.Pass, or(said.line(), "exit code 0")
	}
	return rollout.Fail, strings.TrimSuffix(fmt.Sprintf("exit code %d: %s", is.ExitCode, said.line()), ": ")
}

// checks are the commands that were started and are not known to have ended:
// the id of an exec by container and check.
type checks struct {
	mu  sync.Mutex // guards ids
	ids map[string]string
}

func (c *checks) get(key string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ids[key]
}

// set notes a command; an empty id forgets it.
func (c *checks) set(key, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id == "" {
		delete(c.ids, key)
		return
	}
	if c.ids == nil {
		c.ids = make(map[string]string)
	}
	c.ids[key] = id
}

// get2xx gets the check's URL.
func (c *Client) get2xx(ctx context.Context, t rollout.Target, k rollout.Check) (rollout.Outcome, string) {
	address := strings.NewReplacer("{host}", c.endpoint.host(), "{robot}", url.PathEscape(t.Robot)).Replace(k.HTTP)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return rollout.GateError, err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return rollout.Fail, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var said tail
	_, _ = io.Copy(&said, io.LimitReader(resp.Body, 1<<20)) // an answer that is cut off was given
	if resp.StatusCode/100 == 2 {
		return rollout.Pass, resp.Status
	}
	return rollout.Fail, strings.TrimSuffix(resp.Status+": "+said.line(), ": ")
}

// host is the name or address of the engine's machine.
func (e Endpoint) host() string {
	u, err := url.Parse(e.URL)
	if err != nil || u.Scheme == "unix" {
		return "127.0.0.1"
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = net.JoinHostPort(host, "")
		return strings.TrimSuffix(host, ":")
	}
	return host
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - 2*maxOutput; over > 0 {
		t.b = t.b[over:]
	}
	return len(p), nil
}

// line is the last line, cut to what is shown.
func (t *tail) line() string {
	b := bytes.TrimSpace(t.b)
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		b = b[i+1:]
	}
	if over := len(b) - maxOutput; over > 0 {
		b = b[over:]
	}
	return strings.ToValidUTF8(string(b), "?")
}
