// Package web carries the built operator's app inside the binary. The app's
// sources lie beside it; the build puts its output into dist. Without a build
// dist is empty, and the server says how to make one.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// App is the built app: index.html and its assets, or nearly nothing.
func App() fs.FS {
	app, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the directory is part of this package
	}
	return app
}
