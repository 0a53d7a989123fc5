// Package idl understands ROS 2 interface definitions: it parses .msg and .srv
// files into a model, computes the type hash that peers announce (REP-2011,
// REP-2016) and gives the text that recorders and viewers expect.
//
// The generator, package dynamic and the registry of package msgs call it. It
// is pure: a Set does not change once it is made, so it may be shared between
// goroutines, and none is started here. It reads definitions only; values are
// the business of packages cdr and dynamic.
package idl

import (
	"fmt"
	"strings"
)

// Kind is the kind of a single value.
type Kind uint8

// The kinds, in the words of .msg files. Nested is a message.
const (
	Invalid Kind = iota
	Bool
	Byte
	Char
	Int8
	Uint8
	Int16
	Uint16
	Int32
	Uint32
	Int64
	Uint64
	Float32
	Float64
	String
	WString
	Nested
)

var kindNames = [...]string{
	"invalid", "bool", "byte", "char", "int8", "uint8", "int16", "uint16", "int32", "uint32",
	"int64", "uint64", "float32", "float64", "string", "wstring", "message",
}

// String gives the kind's name in .msg files.
func (k Kind) String() string { return kindNames[k] }

// kindOf finds a built-in kind by its name.
func kindOf(name string) (Kind, bool) {
	for k := Bool; k < Nested; k++ {
		if kindNames[k] == name {
			return k, true
		}
	}
	return Invalid, false
}

// Size is the number of bytes a number of this kind takes in CDR, which is
// also its alignment; 0 for strings and messages.
func (k Kind) Size() int {
	switch k {
	case Bool, Byte, Char, Int8, Uint8:
		return 1
	case Int16, Uint16:
		return 2
	case Int32, Uint32, Float32:
		return 4
	case Int64, Uint64, Float64:
		return 8
	}
	return 0
}

// Shape tells a single value from an array and a sequence.
type Shape uint8

// The shapes: one value, a fixed number of them, any number of them.
const (
	Single Shape = iota
	Array
	Sequence
)

// Type is the type of a field.
type Type struct {
	Kind Kind
	// Name is the full name of a Nested message, "std_msgs/msg/Header".
	Name string
	// TextBound is the most bytes that a string may have; 0 is no limit.
	TextBound int
	Shape     Shape
	// Size is the length of an Array or the limit of a Sequence; 0 is no limit.
	Size int
}

// String writes the type as in a .msg file, nested messages with their package.
func (t Type) String() string {
	s := t.Kind.String()
	if t.Kind == Nested {
		s = shortName(t.Name)
	}
	if t.TextBound > 0 {
		s += fmt.Sprintf("<=%d", t.TextBound)
	}
	switch {
	case t.Shape == Array:
		s += fmt.Sprintf("[%d]", t.Size)
	case t.Shape == Sequence && t.Size > 0:
		s += fmt.Sprintf("[<=%d]", t.Size)
	case t.Shape == Sequence:
		s += "[]"
	}
	return s
}

// Field is one field of a message.
type Field struct {
	Name string
	Type Type
	// Default is nil or the default: a bool, int64 (signed kinds), uint64
	// (unsigned kinds, byte, char), float64 or string, or a []any of those.
	Default any
	// Comment is what the definition says about it, without markers.
	Comment string
	// Line is where the field stands in its message's File, from 1.
	Line int
}

// Constant is a named value of a message; it does not go over the wire.
type Constant struct {
	Name    string
	Kind    Kind
	Value   any // as Field.Default
	Comment string
}

// Message is a message, or the request, response or event of a service.
type Message struct {
	// Name is the full name, "nav_msgs/msg/Odometry" or
	// "nav_msgs/srv/GetMap_Request".
	Name      string
	Comment   string
	Fields    []Field
	Constants []Constant
	// Source is the text of the definition; empty for the event of a service.
	Source string
	// File is what errors call the definition; empty when it is of no file.
	File string
}

// At says where a field is, for errors.
func (m *Message) At(f Field) string {
	if m.File == "" {
		return m.Name + "." + f.Name
	}
	return fmt.Sprintf("%s:%d: %s.%s", m.File, f.Line, m.Name, f.Name)
}

// Package is the ROS package of the message.
func (m *Message) Package() string { return packageOf(m.Name) }

// Base is the name without package and kind, "Odometry".
func (m *Message) Base() string { return baseOf(m.Name) }

// placeholder is the member that a message without fields has on the wire: C
// and DDS know no empty structure, so rosidl puts one byte there.
var placeholder = []Field{{Name: "structure_needs_at_least_one_member", Type: Type{Kind: Uint8}}}

// Members are the fields as they lie on the wire: a message without fields has
// one byte.
func (m *Message) Members() []Field {
	if len(m.Fields) == 0 {
		return placeholder
	}
	return m.Fields
}

// Service is a service with its messages.
type Service struct {
	// Name is the full name, "nav_msgs/srv/GetMap".
	Name     string
	Comment  string
	Request  *Message
	Response *Message
	// Event is what service introspection publishes (REP-2012).
	Event  *Message
	Source string
}

// Package is the ROS package of the service.
func (s *Service) Package() string { return packageOf(s.Name) }

// Base is the name without package and kind, "GetMap".
func (s *Service) Base() string { return baseOf(s.Name) }

func packageOf(name string) string {
	pkg, _, _ := strings.Cut(name, "/")
	return pkg
}

func baseOf(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// shortName leaves the kind out: "std_msgs/Header", as .msg files write it.
func shortName(name string) string { return packageOf(name) + "/" + baseOf(name) }
