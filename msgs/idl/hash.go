package idl

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"
)

// hashPrefix is the version of the ROS Interface Hashing Standard (REP-2011).
const hashPrefix = "RIHS01_"

// Type ids of type_description_interfaces/msg/FieldType (REP-2016): a base for
// the kind, an offset for the shape. char is an unsigned octet in ROS 2 and is
// described as uint8.
var typeIDs = [...]int{
	Nested: 1, Int8: 2, Uint8: 3, Int16: 4, Uint16: 5, Int32: 6, Uint32: 7, Int64: 8, Uint64: 9,
	Float32: 10, Float64: 11, Char: 3, Bool: 15, Byte: 16, String: 17, WString: 18,
}

const (
	idBoundedText       = 4 // from string to bounded string
	idArray             = 48
	idBoundedSequence   = 96
	idUnboundedSequence = 144
)

func typeID(t Type) int {
	id := typeIDs[t.Kind]
	if t.TextBound > 0 {
		id += idBoundedText
	}
	switch {
	case t.Shape == Array:
		id += idArray
	case t.Shape == Sequence && t.Size > 0:
		id += idBoundedSequence
	case t.Shape == Sequence:
		id += idUnboundedSequence
	}
	return id
}

// TypeOf is the type that a field has in a type description (REP-2016,
// type_description_interfaces/msg/FieldType); the reverse of what Hash describes.
func TypeOf(id uint8, capacity, stringCapacity uint64, nested string) (Type, error) {
	fail := func() (Type, error) {
		return Type{}, fmt.Errorf("type id %d with capacity %d, text limit %d and message %q is not supported", id, capacity, stringCapacity, nested)
	}
	const most = math.MaxInt32 // as in a definition
	if capacity > most || stringCapacity > most {
		return fail()
	}
	t := Type{Size: int(capacity), TextBound: int(stringCapacity), Name: nested}
	element := int(id)
	switch {
	case id > idUnboundedSequence:
		t.Shape, element = Sequence, element-idUnboundedSequence
	case id > idBoundedSequence:
		t.Shape, element = Sequence, element-idBoundedSequence
	case id > idArray:
		t.Shape, element = Array, element-idArray
	}
	if t.TextBound > 0 {
		element -= idBoundedText
	}
	for k := Bool; k <= Nested && t.Kind == Invalid; k++ {
		if k != Char && typeIDs[k] == element { // char is described as uint8
			t.Kind = k
		}
	}
	switch {
	case t.Kind == Invalid, typeID(t) != int(id),
		t.TextBound > 0 && t.Kind != String && t.Kind != WString,
		t.Shape == Single && t.Size > 0, t.Shape == Array && t.Size == 0,
		t.Kind == Nested && !validFullName(nested), t.Kind != Nested && nested != "":
		return fail()
	}
	return t, nil
}

// validFullName reports whether a name is like "std_msgs/msg/Header", or that of a
// part of a service or an action.
func validFullName(name string) bool {
	parts := strings.Split(name, "/")
	return len(parts) == 3 && validFieldName(parts[0]) && (parts[1] == "msg" || parts[1] == "srv" || parts[1] == "action") &&
		validMessageName(strings.ReplaceAll(parts[2], "_", ""))
}

// Described makes a message of a type description's name and fields, as a peer
// tells them.
func Described(name string, fields []Field) (*Message, error) {
	if !validFullName(name) {
		return nil, fmt.Errorf("%q is no message name", name)
	}
	m := &Message{Name: name}
	seen := make(map[string]bool)
	for _, f := range fields {
		if !validFieldName(f.Name) || seen[f.Name] {
			return nil, fmt.Errorf("%s: %q is no field name, or there twice", name, f.Name)
		}
		seen[f.Name] = true
	}
	if len(fields) != 1 || fields[0].Name != placeholder[0].Name {
		m.Fields = fields
	}
	return m, nil
}

// Hash computes the type hash of a message or service, "RIHS01_" and 64 hex
// digits, as peers announce it from Iron on (REP-2011): SHA-256 over
// CanonicalJSON.
func (s *Set) Hash(name string) (string, error) {
	text, err := s.CanonicalJSON(name)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s%x", hashPrefix, sha256.Sum256([]byte(text))), nil
}

// CanonicalJSON writes the type description of a message or service (REP-2016)
// byte for byte as rosidl hashes it: fixed key order, ", " and ": " between
// things, no default values, and referenced types in the order of their names.
func (s *Set) CanonicalJSON(name string) (string, error) {
	m, ok := s.messages[name]
	if !ok {
		v, isService := s.services[name]
		if !isService {
			return "", fmt.Errorf("unknown type %s", name)
		}
		m = v.described()
	}
	references, err := s.References(m)
	if err != nil {
		return "", err
	}
	slices.SortFunc(references, func(a, b *Message) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	b.WriteString(`{"type_description": `)
	describe(&b, m)
	b.WriteString(`, "referenced_type_descriptions": [`)
	for i, r := range references {
		if i > 0 {
			b.WriteString(", ")
		}
		describe(&b, r)
	}
	b.WriteString("]}")
	return b.String(), nil
}

// described is the service as a structure of its three messages.
func (s *Service) described() *Message {
	member := func(name string, m *Message) Field {
		return Field{Name: name, Type: Type{Kind: Nested, Name: m.Name}}
	}
	return &Message{Name: s.Name, Fields: []Field{
		member("request_message", s.Request),
		member("response_message", s.Response),
		member("event_message", s.Event),
	}}
}

// describe writes one type. Names are ASCII by the grammar, so none needs
// escaping.
func describe(b *strings.Builder, m *Message) {
	fmt.Fprintf(b, `{"type_name": "%s", "fields": [`, m.Name)
	for i, f := range m.Members() {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, `{"name": "%s", "type": {"type_id": %d, "capacity": %d, "string_capacity": %d, "nested_type_name": "%s"}}`,
			f.Name, typeID(f.Type), f.Type.Size, f.Type.TextBound, f.Type.Name)
	}
	b.WriteString("]}")
}
