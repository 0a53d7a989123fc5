package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/dynamic"
)

// The ways between samples and JSON, by the definitions of the library.

// previewLength is how many elements of a long list are shown.
const previewLength = 100

// source is where a sample is from or goes to.
type source struct {
	f     *ros.Follower
	topic string // empty for a service
}

// definitions are those that may be of a type, which the nodes at a topic's ends
// are asked for when there is none; the error says what to configure.
func (s *Server) definitions(ctx context.Context, of source, field, typ, hash string) ([]msgs.Type, error) {
	found, err := s.opt.Types.Find(typ, hash)
	if err == nil {
		return found, nil
	}
	var asked error
	if of.topic != "" && hash != "" {
		var t msgs.Type
		if t, asked = of.f.TellType(ctx, of.topic, typ, hash); asked == nil {
			s.opt.Types.Learn(t)
			return []msgs.Type{t}, nil
		}
	}
	why := fmt.Sprintf("the type %v: list a folder that has it, like a ROS share folder, under messages in the configuration", err)
	if asked != nil {
		why += fmt.Sprintf(" (its nodes do not tell it: %v)", asked)
	}
	return nil, invalid(field, "%s", why)
}

// decode reads a sample. Where several definitions may be meant it takes the first
// that reads the sample to its end.
func (s *Server) decode(ctx context.Context, of source, field, typ, hash string, sample []byte) (json.RawMessage, error) {
	found, err := s.definitions(ctx, of, field, typ, hash)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, t := range found {
		c, err := dynamic.New(t.Set, typ)
		if err != nil {
			return nil, invalid(field, "the type %s cannot be read: %v", typ, err)
		}
		message, err := c.Preview(sample, previewLength)
		if err == nil {
			return dynamic.AppendJSON(nil, message), nil
		}
		problems = append(problems, err)
	}
	// It is the peer's type that is another, not our mistake.
	return nil, &conflict{fmt.Sprintf("no definition here reads a sample of %s: %v", typ, errors.Join(problems...))}
}

// encode makes a sample of JSON; what is absent takes the type's defaults.
func (s *Server) encode(ctx context.Context, to source, field, typ, hash string, text json.RawMessage) ([]byte, error) {
	if typ == "" {
		return nil, invalid("type", "is missing")
	}
	found, err := s.definitions(ctx, to, "type", typ, hash)
	if err != nil {
		return nil, err
	}
	c, err := dynamic.New(found[0].Set, typ)
	if err != nil {
		return nil, invalid("type", "the type %s cannot be written: %v", typ, err)
	}
	if len(text) == 0 {
		text = json.RawMessage("{}")
	}
	sample, err := c.EncodeJSON(nil, text)
	if err != nil {
		return nil, invalid(field, "%v", err)
	}
	return sample, nil
}
