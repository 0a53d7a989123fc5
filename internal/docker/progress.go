package docker

import (
	"fmt"

	"github.com/moby/moby/api/types/jsonstream"

	"github.com/muster-fleet/muster/internal/rollout"
)

// layers adds up how far a pull came from what the engine says of each layer.
type layers struct {
	total  int64 // of the image's manifest, 0 when not known
	layers map[string]rollout.Progress
	said   map[string]string // the last message of each layer
}

// news reports whether a message says more than the one before it: while nothing
// comes, an engine with containerd's image store repeats itself.
func (l *layers) news(m jsonstream.Message) bool {
	now := m.Status
	if m.Progress != nil {
		now += fmt.Sprintf(" %d/%d", m.Progress.Current, m.Progress.Total)
	}
	if l.said[m.ID] == now {
		return false
	}
	l.said[m.ID] = now
	return true
}

// take takes in one message and reports whether it told of progress. Unpacking
// is not counted: it is told in other bytes.
func (l *layers) take(m jsonstream.Message) bool {
	p, was := l.layers[m.ID], l.layers[m.ID]
	switch m.Status {
	case "Downloading":
		if m.Progress == nil {
			return false
		}
		p = rollout.Progress{Done: m.Progress.Current, Total: m.Progress.Total}
	case "Download complete":
		p.Done = p.Total
	default:
		return false
	}
	l.layers[m.ID] = p
	return p != was
}

func (l *layers) sum() rollout.Progress {
	var p rollout.Progress
	for _, layer := range l.layers {
		p.Done += layer.Done
		p.Total += layer.Total
	}
	p.Total = max(p.Total, l.total)
	return p
}
