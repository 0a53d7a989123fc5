package docker

import (
	"context"
	"sync"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// watched are the events that can change what is reported. Health checks also
// make exec events, which cannot.
var watched = []string{
	"create", "start", "die", "stop", "kill", "oom", "pause", "unpause",
	"rename", "update", "destroy", "restart", "health_status",
}

// marks are the containers that events named since the last look: one mark per
// container at most, and one wake-up. Events only say where to look.
type marks struct {
	open chan struct{} // closed when the stream is open
	wake chan struct{} // of size 1

	mu  sync.Mutex // guards ids
	ids map[string]bool
}

func newMarks() *marks {
	return &marks{open: make(chan struct{}), wake: make(chan struct{}, 1), ids: make(map[string]bool)}
}

// take returns the marks and clears them.
func (m *marks) take() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := m.ids
	m.ids = make(map[string]bool)
	return ids
}

func (m *marks) mark(id string) {
	m.mu.Lock()
	m.ids[id] = true
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// read marks what events name until the stream or ctx ends.
func (m *marks) read(ctx context.Context, s *session) {
	filters := make(client.Filters).Add("type", string(events.ContainerEventType)).Add("event", watched...)
	stream := s.Events(ctx, client.EventsListOptions{Filters: filters})
	close(m.open)
	for {
		select {
		case e := <-stream.Messages:
			m.mark(e.Actor.ID)
		case <-stream.Err: //nolint:errcheck // why it ended does not matter: the watch opens another
			return
		}
	}
}
