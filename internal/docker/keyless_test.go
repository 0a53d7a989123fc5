package docker

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
)

// bundle is what newer versions of cosign make of a keyless signature: a
// statement on the image with its certificate, log entry and timestamp.
func (k keyless) bundle(t *testing.T, subject, issuer, predicate, digest string) []byte {
	t.Helper()
	statement := fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"","digest":{"sha256":%q}}],"predicateType":%q,"predicate":{}}`,
		strings.TrimPrefix(digest, "sha256:"), predicate)
	e, err := k.AttestAtTime(subject, issuer, statement, time.Now().Add(5*time.Minute), true)
	require.NoError(t, err)
	verification, err := e.VerificationContent()
	require.NoError(t, err)
	content, err := e.SignatureContent()
	require.NoError(t, err)
	envelope := content.EnvelopeContent().RawEnvelope()
	entries, err := e.TlogEntries()
	require.NoError(t, err)
	entry := entries[0].TransparencyLogEntry()
	var kind struct{ Kind, APIVersion string }
	require.NoError(t, json.Unmarshal(entry.CanonicalizedBody, &kind))
	entry.KindVersion = &rekor.KindVersion{Kind: kind.Kind, Version: kind.APIVersion}
	stamps, err := e.Timestamps()
	require.NoError(t, err)
	payload, err := envelope.DecodeB64Payload()
	require.NoError(t, err)
	material := &protobundle.VerificationMaterial{
		Content: &protobundle.VerificationMaterial_Certificate{
			Certificate: &common.X509Certificate{RawBytes: verification.Certificate().Raw},
		},
		TlogEntries:               []*rekor.TransparencyLogEntry{entry},
		TimestampVerificationData: &protobundle.TimestampVerificationData{},
	}
	for _, s := range stamps {
		material.TimestampVerificationData.Rfc3161Timestamps = append(material.TimestampVerificationData.Rfc3161Timestamps,
			&common.RFC3161SignedTimestamp{SignedTimestamp: s})
	}
	b, err := protojson.Marshal(&protobundle.Bundle{
		MediaType: "application/vnd.dev.sigstore.bundle.v0.3+json", VerificationMaterial: material,
		Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &dsse.Envelope{
			Payload: payload, PayloadType: envelope.PayloadType, Signatures: []*dsse.Signature{{Sig: content.Signature()}},
		}},
	})
	require.NoError(t, err)
	return b
}

func TestSignatureByIdentityInABundle(t *testing.T) {
	t.Parallel()
	const subject, issuer = "builds@site.example", "https://login.example"
	s, k := newSigned(t), newKeyless(t)
	rule := SignatureRule{Subject: subject, Issuer: issuer, TrustedRoot: k.file}
	digest := s.hash.String()
	s.refer(k.bundle(t, "somebody@site.example", issuer, signPredicate, digest))
	s.refused("no matching CertificateIdentity", rule)
	s.refer(newKeyless(t).bundle(t, subject, issuer, signPredicate, digest)) // another sigstore
	s.refused("none of its 2 signatures is good", rule)
	s.refer(k.bundle(t, subject, issuer, signPredicate, "sha256:"+strings.Repeat("0", 64)))
	s.refused("none of its 3 signatures is good", rule)
	s.refer(k.bundle(t, subject, issuer, "https://example.com/scan-failed", digest))
	s.refused("none of its 4 signatures is good", rule)
	s.refer(k.bundle(t, subject, issuer, signPredicate, digest))
	p, err := s.resolve(rule)
	require.NoError(t, err)
	require.Equal(t, subject+" by "+issuer, p.SignedBy)
}
