package docker

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	one := dockertest.PushImage(t, images, "resolve", "1", dockertest.Image{})
	both := dockertest.PushIndex(t, images, "resolve", "both", dockertest.Image{}, dockertest.Image{Arch: "arm64"})
	repo := images.Host + "/resolve"
	other := strings.Replace(repo, "127.0.0.1", "127.0.0.2", 1)
	for ref, want := range map[string]rollout.PinnedImage{
		repo + ":1":       {Repository: repo, Digest: one, Platforms: []string{"linux/amd64"}},
		repo + "@" + one:  {Repository: repo, Digest: one, Platforms: []string{"linux/amd64"}},
		repo + ":both":    {Repository: repo, Digest: both, Platforms: []string{"linux/amd64", "linux/arm64"}},
		repo + "@" + both: {Repository: repo, Digest: both, Platforms: []string{"linux/amd64", "linux/arm64"}},
	} {
		got, err := new(Resolver).Resolve(t.Context(), ref)
		require.NoError(t, err, ref)
		want.Ref = ref
		require.Len(t, got.Manifests, len(want.Platforms))
		for i, m := range got.Manifests {
			require.Equal(t, want.Platforms[i], m.Platform)
			require.Greater(t, m.Size, int64(1000), "its layers and its configuration")
		}
		got.Manifests = nil
		require.Equal(t, want, got)
	}
	n, err := parse(other + ":1")
	require.NoError(t, err)
	require.Equal(t, "http", n.Context().Scheme())
	n, err = parse("registry.example:5000/amr:1")
	require.NoError(t, err)
	require.Equal(t, "https", n.Context().Scheme())
}

func TestResolveErrorsNameTheReference(t *testing.T) {
	t.Parallel()
	dockertest.PushImage(t, images, "known", "1", dockertest.Image{})
	refuses := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/" {
				w.WriteHeader(status)
			}
		}))
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://") + "/amr:1"
	}
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hangs.Close)
	for _, c := range []struct {
		ref, says string
		fatal     bool
	}{
		{"Not A Reference", "is not a reference", true},
		{images.Host + "/known:2", "is not in registry", true},
		{images.Host + "/unknown:1", "is not in registry", true},
		{images.Host + "/known@" + anyTarget().Image.Digest, "is not in registry", true},
		{refuses(401), "refuses access", true},
		{refuses(403), "refuses access", true},
		{refuses(500), "ask registry", false},
		{refuses(429), "ask registry", false},
		{"127.0.0.1:1/amr:1", "ask registry", false},
		{strings.TrimPrefix(hangs.URL, "http://") + "/amr:1", "ask registry", false},
	} {
		r := Resolver{Timeout: 5 * time.Second}
		if strings.Contains(hangs.URL, strings.Split(c.ref, "/")[0]) {
			r.Timeout = 200 * time.Millisecond
		}
		_, err := r.Resolve(t.Context(), c.ref)
		require.ErrorContains(t, err, c.ref)
		require.ErrorContains(t, err, c.says)
		require.Equal(t, c.fatal, rollout.IsFatal(err), err)
	}
}
