package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// noApp is shown while the web app has not been built.
const noApp = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Muster</title>
<h1>The web app is not built into this binary</h1>
<p>Build it with <code>make web</code> and build the binary again. The API is at
<a href="/api/v1/openapi.yaml">/api/v1/openapi.yaml</a>.</p>
</html>
`

// webApp serves the built app: hashed assets for ever, everything else fresh,
// and index.html for the app's own addresses.
type webApp struct {
	files    fs.FS
	index    []byte
	indexTag string
}

func newWebApp(files fs.FS) *webApp {
	a := &webApp{files: files, index: []byte(noApp)}
	if files != nil {
		if b, err := fs.ReadFile(files, "index.html"); err == nil {
			a.index = b
		}
	}
	sum := sha256.Sum256(a.index)
	a.indexTag = `"` + hex.EncodeToString(sum[:8]) + `"`
	return a
}

func (a *webApp) serve(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if name != "" && name != "index.html" && a.files != nil {
		b, err := fs.ReadFile(a.files, name)
		if err == nil && !strings.HasPrefix(path.Base(name), ".") {
			a.serveFile(w, r, name, b)
			return nil
		}
		var missing *fs.PathError
		if err != nil && !errors.As(err, &missing) {
			return err
		}
	}
	// A page that a person opens is the app's; a missing file is missing.
	if strings.HasPrefix(name, "assets/") || name != "" && !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return &notFound{"there is no file " + name}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", a.indexTag)
	http.ServeContent(w, r, "index.html", time.Time{}, bytes.NewReader(a.index))
	return nil
}

func (a *webApp) serveFile(w http.ResponseWriter, r *http.Request, name string, b []byte) {
	w.Header().Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "assets/") { // their names hold a hash
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}
