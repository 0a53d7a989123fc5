package stream

import (
	"encoding/json"
	"fmt"
)

// MaxMessage bounds a message from a client, in bytes.
const MaxMessage = 16 << 10

// request is any message from a client; the op says which fields count.
type request struct {
	Op          string   `json:"op"`
	SID         int64    `json:"sid"`
	View        string   `json:"view"`
	MaxHz       *float64 `json:"max_hz"`
	Since       *since   `json:"since"`
	EventsSince *uint64  `json:"events_since"`
	Hidden      bool     `json:"hidden"`
	Version     Version  `json:"version"`
}

// Receive takes a text message from the client. What is wrong with it is told
// to the client; unknown ops and fields are ignored.
func (s *Session) Receive(message []byte) {
	var r request
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := json.Unmarshal(message, &r); err != nil {
		s.refuse(r.Op, err.Error())
		return
	}
	if r.MaxHz != nil && !(*r.MaxHz >= 1 && *r.MaxHz <= maxHz) {
		s.refuse(r.Op, fmt.Sprintf("max_hz %g is not within 1 and %d", *r.MaxHz, maxHz))
		return
	}
	switch r.Op {
	case "subscribe":
		s.subscribe(&r)
	case "update":
		if s.subscribed(&r) && r.MaxHz != nil {
			s.flow.maxHz = *r.MaxHz
		}
	case "unsubscribe":
		if s.subscribed(&r) {
			s.sub, s.batch, s.flow.n = nil, nil, 0
		}
	case "visibility":
		s.flow.hidden = r.Hidden
	case "ack":
		s.flow.ack(uint64(r.Version))
	}
}

func (s *Session) subscribe(r *request) {
	switch {
	case s.closed:
		return
	case r.View != "fleet":
		s.refuse(r.Op, fmt.Sprintf("view %q is not known; there is \"fleet\"", r.View))
		return
	case s.sub != nil && s.sub.sid != r.SID:
		s.refuse(r.Op, fmt.Sprintf("this session is subscribed already, with sid %d", s.sub.sid))
		return
	}
	if r.MaxHz != nil {
		s.flow.maxHz = *r.MaxHz
	}
	s.batch, s.flow.n = nil, 0
	s.sub = &subscription{sid: r.SID, fresh: true, since: r.Since, eventsSince: r.EventsSince}
}

func (s *Session) subscribed(r *request) bool {
	if s.sub != nil && s.sub.sid == r.SID {
		return true
	}
	s.refuse(r.Op, fmt.Sprintf("there is no subscription with sid %d", r.SID))
	return false
}

func (s *Session) refuse(op, text string) {
	s.say(errorMessage{Op: "error", Code: "invalid", Text: text, Req: op})
}
