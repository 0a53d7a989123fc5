package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/internal/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func hashOf(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

func write(t *testing.T, path string, lines ...string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600))
}

func known(t *testing.T, anonymous string) (*Auth, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	write(t, path, "# who may do what", "", "ada engineer "+hashOf("a"), "bob viewer "+hashOf("b")+" # watches")
	a, err := New(Options{TokensFile: path, Anonymous: anonymous, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return a, path
}

func request(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func TestTokens(t *testing.T) {
	a, _ := known(t, "none")
	u, err := a.Authenticate(request("a"))
	require.NoError(t, err)
	assert.Equal(t, stream.User{Name: "ada", Role: stream.RoleEngineer}, u)
	_, err = a.Authenticate(request(""))
	assert.ErrorIs(t, err, ErrNoToken)
	for range failuresAMinute {
		_, err = a.Authenticate(request("wrong"))
		require.ErrorIs(t, err, ErrBadToken)
	}
	_, err = a.Authenticate(request("a"))
	assert.ErrorIs(t, err, ErrTooMany, "even with the right one, for a minute")

	open, _ := known(t, "viewer")
	u, err = open.Authenticate(request(""))
	require.NoError(t, err)
	assert.Equal(t, stream.User{Name: "anonymous", Role: stream.RoleViewer}, u)
}

func TestATicketWorksOnceAndForAShortTime(t *testing.T) {
	a, _ := known(t, "none")
	text, expires := a.Ticket(stream.User{Name: "ada", Role: stream.RoleEngineer})
	assert.WithinDuration(t, time.Now().Add(ticketTime), expires, time.Second)
	r := httptest.NewRequest(http.MethodGet, "/?ticket="+text, nil)
	u, err := a.Authenticate(r)
	require.NoError(t, err)
	assert.Equal(t, "ada", u.Name)
	_, err = a.Authenticate(r)
	require.ErrorIs(t, err, ErrBadTicket)

	var k tickets
	now := time.Now()
	late, _ := k.issue(now, u)
	_, ok := k.redeem(now.Add(ticketTime), late)
	assert.False(t, ok)
	for range maxTickets + 100 {
		k.issue(now, u)
	}
	assert.LessOrEqual(t, len(k.open), maxTickets)
}

func TestBadFilesNameLineAndField(t *testing.T) {
	good := hashOf("x")
	for text, want := range map[string]string{
		"ada engineer":                                "line 1: want",
		"\na/b viewer " + good:                        "line 2: name",
		"ada boss " + good:                            "line 1: role",
		"ada viewer 12":                               "line 1: hash",
		"ada viewer " + good + "00":                   "line 1: hash",
		"ada viewer " + good[:62] + "zz":              "line 1: hash",
		"ada viewer " + good + "\nbob viewer " + good: "line 2: hash: the same as that of ada",
	} {
		_, err := parseTokens(strings.NewReader(text))
		assert.ErrorContains(t, err, want, text)
	}
	_, err := New(Options{TokensFile: filepath.Join(t.TempDir(), "none"), Anonymous: "none"})
	assert.ErrorContains(t, err, "auth.tokens_file")
	_, err = New(Options{Anonymous: "root"})
	assert.ErrorContains(t, err, "auth.anonymous")
}

func TestTheNetworkIsNotLetInUnasked(t *testing.T) {
	open, err := New(Options{Anonymous: "engineer"})
	require.NoError(t, err)
	for _, loopback := range []string{"127.0.0.1:80", "localhost:80", "[::1]:80"} {
		assert.NoError(t, open.Check(loopback))
	}
	for _, public := range []string{"0.0.0.0:80", ":80", "192.0.2.1:80"} {
		assert.ErrorContains(t, open.Check(public), "auth.tokens_file")
	}
	closed, _ := known(t, "none")
	assert.NoError(t, closed.Check("0.0.0.0:80"))
	half, _ := known(t, "operator")
	assert.Error(t, half.Check("0.0.0.0:80"))
}

func TestAWithdrawnTokenIsToldOf(t *testing.T) {
	a, path := known(t, "none")
	ctx, cancel := context.WithCancel(t.Context())
	gone, done := make(chan stream.User, 4), make(chan error, 1)
	go func() { done <- a.Run(ctx, func(u stream.User) { gone <- u }) }()
	write(t, path, "bob viewer nonsense")
	require.NoError(t, os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)))
	_, err := a.Authenticate(request("a"))
	require.NoError(t, err, "a broken file changes nothing")
	write(t, path, "bob operator "+hashOf("b"))
	require.NoError(t, os.Chtimes(path, time.Now(), time.Now().Add(2*time.Hour)))
	users := []string{(<-gone).Name, (<-gone).Name}
	assert.ElementsMatch(t, []string{"ada", "bob"}, users)
	_, err = a.Authenticate(request("a"))
	require.ErrorIs(t, err, ErrBadToken)
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
}

func FuzzTokens(f *testing.F) {
	f.Add("ada viewer " + hashOf("x"))
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseTokens(strings.NewReader(text))
		if err == nil {
			for _, h := range all {
				if !h.user.Role.Valid() || h.user.Name == "" {
					t.Fatalf("took %+v", h.user)
				}
			}
		}
	})
}
