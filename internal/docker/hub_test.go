package docker

import (
	"net/http"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// toImages sends what is meant for Docker Hub to the tests' registry.
type toImages struct{}

func (toImages) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = "http", images.Host, ""
	return http.DefaultTransport.RoundTrip(r)
}

// Docker Hub has several names, of which a rule may use any.
func TestSignatureRulesForDockerHub(t *testing.T) {
	t.Parallel()
	dockertest.PushImage(t, images, "acme/hub", "1", dockertest.Image{})
	dockertest.PushImage(t, images, "library/hub", "1", dockertest.Image{})
	_, key := keyPair(t)
	for _, c := range []struct {
		rule, ref string
		asked     bool
	}{
		{"docker.io/acme/*", "acme/hub:1", true},
		{"docker.io/acme/hub", "docker.io/acme/hub:1", true},
		{"index.docker.io/acme/*", "acme/hub:1", true},
		{"registry-1.docker.io/acme/*", "acme/hub:1", true},
		{"acme/*", "index.docker.io/acme/hub:1", true},
		{"hub", "hub:1", true},
		{"docker.io/hub", "hub:1", true},
		{"docker.io/library/*", "hub:1", true},
		{"*", "hub:1", true},
		{"*/hub", "hub:1", true},
		{"hu*", "hub:1", true},
		{"acm*", "acme/hub:1", true},
		{"acm*/hub", "acme/hub:1", true},
		{"docker.io/acme/*", "hub:1", false},
		{"quay.io/acme/*", "acme/hub:1", false},
		{"localhost/*", "acme/hub:1", false},
	} {
		s, err := NewSignatures([]SignatureRule{{Repository: c.rule, Key: key}})
		require.NoError(t, err)
		_, err = (&Resolver{Signatures: s, Transport: toImages{}}).Resolve(t.Context(), c.ref)
		if !c.asked {
			require.NoError(t, err, "%s: %s", c.rule, c.ref)
			continue
		}
		require.ErrorContains(t, err, "has no signature", "%s: %s", c.rule, c.ref)
		require.True(t, rollout.IsFatal(err))
	}
}

// Docker Hub's images are removed like others: the engine calls them otherwise
// than a registry's client.
func TestPruneOfImagesFromDockerHub(t *testing.T) {
	t.Parallel()
	own := dockertest.StartEngine(t, "--registry-mirror", "http://"+images.Host)
	r := newRigAt(t, own, own.URL(), dockertest.Image{}, dockertest.Image{})
	var digests []string
	for _, v := range []string{"1", "2", "3"} {
		d := dockertest.PushImage(t, images, "acme/prune", v, dockertest.Image{Files: map[string][]byte{"/v": []byte(v)}})
		r.pull("acme/prune@" + d)
		digests = append(digests, d)
	}
	target := r.t1
	target.Image = rollout.PinnedImage{Repository: "index.docker.io/acme/prune", Digest: digests[2]}
	target.Previous, target.Prune = digests[1], true
	w, err := r.c.begin(r.ctx(), target)
	require.NoError(t, err)
	w.prune(r.ctx())
	left, err := r.api.ImageList(r.ctx(), client.ImageListOptions{})
	require.NoError(t, err)
	var refs []string
	for _, i := range left.Items {
		refs = append(refs, i.RepoDigests...)
	}
	require.NotContains(t, refs, "acme/prune@"+digests[0])
	require.Contains(t, refs, "acme/prune@"+digests[1], "what a rollback goes back to")
	require.Contains(t, refs, "acme/prune@"+digests[2])
}

// An engine pulls nothing that is not signed, whatever a plan was made of.
func TestPullWantsTheSignature(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	key, file := keyPair(t)
	rules, err := NewSignatures([]SignatureRule{{Repository: r.repo, Key: file}})
	require.NoError(t, err)
	c, err := NewClient(Endpoint{Name: "e", URL: shared(t).URL()}, Options{Signatures: rules}, testLog(t))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	err = c.Pull(r.ctx(), r.t1, noReport)
	require.ErrorContains(t, err, "it has no signature")
	require.True(t, rollout.IsFatal(err))
	_, err = r.api.ImageInspect(r.ctx(), r.t1.Image.ByDigest())
	require.Error(t, err, "nothing was pulled")

	repo, err := name.NewRepository(r.repo)
	require.NoError(t, err)
	hash, err := v1.NewHash(r.t1.Image.Digest)
	require.NoError(t, err)
	s := &signed{t: t, repo: repo, ref: r.repo + ":2", hash: hash}
	said := payload(r.t1.Image.Digest)
	s.attach(said, map[string]string{noteSignature: signatureOf(t, key, said)})
	require.NoError(t, c.Pull(r.ctx(), r.t1, noReport))
}
