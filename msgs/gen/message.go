package main

import (
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/muster-fleet/muster/msgs/idl"
)

// goKinds are the Go types of single values. ROS 2's char is an unsigned octet.
var goKinds = map[idl.Kind]string{
	idl.Bool: "bool", idl.Byte: "byte", idl.Char: "uint8", idl.Int8: "int8", idl.Uint8: "uint8",
	idl.Int16: "int16", idl.Uint16: "uint16", idl.Int32: "int32", idl.Uint32: "uint32",
	idl.Int64: "int64", idl.Uint64: "uint64", idl.Float32: "float32", idl.Float64: "float64", idl.String: "string",
}

// message prints the constants, struct and methods of a message.
func (f *file) message(m *idl.Message) error {
	for _, field := range m.Fields {
		if field.Type.Kind == idl.WString {
			return fmt.Errorf("%s.%s: wstring is not supported, as DDS vendors encode it in different ways",
				m.Name, field.Name)
		}
	}
	hash, err := f.g.all.Hash(m.Name)
	if err != nil {
		return fmt.Errorf("hash %s: %w", m.Name, err)
	}
	name, fields := typeName(m), fieldNames(m.Fields)
	f.constants(m, name)
	f.comment(fmt.Sprintf("%s is the message %s.", name, m.Name))
	if m.Comment != "" {
		f.comment("\n" + m.Comment)
	}
	f.p("type %s struct {", name)
	for i, field := range m.Fields {
		if field.Comment != "" {
			f.comment(field.Comment)
		}
		f.p("%s %s", fields[i], f.goType(field.Type))
	}
	f.p("}\n")
	if f.g.hasDefaults(m) {
		f.constructor(m, name, fields)
	}
	f.identity("*"+name, m.Name, hash)
	f.codec(m, name, fields)
	return nil
}

// service prints a service's own type and its request and response.
func (f *file) service(s *idl.Service) error {
	hash, err := f.g.all.Hash(s.Name)
	if err != nil {
		return fmt.Errorf("hash %s: %w", s.Name, err)
	}
	name := f.names.take(s.Base())
	f.comment(fmt.Sprintf("%s is the service %s; it stands for the type and has no content.", name, s.Name))
	if s.Comment != "" {
		f.comment("\n" + s.Comment)
	}
	f.p("type %s struct{}\n", name)
	f.identity(name, s.Name, hash)
	for _, m := range []*idl.Message{s.Request, s.Response} {
		shown := *m
		shown.Comment = "" // it is the service's
		if err := f.message(&shown); err != nil {
			return err
		}
	}
	return nil
}

// identity prints the methods that name a type.
func (f *file) identity(receiver, fullName, hash string) {
	f.p("// TypeName is %q.", fullName)
	f.p("func (%s) TypeName() string { return %q }\n", receiver, fullName)
	f.p("// TypeHash is the RIHS01 hash of the definition (REP-2011).")
	f.p("func (%s) TypeHash() string {\nreturn %q\n}\n", receiver, hash)
}

func (f *file) goType(t idl.Type) string {
	name := goKinds[t.Kind]
	if t.Kind == idl.Nested {
		name = f.ref(t.Name)
	}
	switch t.Shape {
	case idl.Array:
		return fmt.Sprintf("[%d]%s", t.Size, name)
	case idl.Sequence:
		return "[]" + name
	}
	return name
}

func (f *file) constants(m *idl.Message, name string) {
	if len(m.Constants) == 0 {
		return
	}
	f.p("// Constants of %s.", m.Name)
	f.p("const (")
	for _, c := range m.Constants {
		if c.Comment != "" {
			f.comment(c.Comment)
		}
		kind, ok := goKinds[c.Kind]
		if !ok { // wstring, which is text all the same
			kind = "string"
		}
		f.p("%s %s = %s", f.names.take(name+camel(c.Name)), kind, literal(c.Value))
	}
	f.p(")\n")
}

// literal writes a value of a definition as a Go constant.
func literal(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

// hasDefaults tells whether a new message differs from Go's zero value.
func (g *generator) hasDefaults(m *idl.Message) bool {
	for _, field := range m.Fields {
		if field.Default != nil && !isZero(field.Default) {
			return true
		}
		if field.Type.Kind == idl.Nested && field.Type.Shape != idl.Sequence {
			if nested, _ := g.all.Message(field.Type.Name); g.hasDefaults(nested) {
				return true
			}
		}
	}
	return false
}

// isZero tells whether a default is Go's zero value. Negative zero is not.
func isZero(v any) bool {
	if f, ok := v.(float64); ok {
		return f == 0 && !math.Signbit(f)
	}
	return reflect.ValueOf(v).IsZero()
}

// constructor prints a function that sets the defaults of a definition.
func (f *file) constructor(m *idl.Message, name string, fields []string) {
	function := f.names.take("New" + name)
	f.p("// %s gives the message with the defaults of its definition.", function)
	f.p("func %s() %s {", function, name)
	f.p("var m %s", name)
	for i, field := range m.Fields {
		if field.Type.Kind != idl.Nested {
			if field.Default != nil && !isZero(field.Default) {
				f.p("m.%s = %s", fields[i], f.value(field.Type, field.Default))
			}
			continue
		}
		nested, _ := f.g.all.Message(field.Type.Name)
		if field.Type.Shape == idl.Sequence || !f.g.hasDefaults(nested) {
			continue
		}
		call := f.qualify(field.Type.Name, "New") + "()"
		if field.Type.Shape == idl.Single {
			f.p("m.%s = %s", fields[i], call)
			continue
		}
		f.p("for i := range m.%s {\nm.%s[i] = %s\n}", fields[i], fields[i], call)
	}
	f.p("return m\n}\n")
}

// value writes a default as a Go expression.
func (f *file) value(t idl.Type, v any) string {
	list, ok := v.([]any)
	if !ok {
		if number, ok := v.(float64); ok {
			return f.float(t, number)
		}
		return literal(v)
	}
	text := f.goType(t) + "{"
	single := idl.Type{Kind: t.Kind}
	for i, e := range list {
		if i > 0 {
			text += ", "
		}
		text += f.value(single, e)
	}
	return text + "}"
}

// float writes a number, of which Go has no literal for some.
func (f *file) float(t idl.Type, v float64) string {
	var special string
	switch {
	case math.IsNaN(v):
		special = f.use("math", "NaN") + "()"
	case math.IsInf(v, 1):
		special = f.use("math", "Inf") + "(1)"
	case math.IsInf(v, -1):
		special = f.use("math", "Inf") + "(-1)"
	case v == 0 && math.Signbit(v):
		special = f.use("math", "Copysign") + "(0, -1)"
	default:
		return literal(v)
	}
	if t.Kind == idl.Float32 {
		return "float32(" + special + ")"
	}
	return special
}
