package auth

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/muster-fleet/muster/internal/stream"
)

// holder is one line of a tokens file.
type holder struct {
	user stream.User
	hash [sha256.Size]byte // of the token
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9._@-]{1,64}$`)

// maxFile bounds a tokens file.
const maxFile = 1 << 20

// parseTokens reads lines "name role sha256-of-token"; empty lines and those that
// begin with # are passed over. The token's hash alone is kept, so a file that is
// seen gives no access.
func parseTokens(r io.Reader) ([]holder, error) {
	var all []holder
	lines := bufio.NewScanner(io.LimitReader(r, maxFile))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := bytes.Cut(lines.Bytes(), []byte("#"))
		fields := strings.Fields(string(line))
		if len(fields) == 0 {
			continue
		}
		h, err := parseHolder(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		for _, other := range all {
			if other.hash == h.hash {
				return nil, fmt.Errorf("line %d: hash: the same as that of %s", n, other.user.Name)
			}
		}
		all = append(all, h)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return all, nil
}

func parseHolder(fields []string) (h holder, err error) {
	if len(fields) != 3 {
		return h, fmt.Errorf("want \"name role sha256-of-token\", got %d words", len(fields))
	}
	h.user = stream.User{Name: fields[0], Role: stream.Role(fields[1])}
	if !namePattern.MatchString(h.user.Name) {
		return h, fmt.Errorf("name: %q has characters that a name may not have", fields[0])
	}
	if !h.user.Role.Valid() {
		return h, fmt.Errorf("role: %q is none of viewer, operator, engineer", fields[1])
	}
	if n, err := hex.Decode(h.hash[:], []byte(fields[2][:min(len(fields[2]), 2*sha256.Size)])); err != nil || n != sha256.Size || len(fields[2]) != 2*sha256.Size {
		return h, fmt.Errorf("hash: want the %d hexadecimal digits of a SHA-256", 2*sha256.Size)
	}
	return h, nil
}

// find compares a token with all holders' in constant time.
func find(all []holder, token string) (stream.User, bool) {
	hash := sha256.Sum256([]byte(token))
	found := -1
	for i, h := range all {
		if subtle.ConstantTimeCompare(h.hash[:], hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return stream.User{}, false
	}
	return all[found].user, true
}
