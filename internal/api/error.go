package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/stream"
)

// Errors of the handlers.
var (
	errDraining = &unavailable{"the server stops"}
	errNoRoute  = &notFound{"there is no such address in this API"}
)

type (
	notFound     struct{ text string }
	forbidden    struct{ text string }
	conflict     struct{ text string }
	unavailable  struct{ text string }
	unauthorized struct{ err error }
	badType      struct{ text string }
)

func (e *notFound) Error() string     { return e.text }
func (e *forbidden) Error() string    { return e.text }
func (e *conflict) Error() string     { return e.text }
func (e *unavailable) Error() string  { return e.text }
func (e *unauthorized) Error() string { return e.err.Error() }
func (e *badType) Error() string      { return e.text }

func invalid(field, format string, args ...any) error {
	return &rollout.FieldError{Field: field, Why: fmt.Sprintf(format, args...)}
}

type errorBody struct {
	Code      string `json:"code"`
	Field     string `json:"field,omitempty"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
}

func statusOf(err error) int {
	status, _ := explain(err)
	return status
}

// explain is the one place where errors become statuses.
func explain(err error) (status int, b errorBody) {
	b.Message = err.Error()
	status, b.Code = classify(err)
	var field *rollout.FieldError
	if errors.As(err, &field) {
		b.Field = field.Field
	}
	if status == http.StatusInternalServerError {
		b.Message = "something went wrong in the server; its log has more under the request id"
	}
	return status, b
}

func classify(err error) (status int, code string) {
	var (
		locked   *rollout.LockedError
		field    *rollout.FieldError
		tooLarge *http.MaxBytesError
		http4    *echo.HTTPError
	)
	switch {
	case errors.As(err, &field):
		return http.StatusBadRequest, "invalid"
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, "invalid"
	case is[*badType](err):
		return http.StatusUnsupportedMediaType, "invalid"
	case errors.Is(err, rollout.ErrNotFound), is[*notFound](err):
		return http.StatusNotFound, "not_found"
	case errors.Is(err, rollout.ErrConflict), errors.As(err, &locked), errors.Is(err, rollout.ErrStale), is[*conflict](err):
		return http.StatusConflict, "conflict"
	case is[*unauthorized](err):
		return http.StatusUnauthorized, "unauthorized"
	case is[*forbidden](err), errors.Is(err, rollout.ErrForbidden):
		return http.StatusForbidden, "forbidden"
	case is[*unavailable](err), errors.Is(err, stream.ErrFull), errors.Is(err, rollout.ErrFenced), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable, "unavailable"
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout, "unavailable"
	case errors.As(err, &http4) && http4.Code == http.StatusNotFound:
		return http4.Code, "not_found"
	case errors.As(err, &http4) && http4.Code < http.StatusInternalServerError:
		return http4.Code, "invalid"
	default:
		return http.StatusInternalServerError, "internal"
	}
}

func is[T error](err error) bool {
	var t T
	return errors.As(err, &t)
}

// writeError replies with an error, as JSON below /api and as text elsewhere.
func (s *Server) writeError(err error, c echo.Context) {
	r, w := c.Request(), c.Response()
	status, body := explain(err)
	body.RequestID = callOf(r).id
	if status == http.StatusInternalServerError {
		s.opt.Log.Error("request ended in an unexpected error",
			"method", r.Method, "path", r.URL.Path, "request_id", body.RequestID, "err", err)
	}
	if w.Committed {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		http.Error(w, body.Message, status)
		return
	}
	if err := writeJSON(w, status, map[string]errorBody{"error": body}); err != nil {
		s.opt.Log.Debug("reply was not written", "request_id", body.RequestID, "err", err)
	}
}
