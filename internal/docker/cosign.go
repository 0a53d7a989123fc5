package docker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

// Bounds of what is read of one image's signatures: a registry may be anybody's.
const (
	maxSignatures    = 32
	maxSignatureSize = 1 << 20 // bytes
)

// What cosign writes (SIGNATURE_SPEC.md, BUNDLE_SPEC.md).
const (
	noteSignature   = "dev.cosignproject.cosign/signature"
	noteCertificate = "dev.sigstore.cosign/certificate"
	noteBundle      = "dev.sigstore.cosign/bundle"
	noteTimestamp   = "dev.sigstore.cosign/rfc3161timestamp"
	bundleType      = "application/vnd.dev.sigstore.bundle"
	signPredicate   = "https://sigstore.dev/cosign/sign/v1"
)

// found is a signature that an image's repository has. Nothing in it is trusted
// before check.
type found interface {
	check(s *signer, digest string) error
}

// findSignatures looks in both places: at the tag sha256-….sig, and at the
// image's referrers, where newer versions of cosign put bundles.
func findSignatures(ctx context.Context, d name.Digest, o []remote.Option) ([]found, error) {
	tag := d.Context().Tag(strings.Replace(d.DigestStr(), ":", "-", 1) + ".sig")
	out, err := simpleSignatures(tag, o)
	if err != nil {
		return nil, err
	}
	index, err := remote.Referrers(d, o...)
	if missing(err) {
		return out, nil
	} else if err != nil {
		return nil, err
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, m := range list.Manifests {
		if len(out) == maxSignatures || ctx.Err() != nil {
			break
		}
		if !strings.HasPrefix(m.ArtifactType, bundleType) {
			continue
		}
		img, err := remote.Image(d.Context().Digest(m.Digest.String()), o...)
		if err != nil {
			return nil, err
		}
		layers, err := img.Layers()
		if err != nil || len(layers) == 0 {
			continue
		}
		b, err := blob(layers[0])
		if err != nil {
			return nil, err
		}
		out = append(out, bundled(b))
	}
	return out, ctx.Err()
}

func simpleSignatures(tag name.Tag, o []remote.Option) ([]found, error) {
	img, err := remote.Image(tag, o...)
	if missing(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	m, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	var out []found
	for _, l := range m.Layers[:min(len(m.Layers), maxSignatures)] {
		layer, err := img.LayerByDigest(l.Digest)
		if err != nil {
			return nil, err
		}
		payload, err := blob(layer)
		if err != nil {
			return nil, err
		}
		out = append(out, &simple{payload: payload, notes: l.Annotations})
	}
	return out, nil
}

// blob reads a small blob; the library checks it against its digest.
func blob(l v1.Layer) ([]byte, error) {
	r, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, maxSignatureSize+1))
	if err == nil && len(b) > maxSignatureSize {
		return nil, fmt.Errorf("a signature is larger than %d bytes", maxSignatureSize)
	}
	return b, err
}

// bundled is a sigstore bundle.
type bundled []byte

func (b bundled) check(s *signer, digest string) error {
	entity := new(bundle.Bundle)
	if err := entity.UnmarshalJSON(b); err != nil {
		return fmt.Errorf("read bundle: %w", err)
	}
	_, text, _ := strings.Cut(digest, ":")
	sum, err := hex.DecodeString(text)
	if err != nil {
		return err
	}
	r, err := s.verifier.Verify(entity, verify.NewPolicy(verify.WithArtifactDigest("sha256", sum), s.policy))
	if err != nil {
		return err
	}
	// The same key may have signed other statements on the image, good or bad.
	if r.Statement != nil && r.Statement.PredicateType != signPredicate {
		return fmt.Errorf("it states %s, which is no signature", r.Statement.PredicateType)
	}
	return nil
}

// simple is a signature of the older form: a payload that names the digest, and
// the signature over it in annotations.
type simple struct {
	payload []byte
	notes   map[string]string
}

func (f *simple) check(s *signer, digest string) error {
	var payload struct {
		Critical struct {
			Image struct {
				Digest string `json:"docker-manifest-digest"`
			} `json:"image"`
			Type string `json:"type"`
		} `json:"critical"`
	}
	sig, err := base64.StdEncoding.DecodeString(f.notes[noteSignature])
	if err != nil {
		return fmt.Errorf("read signature: %w", err)
	}
	if s.key != nil {
		err = s.key.VerifySignature(bytes.NewReader(sig), bytes.NewReader(f.payload))
	} else {
		err = f.checkIdentity(s, sig)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(f.payload, &payload); err != nil {
		return fmt.Errorf("read payload: %w", err)
	}
	if payload.Critical.Type != "cosign container image signature" {
		return fmt.Errorf("it is a %q", payload.Critical.Type)
	}
	if payload.Critical.Image.Digest != digest {
		return fmt.Errorf("it is of %s", payload.Critical.Image.Digest)
	}
	return nil
}

func (f *simple) checkIdentity(s *signer, sig []byte) error {
	e, err := f.entity(sig)
	if err != nil {
		return err
	}
	_, err = s.verifier.Verify(e, verify.NewPolicy(verify.WithArtifact(bytes.NewReader(f.payload)), s.policy))
	return err
}

// entity puts a keyless signature into the terms of the verifier.
func (f *simple) entity(sig []byte) (*entity, error) {
	certs, err := cryptoutils.UnmarshalCertificatesFromPEM([]byte(f.notes[noteCertificate]))
	if err != nil || len(certs) == 0 {
		return nil, errors.New("it has no certificate")
	}
	sum := sha256.Sum256(f.payload)
	e := &entity{
		certificate: bundle.NewCertificate(certs[0]),
		signature:   bundle.NewMessageSignature(sum[:], "SHA2_256", sig),
	}
	if text := f.notes[noteBundle]; text != "" {
		entry, err := logEntry([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("read log entry: %w", err)
		}
		e.entries = append(e.entries, entry)
	}
	if text := f.notes[noteTimestamp]; text != "" {
		var t struct{ SignedRFC3161Timestamp []byte }
		if err := json.Unmarshal([]byte(text), &t); err != nil {
			return nil, fmt.Errorf("read timestamp: %w", err)
		}
		e.timestamps = append(e.timestamps, t.SignedRFC3161Timestamp)
	}
	return e, nil
}

// logEntry reads the entry of the transparency log that cosign attaches.
func logEntry(text []byte) (*tlog.Entry, error) {
	var b struct {
		SignedEntryTimestamp []byte
		Payload              struct {
			Body           []byte `json:"body"`
			IntegratedTime int64  `json:"integratedTime"`
			LogIndex       int64  `json:"logIndex"`
			LogID          string `json:"logID"`
		}
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return nil, err
	}
	id, err := hex.DecodeString(b.Payload.LogID)
	if err != nil {
		return nil, err
	}
	return tlog.ParseTransparencyLogEntry(&rekor.TransparencyLogEntry{
		LogIndex: b.Payload.LogIndex, LogId: &common.LogId{KeyId: id}, IntegratedTime: b.Payload.IntegratedTime,
		KindVersion:       &rekor.KindVersion{Kind: "hashedrekord", Version: "0.0.1"},
		InclusionPromise:  &rekor.InclusionPromise{SignedEntryTimestamp: b.SignedEntryTimestamp},
		CanonicalizedBody: b.Payload.Body,
	})
}

// entity is a keyless signature as the verifier takes it.
type entity struct {
	certificate *bundle.Certificate
	signature   *bundle.MessageSignature
	entries     []*tlog.Entry
	timestamps  [][]byte
}

var _ verify.SignedEntity = (*entity)(nil)

// VerificationContent is the certificate.
func (e *entity) VerificationContent() (verify.VerificationContent, error) { return e.certificate, nil }

// SignatureContent is the signature.
func (e *entity) SignatureContent() (verify.SignatureContent, error) { return e.signature, nil }

// Timestamps are those of timestamping authorities.
func (e *entity) Timestamps() ([][]byte, error) { return e.timestamps, nil }

// TlogEntries are those of transparency logs.
func (e *entity) TlogEntries() ([]*tlog.Entry, error) { return e.entries, nil }

// HasInclusionPromise reports whether a log promised to take the entry in.
func (e *entity) HasInclusionPromise() bool { return len(e.entries) > 0 }

// HasInclusionProof is false: this form has none.
func (e *entity) HasInclusionProof() bool { return false }

// Version is that of the bundle which this form resembles.
func (e *entity) Version() (string, error) { return "v0.1", nil }
