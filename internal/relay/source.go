package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// source is a repository that a loan is served from.
type source struct {
	repo name.Repository
	keys authn.Keychain
	base http.RoundTripper
	log  *slog.Logger
	away atomic.Bool // no connection came about, and another one may have the image

	mu     sync.Mutex // guards client; never held during a call
	client *http.Client
}

// connect returns a client that the registry knows. It follows redirects, and the
// credentials go to the registry alone.
func (s *source) connect(ctx context.Context) (*http.Client, error) {
	s.mu.Lock()
	c := s.client
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	auth, err := authn.Resolve(ctx, s.keys, s.repo)
	if err != nil {
		return nil, fmt.Errorf("credentials of %s: %w", s.repo.RegistryStr(), err)
	}
	t, err := transport.NewWithContext(ctx, s.repo.Registry, auth, s.base, []string{s.repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client = &http.Client{Transport: t}
	return s.client, nil
}

// get asks for a part of the repository. Any answer but those with the part, or
// that it ends before the range, is an error.
func (s *source) get(ctx context.Context, method, kind, digest string, header http.Header) (*http.Response, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, s.named(err)
	}
	u := url.URL{Scheme: s.repo.Scheme(), Host: s.repo.RegistryStr(), Path: "/v2/" + s.repo.RepositoryStr() + "/" + kind + "/" + digest}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header = header.Clone()
	resp, err := c.Do(req)
	if u := new(url.Error); errors.As(err, &u) {
		err = u.Err // without the address, which may be a storage's, signed for a while
	}
	if err != nil {
		return nil, s.named(err)
	}
	err = transport.CheckError(resp, http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable)
	if err != nil {
		_ = resp.Body.Close()
		return nil, s.named(err)
	}
	return resp, nil
}

// manifest reads a manifest that has that digest.
func (s *source) manifest(ctx context.Context, digest string) (*manifest, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	resp, err := s.get(ctx, http.MethodGet, "manifests", digest, acceptManifests)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := verified(resp.Body, digest)
	if err != nil {
		return nil, s.named(err)
	}
	return &manifest{mediaType: resp.Header.Get("Content-Type"), body: b}, nil
}

// fails notes that another source has to do, and says so once.
func (s *source) fails(err error) {
	var answer *transport.Error
	if !errors.As(err, &answer) && !s.away.Swap(true) {
		s.log.Warn("the mirror does not help", "mirror", s.repo.RegistryStr(), "err", err)
	}
}

// named says which registry it was.
func (s *source) named(err error) error {
	return fmt.Errorf("registry %s: %w", s.repo.RegistryStr(), err)
}
