package auth

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/muster-fleet/muster/internal/stream"
)

// A ticket opens one WebSocket: a browser can put nothing but an address into
// that request, and an address ends up in logs.
const (
	ticketTime = 30 * time.Second
	maxTickets = 10_000
)

type tickets struct {
	mu   sync.Mutex
	open map[string]ticket // guarded by mu
}

type ticket struct {
	user    stream.User
	expires time.Time
}

func (t *tickets) issue(now time.Time, user stream.User) (text string, expires time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = make(map[string]ticket)
	}
	if len(t.open) >= maxTickets {
		t.makeRoom(now)
	}
	text, expires = rand.Text(), now.Add(ticketTime)
	t.open[text] = ticket{user, expires}
	return text, expires
}

// makeRoom drops the tickets that have expired, and any one when none has.
func (t *tickets) makeRoom(now time.Time) {
	for text, k := range t.open {
		if now.After(k.expires) {
			delete(t.open, text)
		}
	}
	for text := range t.open {
		if len(t.open) < maxTickets {
			return
		}
		delete(t.open, text)
	}
}

// redeem takes a ticket in; it works once.
func (t *tickets) redeem(now time.Time, text string) (stream.User, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.open[text]
	delete(t.open, text)
	return k.user, ok && now.Before(k.expires)
}
