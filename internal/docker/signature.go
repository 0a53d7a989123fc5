package docker

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/muster-fleet/muster/internal/rollout"
)

// SignatureRule says who must have signed the images of some repositories: the
// owner of a key, or, keyless, a person or workflow whom an issuer vouches for.
type SignatureRule struct {
	// Repository is written as for docker pull, "registry.example/amr"; without a
	// registry it is Docker Hub's. '*' stands for any text, slashes included.
	Repository string
	Key        string // file with a public key (PEM), as cosign writes it
	// Issuer and Subject are of the signing certificate, which, with the logs and
	// the times, must be by TrustedRoot: a file in sigstore's format.
	Issuer, Subject, TrustedRoot string
}

// Signatures checks images against rules. An image whose repository no rule
// names is not asked for a signature; where several rules name it, one of them
// must be met, so that keys can be replaced.
type Signatures struct {
	rules []*signer
}

// NewSignatures reads the rules' files. The error names the rule and its field.
func NewSignatures(rules []SignatureRule) (*Signatures, error) {
	s := new(Signatures)
	for i, r := range rules {
		one, err := newSigner(r)
		if err != nil {
			return nil, fmt.Errorf("signatures[%d]: %w", i, err)
		}
		s.rules = append(s.rules, one)
	}
	return s, nil
}

// signer is a rule that is ready to verify.
type signer struct {
	pattern  *regexp.Regexp
	who      string             // in words
	key      signature.Verifier // nil when keyless
	verifier *verify.Verifier   // of bundles
	policy   verify.PolicyOption
}

func newSigner(r SignatureRule) (*signer, error) {
	if r.Repository == "" {
		return nil, errors.New("repository: is missing")
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(fullRepository(r.Repository)), `\*`, ".*")
	s := &signer{pattern: regexp.MustCompile("^" + pattern + "$")}
	keyless := r.Issuer != "" || r.Subject != "" || r.TrustedRoot != ""
	switch {
	case r.Key != "" && keyless:
		return nil, errors.New("key: excludes issuer, subject and trusted_root")
	case r.Key != "":
		return s, s.byKey(r)
	case r.Issuer == "" || r.Subject == "" || r.TrustedRoot == "":
		return nil, errors.New("wants key, or issuer, subject and trusted_root")
	default:
		return s, s.byIdentity(r)
	}
}

// hub is Docker Hub's name in references, and hubHosts are others for it: the
// registry's client writes the first.
const hub = "docker.io"

var hubHosts = []string{"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}

// fullRepository writes a repository, or a pattern, with its registry, which is
// Docker Hub under one name where none is given. A pattern that begins with '*'
// is for all registries.
func fullRepository(r string) string {
	host, rest, more := strings.Cut(r, "/")
	switch {
	case strings.HasPrefix(host, "*") || strings.Contains(host, "*") && strings.ContainsAny(host, ".:"):
		return r
	case strings.Contains(host, "*") && !more: // of an owner or an image
		return hub + "/*" + r
	case !more || !strings.ContainsAny(host, ".:") && host != "localhost":
		host, rest = hub, r
	case slices.Contains(hubHosts, host):
		host = hub
	}
	if host == hub && !strings.Contains(rest, "/") && !strings.HasPrefix(rest, "*") {
		rest = "library/" + rest
	}
	return host + "/" + rest
}

func (s *signer) byKey(r SignatureRule) error {
	pem, err := os.ReadFile(r.Key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	public, err := cryptoutils.UnmarshalPEMToPublicKey(pem)
	if err != nil {
		return fmt.Errorf("key: %s: %w", r.Key, err)
	}
	der, err := cryptoutils.MarshalPublicKeyToDER(public)
	if err != nil {
		return fmt.Errorf("key: %s: %w", r.Key, err)
	}
	if s.key, err = signature.LoadVerifier(public, crypto.SHA256); err != nil {
		return fmt.Errorf("key: %s: %w", r.Key, err)
	}
	print := sha256.Sum256(der)
	s.who, s.policy = "key "+hex.EncodeToString(print[:6]), verify.WithKey()
	material := root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) {
		return lasting{s.key}, nil
	})
	s.verifier, err = verify.NewVerifier(material, verify.WithNoObserverTimestamps())
	return err
}

// lasting is a key that is good until it is taken out of the rules.
type lasting struct{ signature.Verifier }

// ValidAtTime is always true.
func (lasting) ValidAtTime(time.Time) bool { return true }

func (s *signer) byIdentity(r SignatureRule) error {
	trusted, err := root.NewTrustedRootFromPath(r.TrustedRoot)
	if err != nil {
		return fmt.Errorf("trusted_root: %w", err)
	}
	identity, err := verify.NewShortCertificateIdentity(r.Issuer, "", r.Subject, "")
	if err != nil {
		return fmt.Errorf("issuer and subject: %w", err)
	}
	s.who, s.policy = r.Subject+" by "+r.Issuer, verify.WithCertificateIdentity(identity)
	// What the root has is asked for: a private deployment may have no log, and
	// certificates without their log's timestamp.
	options := []verify.VerifierOption{verify.WithObserverTimestamps(1)}
	if len(trusted.RekorLogs()) > 0 {
		options = append(options, verify.WithTransparencyLog(1))
	}
	if len(trusted.CTLogs()) > 0 {
		options = append(options, verify.WithSignedCertificateTimestamps(1))
	}
	s.verifier, err = verify.NewVerifier(trusted, options...)
	return err
}

// verify says who signed the digest, in words; empty when no rule asks. It is
// Fatal when nobody did whom the rules accept, and an error that another try may
// mend when the registry does not answer.
func (s *Signatures) verify(ctx context.Context, d name.Digest, o []remote.Option) (string, error) {
	if s == nil {
		return "", nil
	}
	var asked []*signer
	for _, r := range s.rules {
		if r.pattern.MatchString(fullRepository(d.Context().Name())) {
			asked = append(asked, r)
		}
	}
	if len(asked) == 0 {
		return "", nil
	}
	found, err := findSignatures(ctx, d, o)
	if err != nil {
		return "", fmt.Errorf("read signatures of %s: %w", d, err)
	}
	var whos, why []string
	for _, r := range asked {
		whos = append(whos, r.who)
		for _, f := range found {
			err := f.check(r, d.DigestStr())
			if err == nil {
				return r.who, nil
			}
			why = append(why, err.Error())
		}
	}
	text := "it has no signature"
	if len(found) > 0 {
		text = fmt.Sprintf("none of its %d signatures is good: %s", len(found), strings.Join(why[:min(3, len(why))], "; "))
	}
	return "", rollout.Fatal(fmt.Errorf("image %s must be signed by %s: %s", d, strings.Join(whos, " or "), text))
}

// missing reports whether a registry says that there is no such thing.
func missing(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}
