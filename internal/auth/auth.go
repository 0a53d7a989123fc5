package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/muster-fleet/muster/internal/stream"
)

// Options say who is known.
type Options struct {
	// TokensFile has a line "name role sha256-of-token" for each user; empty: there
	// are none.
	TokensFile string
	// Anonymous is the role of those without a token; "none" lets them do nothing.
	Anonymous string
	Log       *slog.Logger
}

// Auth knows the users.
type Auth struct {
	opt     Options
	tickets tickets
	fails   failures

	mu      sync.RWMutex
	holders []holder  // guarded by mu
	modTime time.Time // guarded by mu; of the file as it was read
}

// Errors of Authenticate.
var (
	ErrNoToken   = errors.New("a token is needed")
	ErrBadToken  = errors.New("the token is not known")
	ErrBadTicket = errors.New("the ticket is not known, used or expired")
	ErrTooMany   = errors.New("too many wrong tokens from this address; wait a minute")
)

// New reads the tokens file.
func New(o Options) (*Auth, error) {
	if o.Anonymous != "none" && !stream.Role(o.Anonymous).Valid() {
		return nil, fmt.Errorf("auth.anonymous: %q is none of none, viewer, operator, engineer", o.Anonymous)
	}
	a := &Auth{opt: o}
	if o.TokensFile != "" {
		if _, err := a.load(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Check refuses to let the network in where nobody is asked for a token.
func (a *Auth) Check(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	ip := net.ParseIP(host)
	if host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	if a.opt.Anonymous != "none" && a.opt.Anonymous != string(stream.RoleViewer) || a.opt.TokensFile == "" {
		return fmt.Errorf("listen: %s can be reached from other machines, where auth.anonymous (%s) would let "+
			"anyone act: set auth.tokens_file, and auth.anonymous to none or viewer", listen, a.opt.Anonymous)
	}
	return nil
}

// load reads the file and returns the users who lost or changed their role.
func (a *Auth) load() (changed []stream.User, err error) {
	f, err := os.Open(a.opt.TokensFile)
	if err != nil {
		return nil, fmt.Errorf("auth.tokens_file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("auth.tokens_file: %w", err)
	}
	next, err := parseTokens(f)
	if err != nil {
		return nil, fmt.Errorf("auth.tokens_file %s: %w", a.opt.TokensFile, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, old := range a.holders {
		kept := false
		for _, h := range next {
			kept = kept || h == old
		}
		if !kept {
			changed = append(changed, old.user)
		}
	}
	a.holders, a.modTime = next, info.ModTime()
	return changed, nil
}

// reloadEvery bounds how long a withdrawn token still works.
const reloadEvery = 2 * time.Second

// Run reads the file again when it changes, and tells of users whose token or
// role was taken away. A file that cannot be read changes nothing.
func (a *Auth) Run(ctx context.Context, changed func(stream.User)) error {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		info, err := os.Stat(a.opt.TokensFile)
		a.mu.RLock()
		same := err == nil && info.ModTime().Equal(a.modTime)
		a.mu.RUnlock()
		if a.opt.TokensFile == "" || same {
			continue
		}
		users, err := a.load()
		if err != nil {
			a.opt.Log.WarnContext(ctx, "the tokens file is kept as it was read before", "err", err)
			continue
		}
		for _, u := range users {
			changed(u)
		}
	}
}

// Authenticate names the user of a request: by "Authorization: Bearer", by a
// ticket in the query, or as anonymous.
func (a *Auth) Authenticate(r *http.Request) (stream.User, error) {
	now := time.Now()
	if text := r.URL.Query().Get("ticket"); text != "" {
		user, ok := a.tickets.redeem(now, text)
		if !ok {
			return stream.User{}, ErrBadTicket
		}
		return user, nil
	}
	token, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !given {
		if a.opt.Anonymous == "none" {
			return stream.User{}, ErrNoToken
		}
		return stream.User{Name: "anonymous", Role: stream.Role(a.opt.Anonymous)}, nil
	}
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	if a.fails.blocked(now, address) {
		return stream.User{}, ErrTooMany
	}
	a.mu.RLock()
	user, ok := find(a.holders, token)
	a.mu.RUnlock()
	if !ok {
		a.fails.note(now, address)
		return stream.User{}, ErrBadToken
	}
	return user, nil
}

// Ticket makes a ticket with which the user may open one WebSocket.
func (a *Auth) Ticket(user stream.User) (ticket string, expires time.Time) {
	return a.tickets.issue(time.Now(), user)
}

// failures slows down who tries tokens: ten wrong ones a minute per address.
type failures struct {
	mu    sync.Mutex
	begin time.Time      // guarded by mu; of this minute
	count map[string]int // guarded by mu; bounded, see note
}

const (
	failuresAMinute = 10
	maxAddresses    = 10_000
)

func (f *failures) blocked(now time.Time, address string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return now.Sub(f.begin) < time.Minute && f.count[address] >= failuresAMinute
}

func (f *failures) note(now time.Time, address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.begin) >= time.Minute || f.count == nil {
		f.begin, f.count = now, make(map[string]int)
	}
	if len(f.count) < maxAddresses || f.count[address] > 0 {
		f.count[address]++
	}
}
