package api

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/muster-fleet/muster/web"
)

func TestTheAppIsServed(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.App = fstest.MapFS{
			"index.html":          {Data: []byte("<title>app</title>")},
			"assets/app-1a2b.js":  {Data: []byte("1")},
			"favicon.svg":         {Data: []byte("<svg/>")},
			".gitkeep":            {},
			"assets/app-1a2b.css": {Data: []byte("x")},
		}
	})
	html := []string{"Accept", "text/html,*/*"}
	for _, tc := range []struct {
		target string
		accept []string
		status int
		body   string
		cache  string
	}{
		{"/", nil, 200, "<title>app</title>", "no-cache"},
		{"/robots/hall.r2", html, 200, "<title>app</title>", "no-cache"},
		{"/assets/app-1a2b.js", nil, 200, "1", "public, max-age=31536000, immutable"},
		{"/assets/gone.js", html, 404, "", "no-store"},
		{"/favicon.svg", nil, 200, "<svg/>", "no-cache"},
		{"/missing.png", []string{"Accept", "image/*"}, 404, "", "no-store"},
		{"/.gitkeep", nil, 404, "", "no-store"},
		{"/../../etc/passwd", nil, 404, "", "no-store"},
		{"/api/v2/robots", html, 404, "", "no-store"},
	} {
		rec := w.call("", "GET", tc.target, "", tc.accept...)
		assert.Equal(t, tc.status, rec.Code, tc.target)
		assert.Equal(t, tc.cache, rec.Header().Get("Cache-Control"), tc.target)
		if tc.body != "" {
			assert.Equal(t, tc.body, rec.Body.String())
		}
		assert.Contains(t, rec.Header().Get("Content-Security-Policy"), "default-src 'self'")
		assert.Equal(t, "nosniff", rec.Header().Get("X-Content-Type-Options"))
	}
	tag := w.call("", "GET", "/", "").Header().Get("ETag")
	assert.Equal(t, 304, w.call("", "GET", "/", "", "If-None-Match", tag).Code)
}

func TestWithoutABuildThePageSaysHow(t *testing.T) {
	w := newWorld(t)
	assert.Contains(t, w.call("", "GET", "/", "").Body.String(), "make web")
	// What is embedded is either a build or nothing; both are served.
	w = newWorld(t, func(o *Options) { o.App = web.App() })
	assert.Equal(t, 200, w.call("", "GET", "/", "").Code)
}
