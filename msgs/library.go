package msgs

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/muster-fleet/muster/msgs/idl"
)

// Library is all definitions that there are: a user's own before those of Humble
// and Jazzy that are embedded. One name may have several; what a peer announces or
// sends decides between them. What nodes tell of their types can be added. It is
// safe for concurrent use.
type Library struct {
	shelves []*Registry // the best first for peers that announce no hash

	mu      sync.RWMutex
	learned map[[2]string]Type // guarded by mu; by name and hash
}

// maxLearned bounds the definitions that nodes have told.
const maxLearned = 2000

// Learn adds a definition that a node has told, for peers that announce its hash.
func (l *Library) Learn(t Type) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.learned) >= maxLearned {
		clear(l.learned)
	}
	if l.learned == nil {
		l.learned = make(map[[2]string]Type)
	}
	l.learned[[2]string{t.Name, t.Hash}] = t
}

// NewLibrary makes a library of a user's definitions, which may be nil, over the
// embedded ones. The error names the file and line of one that refers to what is
// not there.
func NewLibrary(user *idl.Set) (*Library, error) {
	l := &Library{shelves: []*Registry{Humble(), Default()}}
	if user == nil {
		return l, nil
	}
	var own []*Registry
	for _, base := range l.shelves {
		r, err := NewRegistry(user.Over(base.Set()))
		if err != nil {
			return nil, err
		}
		own = append(own, r)
	}
	l.shelves = append(own, l.shelves...)
	return l, nil
}

// Errors of Find.
var (
	ErrUnknownType  = errors.New("has no definition here")
	ErrOtherVersion = errors.New("has another definition here")
)

// Find gives the definitions that may be those of a peer's type, the best first:
// those with the hash that it announced, which for the request and the response of
// a service is the service's; without one (Humble announces none) all that differ,
// of which the one is right that reads a whole sample. There is at least one, or
// an error that is ErrUnknownType or ErrOtherVersion.
func (l *Library) Find(name, hash string) ([]Type, error) {
	var found []Type
	seen := make(map[string]bool)
	other := ""
	for _, r := range l.shelves {
		t, ok := r.Lookup(name)
		switch {
		case !ok || seen[t.Hash]:
		case hash == "" || hash == t.Hash || hash == r.serviceHash(name):
			seen[t.Hash] = true
			found = append(found, t)
		default:
			other = t.Hash
		}
	}
	l.mu.RLock()
	told, known := l.learned[[2]string{name, hash}]
	l.mu.RUnlock()
	switch {
	case len(found) > 0:
		return found, nil
	case known:
		return []Type{told}, nil
	case other != "":
		return nil, fmt.Errorf("%s %w: the hash is %s there and %s here", name, ErrOtherVersion, hash, other)
	}
	return nil, fmt.Errorf("%s %w", name, ErrUnknownType)
}

// serviceHash is the hash of the service that a message is a part of.
func (r *Registry) serviceHash(part string) string {
	for _, suffix := range []string{"_Request", "_Response"} {
		if name, ok := strings.CutSuffix(part, suffix); ok {
			return r.services[name].Hash
		}
	}
	return ""
}
