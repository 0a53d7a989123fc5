package relay

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// handler serves the part of the registry's API by which an image is pulled; see the
// OCI distribution specification, "Pull".
func (r *Relay) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/{$}", r.lent(func(http.ResponseWriter, *http.Request, *loan) error { return nil }))
	mux.HandleFunc("GET /v2/{path}/manifests/{digest}", r.lent(r.manifest))
	mux.HandleFunc("GET /v2/{path}/blobs/{digest}", r.lent(r.blob))
	return mux
}

// lent lets those pass who have a loan, to what it holds.
func (r *Relay) lent(serve func(http.ResponseWriter, *http.Request, *loan) error) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		user, password, _ := req.BasicAuth()
		l := r.loan(user)
		if l == nil || subtle.ConstantTimeCompare([]byte(password), []byte(l.password)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="muster"`)
			refuse(w, &refusal{http.StatusUnauthorized, "UNAUTHORIZED", "no pull is under way with this password"})
			return
		}
		if digest := req.PathValue("digest"); digest != "" {
			err := errNotLent
			if req.PathValue("path") == l.path {
				err = l.allows(req.Context(), digest)
			}
			if err != nil {
				refuse(w, err)
				return
			}
		}
		if err := serve(w, req, l); err != nil {
			refuse(w, err)
		}
	}
}

func (r *Relay) manifest(w http.ResponseWriter, req *http.Request, l *loan) error {
	digest := req.PathValue("digest")
	m, err := l.manifest(req.Context(), digest)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", m.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(m.body)))
	h.Set("Docker-Content-Digest", digest)
	if req.Method == http.MethodHead {
		return nil
	}
	if err := l.pace.hand(req.Context(), w, bytes.NewReader(m.body), func(error) {}); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// passed are the headers of a blob's answer that the engine is told.
var passed = []string{"Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Docker-Content-Digest", "Etag"}

func (r *Relay) blob(w http.ResponseWriter, req *http.Request, l *loan) error {
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	wanted := make(http.Header)
	if part := req.Header.Get("Range"); part != "" {
		wanted.Set("Range", part)
	}
	var resp *http.Response
	err := l.ask(ctx, func(s *source) (err error) {
		resp, err = s.get(ctx, req.Method, "blobs", req.PathValue("digest"), wanted) //nolint:bodyclose // below
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	for _, k := range passed {
		if v := resp.Header.Get(k); v != "" {
			w.Header().Set(k, v)
		}
	}
	w.WriteHeader(resp.StatusCode)
	if req.Method == http.MethodHead {
		return nil
	}
	err = l.pace.hand(req.Context(), w, resp.Body, cancel)
	if err == nil {
		return nil
	}
	var broken *brokenOff
	if errors.As(err, &broken) && req.Context().Err() == nil {
		r.opts.Log.Warn("a layer broke off; the engine goes on with it", "digest", req.PathValue("digest"), "err", err)
	}
	// The engine must not take what it has for the whole: it is cut off, and asks for
	// the rest.
	panic(http.ErrAbortHandler)
}

// refusal is an answer without what was asked for.
type refusal struct {
	status        int
	code, message string
}

func (r *refusal) Error() string { return r.message }

// refuse answers in the registries' form, of which engines show the message.
func refuse(w http.ResponseWriter, err error) {
	r := refused(err)
	body, _ := json.Marshal(map[string]any{"errors": []map[string]string{{"code": r.code, "message": r.message}}})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(r.status)
	_, _ = w.Write(body)
}

// refused tells what an error means for the engine: that the image is not there, or
// may not be read, or that another try may help.
func refused(err error) *refusal {
	var r *refusal
	var answer *transport.Error
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, errNotLent):
		return &refusal{http.StatusNotFound, "NAME_UNKNOWN", err.Error()}
	case !errors.As(err, &answer):
		return &refusal{http.StatusServiceUnavailable, "UNAVAILABLE", err.Error()}
	}
	switch answer.StatusCode {
	case http.StatusNotFound:
		return &refusal{http.StatusNotFound, "MANIFEST_UNKNOWN", err.Error()}
	case http.StatusUnauthorized, http.StatusForbidden:
		return &refusal{http.StatusForbidden, "DENIED", err.Error()}
	case http.StatusTooManyRequests:
		return &refusal{http.StatusTooManyRequests, "TOOMANYREQUESTS", err.Error()}
	default:
		return &refusal{http.StatusServiceUnavailable, "UNAVAILABLE", err.Error()}
	}
}
