package engine

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/moby/moby/api/types/container"
)

// apiVersion is that of Docker Engine 20.10, the oldest that is supported.
const apiVersion = "1.41"

func asTransport(err error, t **transport.Error) bool { return errors.As(err, t) }

// call answers a request with a status and a JSON value; nil has no body.
type call func(r *http.Request) (status int, body any, err error)

func (e *Engine) handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, c call) { mux.Handle(pattern, answer(c)) }
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", apiVersion)
		w.Header().Set("Ostype", "linux")
		_, _ = w.Write([]byte("OK"))
	})
	handle("GET /version", func(*http.Request) (int, any, error) {
		return http.StatusOK, map[string]any{
			"Version": "muster-sim", "ApiVersion": apiVersion, "MinAPIVersion": "1.24", "Os": "linux", "Arch": runtime.GOARCH,
		}, nil
	})
	handle("GET /info", func(*http.Request) (int, any, error) {
		return http.StatusOK, map[string]any{"Name": e.opt.Name, "OSType": "linux", "ServerVersion": "muster-sim"}, nil
	})
	mux.HandleFunc("GET /events", e.serveEvents)
	handle("GET /containers/json", e.serveList)
	handle("POST /containers/create", e.serveCreate)
	handle("GET /containers/{id}/json", func(r *http.Request) (int, any, error) {
		c, err := e.inspect(r.PathValue("id"))
		return http.StatusOK, c, err
	})
	handle("POST /containers/{id}/start", func(r *http.Request) (int, any, error) {
		already, err := e.start(r.PathValue("id"))
		return changed(already), nil, err
	})
	handle("POST /containers/{id}/stop", e.serveStop)
	handle("POST /containers/{id}/kill", func(r *http.Request) (int, any, error) {
		_, err := e.stop(r.Context(), r.PathValue("id"), 0)
		return http.StatusNoContent, nil, err
	})
	handle("POST /containers/{id}/rename", func(r *http.Request) (int, any, error) {
		return http.StatusNoContent, nil, e.rename(r.PathValue("id"), r.URL.Query().Get("name"))
	})
	handle("POST /containers/{id}/update", e.serveUpdate)
	handle("DELETE /containers/{id}", func(r *http.Request) (int, any, error) {
		return http.StatusNoContent, nil, e.remove(r.PathValue("id"), isTrue(r, "force"))
	})
	mux.HandleFunc("POST /images/create", e.servePull)
	handle("GET /images/json", func(*http.Request) (int, any, error) { return http.StatusOK, e.listImages(), nil })
	handle("GET /images/{path...}", func(r *http.Request) (int, any, error) {
		ref, ok := strings.CutSuffix(r.PathValue("path"), "/json")
		if !ok {
			return 0, nil, errorf(http.StatusNotFound, "page not found")
		}
		i, err := e.inspectImage(ref)
		return http.StatusOK, i, err
	})
	handle("DELETE /images/{path...}", func(r *http.Request) (int, any, error) {
		return http.StatusOK, []any{}, e.removeImage(r.PathValue("path"))
	})
	return unversioned(mux)
}

var version = regexp.MustCompile(`^/v\d+\.\d+/`)

// unversioned takes the version off a path: there is but one.
func unversioned(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path, r.URL.RawPath = version.ReplaceAllString(r.URL.Path, "/"), ""
		h.ServeHTTP(w, r)
	})
}

func answer(c call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, body, err := c(r)
		if err != nil {
			fail(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if body != nil {
			_ = json.NewEncoder(w).Encode(body)
		}
	})
}

func fail(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	if s := new(statusError); errors.As(err, &s) {
		code = s.code
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": err.Error()})
}

func changed(already bool) int {
	if already {
		return http.StatusNotModified
	}
	return http.StatusNoContent
}

func isTrue(r *http.Request, key string) bool {
	v := r.URL.Query().Get(key)
	return v == "1" || v == "true"
}

// filters reads the query's filters, {"label":{"a=b":true}}.
func filters(r *http.Request) (map[string]map[string]bool, error) {
	f := make(map[string]map[string]bool)
	text := r.URL.Query().Get("filters")
	if text == "" {
		return f, nil
	}
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return nil, errorf(http.StatusBadRequest, "filters: %v", err)
	}
	return f, nil
}

func (e *Engine) serveList(r *http.Request) (int, any, error) {
	f, err := filters(r)
	if err != nil {
		return 0, nil, err
	}
	all := isTrue(r, "all")
	e.mu.Lock()
	defer e.mu.Unlock()
	list := []container.Summary{}
	for _, b := range e.containers {
		if (all || b.process != nil) && b.matches(f) {
			list = append(list, b.summary())
		}
	}
	slices.SortFunc(list, func(a, b container.Summary) int { return cmp.Compare(a.ID, b.ID) })
	return http.StatusOK, list, nil
}

// matches reports whether a container has one of each filter's values; a label
// must match them all.
func (b *box) matches(f map[string]map[string]bool) bool {
	for want := range f["label"] {
		key, value, exact := strings.Cut(want, "=")
		if has, ok := b.config.Labels[key]; !ok || exact && has != value {
			return false
		}
	}
	return anyOf(f["name"], b.named) &&
		anyOf(f["id"], func(s string) bool { return strings.HasPrefix(b.id, s) }) &&
		anyOf(f["status"], func(s string) bool { return s == string(b.state) })
}

// named matches a pattern with the name, with its slash or without, as the Engine
// does.
func (b *box) named(pattern string) bool {
	re, err := regexp.Compile(pattern)
	return err == nil && (re.MatchString("/"+b.name) || re.MatchString(b.name))
}

func anyOf(values map[string]bool, match func(string) bool) bool {
	for v := range values {
		if match(v) {
			return true
		}
	}
	return len(values) == 0
}

func (e *Engine) serveCreate(r *http.Request) (int, any, error) {
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return 0, nil, errorf(http.StatusBadRequest, "invalid JSON: %v", err)
	}
	b, err := e.create(r.URL.Query().Get("name"), req)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, map[string]any{"Id": b.id, "Warnings": []string{}}, nil
}

func (e *Engine) serveStop(r *http.Request) (int, any, error) {
	grace := 10 * time.Second
	if t := r.URL.Query().Get("t"); t != "" {
		s, err := strconv.Atoi(t)
		if err != nil {
			return 0, nil, errorf(http.StatusBadRequest, "t: %q is not a number of seconds", t)
		}
		grace = time.Duration(s) * time.Second
	}
	already, err := e.stop(r.Context(), r.PathValue("id"), grace)
	return changed(already), nil, err
}

func (e *Engine) serveUpdate(r *http.Request) (int, any, error) {
	var req container.UpdateConfig
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return 0, nil, errorf(http.StatusBadRequest, "invalid JSON: %v", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	b, err := e.get(r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	host := *b.host
	host.RestartPolicy = req.RestartPolicy
	b.host = &host
	return http.StatusOK, map[string]any{"Warnings": []string{}}, nil
}

func (e *Engine) servePull(w http.ResponseWriter, r *http.Request) {
	ref, tag := r.URL.Query().Get("fromImage"), r.URL.Query().Get("tag")
	switch {
	case strings.HasPrefix(tag, "sha256:"):
		ref += "@" + tag
	case tag != "":
		ref += ":" + tag
	}
	if err := e.pull(r.Context(), ref); err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "Status: Downloaded newer image for " + ref})
}

func (e *Engine) serveEvents(w http.ResponseWriter, r *http.Request) {
	f, err := filters(r)
	if err != nil {
		fail(w, err)
		return
	}
	if types := f["type"]; len(types) > 0 && !types["container"] {
		<-r.Context().Done()
		return
	}
	events, end := e.watch()
	defer end()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	flusher := http.NewResponseController(w)
	_ = flusher.Flush()
	enc := json.NewEncoder(w)
	for {
		select {
		case <-r.Context().Done():
			return
		case m, ok := <-events:
			if !ok || enc.Encode(m) != nil || flusher.Flush() != nil {
				return
			}
		}
	}
}
