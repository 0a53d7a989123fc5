package dockertest

import (
	"archive/tar"
	"bytes"
	_ "embed"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

//go:embed testdata/agent/main.go
var agentSource []byte

// Registry is an image registry on a loopback port, kept in memory.
type Registry struct {
	Host string // "127.0.0.1:1234", the first part of an image reference
	srv  *httptest.Server
}

// StartRegistry starts a registry that ends with the test.
func StartRegistry(t testing.TB) *Registry {
	r := NewRegistry()
	t.Cleanup(r.Close)
	return r
}

// NewRegistry starts a registry; the caller ends it with Close.
func NewRegistry() *Registry {
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(jsonErrors{w}, r)
	}))
	return &Registry{Host: strings.TrimPrefix(srv.URL, "http://"), srv: srv}
}

// jsonErrors says of an error's body what it is, as the registries in use do:
// without it newer engines do not read which error it is.
type jsonErrors struct{ http.ResponseWriter }

func (w jsonErrors) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		w.Header().Set("Content-Type", "application/json")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Close ends the registry.
func (r *Registry) Close() {
	r.srv.CloseClientConnections()
	r.srv.Close()
}

// Image is what PushImage makes. The zero value runs the agent.
type Image struct {
	Files  map[string][]byte // absolute path → content; mode 0755
	Config v1.Config         // Entrypoint is /agent when it is empty
	Arch   string            // amd64 when empty
	Bare   bool              // without the agent
}

// PushImage builds an image and pushes it. It returns the digest
// of its manifest. The same image gives the same digest.
func PushImage(t testing.TB, r *Registry, repo, tag string, i Image) string {
	t.Helper()
	img := BuildImage(t, i)
	ref, err := name.ParseReference(r.Host + "/" + repo + ":" + tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// PushIndex pushes a multi-platform index of the images and returns its digest.
func PushIndex(t testing.TB, r *Registry, repo, tag string, images ...Image) string {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, i := range images {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        BuildImage(t, i),
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch(i)}},
		})
	}
	ref, err := name.ParseReference(r.Host + "/" + repo + ":" + tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	d, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// BuildImage makes an image from nothing: the agent, and the files in a layer of
// their own.
func BuildImage(t testing.TB, i Image) v1.Image {
	t.Helper()
	var layers []v1.Layer
	if !i.Bare {
		a, err := agent()
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, a)
		if len(i.Config.Entrypoint) == 0 {
			i.Config.Entrypoint = []string{"/agent"}
		}
	}
	if len(i.Files) > 0 {
		l, err := layerOf(i.Files)
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, l)
	}
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	cf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cf = cf.DeepCopy()
	cf.OS, cf.Architecture = "linux", arch(i)
	cf.Created = v1.Time{Time: time.Unix(1700000000, 0).UTC()} // the engine refuses an image without
	cf.Config = i.Config
	if img, err = mutate.ConfigFile(img, cf); err != nil {
		t.Fatal(err)
	}
	return img
}

func arch(i Image) string {
	if i.Arch == "" {
		return "amd64"
	}
	return i.Arch
}

func layerOf(files map[string][]byte) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Name: strings.TrimPrefix(path, "/"), Mode: 0o755, Size: int64(len(files[path]))}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(files[path]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	blob := b.Bytes()
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(blob)), nil
	}, tarball.WithCompressedCaching)
}

// agent is the layer with a static program for the inside of a container, built
// once; see testdata/agent for what its arguments do.
var agent = sync.OnceValues(func() (v1.Layer, error) {
	b, err := buildAgent()
	if err != nil {
		return nil, err
	}
	return layerOf(map[string][]byte{"/agent": b})
})

func buildAgent() ([]byte, error) {
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), agentSource, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", "agent", "main.go")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=", "GOWORK=off")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "agent"))
}
