package api

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/dynamic"
)

// The ways between samples and JSON, by the definitions of the library.

// previewLength is how many elements of a long list are shown.
const previewLength = 100

// definitions are those that may be of a type; the error says what to configure.
func (s *Server) definitions(field, typ, hash string) ([]msgs.Type, error) {
	found, err := s.opt.Types.Find(typ, hash)
	if err != nil {
		return nil, invalid(field, "the type %v: list a folder that has it, like a ROS share folder, under messages in the configuration", err)
	}
	return found, nil
}

// decode reads a sample. Where several definitions may be meant it takes the first
// that reads the sample to its end.
func (s *Server) decode(field, typ, hash string, sample []byte) (json.RawMessage, error) {
	found, err := s.definitions(field, typ, hash)
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
func (s *Server) encode(field, typ, hash string, text json.RawMessage) ([]byte, error) {
	if typ == "" {
		return nil, invalid("type", "is missing")
	}
	found, err := s.definitions("type", typ, hash)
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
