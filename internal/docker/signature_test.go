package docker

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// keyPair writes a public key as cosign does and returns its file.
func keyPair(t *testing.T) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "cosign.pub")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	return key, file
}

// signed is one image to sign.
type signed struct {
	t    *testing.T
	repo name.Repository
	ref  string // of the tag
	hash v1.Hash
}

func newSigned(t *testing.T) *signed {
	t.Helper()
	where := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	d := dockertest.PushImage(t, images, where, "1", dockertest.Image{Files: map[string][]byte{"/who": []byte(where)}})
	repo, err := name.NewRepository(images.Host + "/" + where)
	require.NoError(t, err)
	hash, err := v1.NewHash(d)
	require.NoError(t, err)
	return &signed{t: t, repo: repo, ref: repo.Name() + ":1", hash: hash}
}

// payload is what cosign signs in the older form.
func payload(digest string) []byte {
	return fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`, digest)
}

// attach puts a signature of the older form at the image's tag.
func (s *signed) attach(payload []byte, notes map[string]string) {
	s.t.Helper()
	img, err := mutate.Append(empty.Image, mutate.Addendum{
		Layer: static.NewLayer(payload, "application/vnd.dev.cosign.simplesigning.v1+json"), Annotations: notes,
	})
	require.NoError(s.t, err)
	require.NoError(s.t, remote.Write(s.repo.Tag(s.hash.Algorithm+"-"+s.hash.Hex+".sig"), img))
}

func signatureOf(t *testing.T, key *ecdsa.PrivateKey, payload []byte) string {
	signer, err := signature.LoadECDSASigner(key, crypto.SHA256)
	require.NoError(t, err)
	sig, err := signer.SignMessage(bytes.NewReader(payload))
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(sig)
}

// refer makes a bundle a referrer of the image, as newer versions of cosign do.
func (s *signed) refer(bundle []byte) {
	s.t.Helper()
	const mediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer(bundle, mediaType))
	require.NoError(s.t, err)
	img = mutate.ConfigMediaType(img, mediaType) // which is the artifact's type where none is said
	subject, err := remote.Head(s.repo.Digest(s.hash.String()))
	require.NoError(s.t, err)
	img = mutate.Subject(img, *subject).(v1.Image)
	d, err := img.Digest()
	require.NoError(s.t, err)
	require.NoError(s.t, remote.Write(s.repo.Digest(d.String()), img))
}

func (s *signed) resolve(rules ...SignatureRule) (rollout.PinnedImage, error) {
	s.t.Helper()
	for i := range rules {
		if rules[i].Repository == "" {
			rules[i].Repository = s.repo.Name()
		}
	}
	policy, err := NewSignatures(rules)
	require.NoError(s.t, err)
	return (&Resolver{Signatures: policy}).Resolve(s.t.Context(), s.ref)
}

// refused asks that the image is refused, for ever, with its name and the rule.
func (s *signed) refused(says string, rules ...SignatureRule) {
	s.t.Helper()
	_, err := s.resolve(rules...)
	require.True(s.t, rollout.IsFatal(err), err)
	require.ErrorContains(s.t, err, s.repo.Name())
	require.ErrorContains(s.t, err, "must be signed by")
	require.ErrorContains(s.t, err, says)
}

func TestSignatureByKey(t *testing.T) {
	t.Parallel()
	s := newSigned(t)
	key, file := keyPair(t)
	other, otherFile := keyPair(t)
	s.refused("it has no signature", SignatureRule{Key: file})

	p, err := s.resolve(SignatureRule{Key: file, Repository: "registry.example/*"})
	require.NoError(t, err, "no rule names it")
	require.Empty(t, p.SignedBy)

	good := payload(s.hash.String())
	s.attach(good, map[string]string{noteSignature: signatureOf(t, other, good)})
	s.refused("invalid signature", SignatureRule{Key: file})
	_, err = s.resolve(SignatureRule{Key: file}, SignatureRule{Key: otherFile})
	require.NoError(t, err, "one of the rules is met")

	another := payload("sha256:" + strings.Repeat("0", 64))
	s.attach(another, map[string]string{noteSignature: signatureOf(t, key, another)})
	s.refused("it is of sha256:000", SignatureRule{Key: file})
	changed := bytes.Replace(good, []byte("null"), []byte("{}"), 1)
	s.attach(changed, map[string]string{noteSignature: signatureOf(t, key, good)})
	s.refused("invalid signature", SignatureRule{Key: file})
	attestation := bytes.Replace(good, []byte("cosign container image signature"), []byte("a remark"), 1)
	s.attach(attestation, map[string]string{noteSignature: signatureOf(t, key, attestation)})
	s.refused(`it is a "a remark"`, SignatureRule{Key: file})
	s.attach(good, map[string]string{noteSignature: "%"})
	s.refused("read signature", SignatureRule{Key: file})

	s.attach(good, map[string]string{noteSignature: signatureOf(t, key, good)})
	p, err = s.resolve(SignatureRule{Key: file, Repository: "127.*"})
	require.NoError(t, err)
	require.Equal(t, s.hash.String(), p.Digest)
	require.Regexp(t, "^key [0-9a-f]{12}$", p.SignedBy)
}

// pair is a key in the terms of sigstore-go's signer.
type pair struct {
	sign.Keypair
}

func TestSignatureByKeyInABundle(t *testing.T) {
	t.Parallel()
	s := newSigned(t)
	keys, err := sign.NewEphemeralKeypair(nil)
	require.NoError(t, err)
	public, err := keys.GetPublicKeyPem()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "cosign.pub")
	require.NoError(t, os.WriteFile(file, []byte(public), 0o600))
	bundleOf := func(predicate, digest string) []byte {
		statement := fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"","digest":{"sha256":%q}}],"predicateType":%q,"predicate":{}}`,
			strings.TrimPrefix(digest, "sha256:"), predicate)
		b, err := sign.Bundle(&sign.DSSEData{Data: statement, PayloadType: "application/vnd.in-toto+json"}, pair{keys}, sign.BundleOptions{})
		require.NoError(t, err)
		text, err := protojson.Marshal(b)
		require.NoError(t, err)
		return text
	}
	s.refer(bundleOf("https://example.com/scan-failed", s.hash.String()))
	s.refused("which is no signature", SignatureRule{Key: file})
	s.refer(bundleOf(signPredicate, "sha256:"+strings.Repeat("0", 64)))
	s.refused("none of its 2 signatures is good", SignatureRule{Key: file})
	s.refer([]byte("{}"))
	s.refused("none of its 3 signatures is good", SignatureRule{Key: file})
	_, stranger := keyPair(t)
	s.refer(bundleOf(signPredicate, s.hash.String()))
	s.refused("none of its 4 signatures is good", SignatureRule{Key: stranger})
	p, err := s.resolve(SignatureRule{Key: file})
	require.NoError(t, err)
	require.NotEmpty(t, p.SignedBy)
}

// keyless is a sigstore of the test's own: authority, log and timestamps.
type keyless struct {
	*ca.VirtualSigstore
	file string // its trusted root
}

func newKeyless(t *testing.T) keyless {
	t.Helper()
	v, err := ca.NewVirtualSigstore()
	require.NoError(t, err)
	logs := v.RekorLogs()
	for id, l := range logs { // it has the id as text
		l.ID, err = hex.DecodeString(id)
		require.NoError(t, err)
	}
	// Its certificates carry no timestamp of a certificate log.
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01, v.FulcioCertificateAuthorities(), nil, v.TimestampingAuthorities(), logs)
	require.NoError(t, err)
	b, err := trusted.MarshalJSON()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "trusted_root.json")
	require.NoError(t, os.WriteFile(file, b, 0o600))
	return keyless{v, file}
}

// notes are the annotations that cosign makes of a keyless signature.
func (k keyless) notes(t *testing.T, subject, issuer string, payload []byte) map[string]string {
	t.Helper()
	e, err := k.Sign(subject, issuer, payload)
	require.NoError(t, err)
	content, err := e.SignatureContent()
	require.NoError(t, err)
	verification, err := e.VerificationContent()
	require.NoError(t, err)
	cert, err := cryptoutils.MarshalCertificateToPEM(verification.Certificate())
	require.NoError(t, err)
	entries, err := e.TlogEntries()
	require.NoError(t, err)
	entry := entries[0].TransparencyLogEntry()
	logged := tlog.RekorPayload{
		Body: base64.StdEncoding.EncodeToString(entry.CanonicalizedBody), IntegratedTime: entry.IntegratedTime,
		LogIndex: entry.LogIndex, LogID: fmt.Sprintf("%x", entry.LogId.KeyId),
	}
	promise, err := k.RekorSignPayload(logged)
	require.NoError(t, err)
	b, err := json.Marshal(map[string]any{"SignedEntryTimestamp": promise, "Payload": logged})
	require.NoError(t, err)
	return map[string]string{
		noteSignature:   base64.StdEncoding.EncodeToString(content.Signature()),
		noteCertificate: string(cert), noteBundle: string(b),
	}
}

func TestSignatureByIdentity(t *testing.T) {
	t.Parallel()
	const subject, issuer = "builds@site.example", "https://login.example"
	s, k := newSigned(t), newKeyless(t)
	rule := SignatureRule{Subject: subject, Issuer: issuer, TrustedRoot: k.file}
	s.refused("it has no signature", rule)

	good := payload(s.hash.String())
	for says, notes := range map[string]map[string]string{
		"no matching CertificateIdentity": k.notes(t, "somebody@site.example", issuer, good),
		"failed to verify":                newKeyless(t).notes(t, subject, issuer, good), // another sigstore
	} {
		s.attach(good, notes)
		s.refused(says, rule)
	}
	notes := k.notes(t, subject, issuer, good)
	for name, change := range map[string]func(map[string]string){
		"no certificate": func(n map[string]string) { delete(n, noteCertificate) },
		"no log entry":   func(n map[string]string) { delete(n, noteBundle) },
		"an entry of another signature": func(n map[string]string) {
			n[noteBundle] = k.notes(t, subject, issuer, good)[noteBundle]
		},
		"a broken entry": func(n map[string]string) { n[noteBundle] = "{" },
	} {
		wrong := make(map[string]string)
		for key, v := range notes {
			wrong[key] = v
		}
		change(wrong)
		s.attach(good, wrong)
		t.Log(name)
		s.refused("none of its 1 signatures is good", rule)
	}
	another := payload("sha256:" + strings.Repeat("0", 64))
	s.attach(another, k.notes(t, subject, issuer, another))
	s.refused("it is of sha256:000", rule)

	s.attach(good, notes)
	p, err := s.resolve(rule)
	require.NoError(t, err)
	require.Equal(t, subject+" by "+issuer, p.SignedBy)
	_, file := keyPair(t)
	s.refused("invalid signature", SignatureRule{Key: file})
}

// A registry that does not answer says nothing about signatures.
func TestSignaturesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newSigned(t)
	_, file := keyPair(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sig") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		r.URL.Scheme, r.URL.Host = "http", images.Host
		http.Redirect(w, r, r.URL.String(), http.StatusTemporaryRedirect)
	}))
	t.Cleanup(srv.Close)
	s.ref = strings.Replace(s.ref, images.Host, strings.TrimPrefix(srv.URL, "http://"), 1)
	_, err := s.resolve(SignatureRule{Repository: "*", Key: file})
	require.ErrorContains(t, err, "read signatures of")
	require.False(t, rollout.IsFatal(err))
}

func TestSignatureRulesAreChecked(t *testing.T) {
	t.Parallel()
	_, key := keyPair(t)
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for says, r := range map[string]SignatureRule{
		"signatures[0]: repository: is missing": {Key: key},
		"signatures[0]: wants key, or issuer":   {Repository: "*", Issuer: "i"},
		"key: excludes issuer":                  {Repository: "*", Key: key, Issuer: "i"},
		"key: open /none":                       {Repository: "*", Key: "/none"},
		"key: " + empty:                         {Repository: "*", Key: empty},
		"trusted_root: ":                        {Repository: "*", Issuer: "i", Subject: "s", TrustedRoot: empty},
	} {
		_, err := NewSignatures([]SignatureRule{r})
		require.ErrorContains(t, err, says)
	}
}
