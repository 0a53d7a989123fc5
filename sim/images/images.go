// Package images makes the simulated robots' container images without any base:
// the running program, the shared libraries that it needs, and a configuration
// for each version. It also holds the registry that serves them to engines on
// this host. Registry.Close ends the registry's goroutine.
package images

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Program is where the program lies in an image.
const Program = "/muster-sim"

// Layer is the one layer that all versions share: the program and its libraries
// at the paths at which this system has them.
func Layer(program string) (v1.Layer, error) {
	files, err := libraries(program)
	if err != nil {
		return nil, err
	}
	files[Program] = program
	blob, err := pack(files)
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", program, err)
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(blob)), nil })
}

// libraries maps the paths inside the image to files of this system, as the
// dynamic linker resolves them.
func libraries(program string) (map[string]string, error) {
	out, err := exec.Command("ldd", program).CombinedOutput()
	if err != nil {
		if bytes.Contains(out, []byte("not a dynamic executable")) {
			return map[string]string{}, nil
		}
		return nil, fmt.Errorf("find the libraries of %s: %w: %s", program, err, out)
	}
	files := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path := strings.TrimSpace(line)
		if _, resolved, ok := strings.Cut(path, " => "); ok {
			path = resolved
		}
		if path, _, _ = strings.Cut(path, " ("); strings.HasPrefix(path, "/") {
			files[path] = path
		} else if strings.Contains(line, "not found") {
			return nil, fmt.Errorf("find the libraries of %s: %s", program, strings.TrimSpace(line))
		}
	}
	return files, nil
}

func pack(files map[string]string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h *tar.Header, content []byte) error {
		h.ModTime = created
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	for inside, outside := range files {
		real, err := filepath.EvalSymlinks(outside)
		if err != nil {
			return nil, err
		}
		content, err := os.ReadFile(real)
		if err != nil {
			return nil, err
		}
		if err := add(&tar.Header{Name: strings.TrimPrefix(inside, "/"), Mode: 0o755, Size: int64(len(content))}, content); err != nil {
			return nil, err
		}
	}
	if err := add(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil); err != nil {
		return nil, err
	}
	return b.Bytes(), w.Close()
}

// created is the images' date: one that does not change, so that the same
// program gives the same digest.
var created = time.Unix(1_700_000_000, 0).UTC()

// Image is one version of the robots' software.
func Image(layer v1.Layer, version, fault string) (v1.Image, error) {
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	cf = cf.DeepCopy()
	cf.OS, cf.Architecture, cf.Created = "linux", runtime.GOARCH, v1.Time{Time: created}
	cf.Config = v1.Config{
		Entrypoint: []string{Program}, Cmd: []string{"robot"}, StopSignal: "SIGTERM",
		Env:    []string{"SIM_VERSION=" + version, "SIM_FAULT=" + fault},
		Labels: map[string]string{"org.opencontainers.image.title": "muster simulated robot", "org.opencontainers.image.version": version},
	}
	return mutate.ConfigFile(img, cf)
}

// Push writes an image to a registry under a tag and gives its digest.
func Push(ctx context.Context, ref string, img v1.Image) (digest string, err error) {
	r, err := name.ParseReference(ref, name.StrictValidation)
	if err != nil {
		return "", fmt.Errorf("image %q: %w", ref, err)
	}
	if err := remote.Write(r, img, remote.WithContext(ctx)); err != nil {
		return "", fmt.Errorf("push image %s: %w", ref, err)
	}
	d, err := img.Digest()
	return d.String(), err
}

// Registry is an image registry in memory, on a loopback port; engines reach
// those without TLS.
type Registry struct {
	// Host is the first part of its images' references, "127.0.0.1:40001".
	Host string

	server *http.Server
	done   chan error
}

// StartRegistry starts a registry on a free port.
func StartRegistry() (*Registry, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the registry: %w", err)
	}
	r := &Registry{Host: l.Addr().String(), done: make(chan error, 1)}
	r.server = &http.Server{
		Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0))), ReadHeaderTimeout: 5 * time.Second,
	}
	go func() { r.done <- r.server.Serve(l) }()
	return r, nil
}

// Close ends the registry and waits for it.
func (r *Registry) Close() error {
	err := r.server.Close()
	if served := <-r.done; err == nil && !errors.Is(served, http.ErrServerClosed) {
		err = served
	}
	return err
}
