package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/muster-fleet/muster/internal/stream"
)

// maxBody bounds a request's body.
const maxBody = 1 << 20

// AuditEntry is one mutating call: who asked for what, and how it ended.
type AuditEntry struct {
	Time      time.Time   `json:"time"`
	RequestID string      `json:"request_id"`
	User      stream.User `json:"user"` // empty when not authenticated
	Remote    string      `json:"remote"`
	Method    string      `json:"method"`
	Path      string      `json:"path"`
	Detail    string      `json:"detail,omitempty"` // what was asked, in words
	Status    int         `json:"status"`           // of the reply
	Outcome   string      `json:"outcome"`          // done, or what was wrong
}

// call is what is known of the request being served. It belongs to the
// request's goroutine.
type call struct {
	id     string
	user   stream.User
	detail string
}

type callKey struct{}

func callOf(r *http.Request) *call {
	if c, ok := r.Context().Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// surround is around every request: its id, the security headers, and what the
// metrics want to know.
func (s *Server) surround(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		r := c.Request()
		cl := &call{id: requestID(r)}
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), callKey{}, cl)))
		securityHeaders(c.Response().Header(), cl.id)
		if err := s.recovered(next, c); err != nil {
			c.Error(err)
		}
		if s.opt.Observe != nil {
			s.opt.Observe(r.Method, c.Path(), c.Response().Status, time.Since(start))
		}
		return nil
	}
}

func (s *Server) recovered(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return next(c)
}

var goodID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// requestID is the id that a proxy gave, or a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); goodID.MatchString(id) {
		return id
	}
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// securityHeaders suit the app, which has no inline script or style and runs a
// worker, and keep the rest from being framed or guessed at.
func securityHeaders(h http.Header, id string) {
	h.Set("X-Request-Id", id)
	h.Set("Content-Security-Policy", "default-src 'self'; worker-src 'self' blob:; img-src 'self' data: blob:; "+
		"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// handle is what every route of the API goes through.
func (s *Server) handle(rt route) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		ctx, cancel := rt.timeout(r.Context())
		defer cancel()
		r = r.WithContext(ctx)
		for _, name := range c.ParamNames() {
			r.SetPathValue(name, c.Param(name))
		}
		w := c.Response()
		if !rt.socket {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			if strings.HasPrefix(rt.path, "/api/") {
				w.Header().Set("Cache-Control", "no-store")
			}
		}
		err := s.allow(&rt, r)
		if err == nil {
			err = rt.handler(w, r)
		}
		if rt.audited {
			s.audit(r, w, err)
		}
		return err
	}
}

// allow checks that the request comes from a place and a user that may.
func (s *Server) allow(rt *route, r *http.Request) error {
	if err := s.checkOrigin(rt, r); err != nil {
		return err
	}
	if rt.role == "" {
		return nil
	}
	user, err := s.opt.Auth.Authenticate(r)
	if err != nil {
		return &unauthorized{err}
	}
	callOf(r).user = user
	return needRole(r, rt.role)
}

// needRole checks the role of the request's user.
func needRole(r *http.Request, role stream.Role) error {
	if user := callOf(r).user; !user.Role.AtLeast(role) {
		return &forbidden{fmt.Sprintf("this needs the role %s; %s has %s", role, user.Name, user.Role)}
	}
	return nil
}

// checkOrigin keeps other sites' pages from using a browser's reach: they may
// neither change anything nor open a stream.
func (s *Server) checkOrigin(rt *route, r *http.Request) error {
	if rt.socket {
		// Unlike fetch, a WebSocket is a GET that any page may open.
		probe := r.Clone(r.Context())
		probe.Method = http.MethodPost
		r = probe
	}
	if err := s.origins.Check(r); err != nil {
		return &forbidden{fmt.Sprintf("origin %q is not allowed", r.Header.Get("Origin"))}
	}
	return nil
}

func (s *Server) audit(r *http.Request, w *echo.Response, err error) {
	if s.opt.Audit == nil {
		return
	}
	cl := callOf(r)
	e := AuditEntry{
		Time: time.Now().UTC(), RequestID: cl.id, User: cl.user, Remote: r.RemoteAddr,
		Method: r.Method, Path: r.URL.Path, Detail: cl.detail, Status: w.Status, Outcome: "done",
	}
	if err != nil {
		e.Status, e.Outcome = statusOf(err), err.Error()
	}
	s.opt.Audit(context.WithoutCancel(r.Context()), e)
}
