package docker

import (
	"fmt"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// Credential is what a registry wants to know of us.
type Credential struct {
	Username string
	// PasswordFile is read each time, so a password may be changed under way.
	PasswordFile string
}

// Credentials are those of the registries by "host[:port]"; "docker.io" is
// Docker Hub. A registry that is not there is spoken to without.
type Credentials map[string]Credential

var _ authn.Keychain = Credentials(nil)

// Resolve returns the credential of a registry.
func (c Credentials) Resolve(r authn.Resource) (authn.Authenticator, error) {
	host := r.RegistryStr()
	cred, ok := c[host]
	if !ok && host == name.DefaultRegistry {
		cred, ok = c["docker.io"]
	}
	if !ok {
		return authn.Anonymous, nil
	}
	b, err := os.ReadFile(cred.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("password of registry %s: %w", host, err)
	}
	return &authn.Basic{Username: cred.Username, Password: strings.TrimSpace(string(b))}, nil
}
