package main

import (
	"fmt"

	"github.com/muster-fleet/muster/msgs/idl"
)

// runtimeNames are the names of cdr's methods for single values.
var runtimeNames = map[idl.Kind]string{
	idl.Bool: "Bool", idl.Byte: "Uint8", idl.Char: "Uint8", idl.Int8: "Int8", idl.Uint8: "Uint8",
	idl.Int16: "Int16", idl.Uint16: "Uint16", idl.Int32: "Int32", idl.Uint32: "Uint32",
	idl.Int64: "Int64", idl.Uint64: "Uint64", idl.Float32: "Float32", idl.Float64: "Float64", idl.String: "String",
}

// codec prints the four CDR methods of a message.
func (f *file) codec(m *idl.Message, name string, fields []string) {
	writer, reader := f.use(runtimePath, "Writer"), f.use(runtimePath, "Reader")
	f.p("// MarshalCDR appends the message to dst as a little-endian CDR sample. After an")
	f.p("// error, which is a *cdr.Error, dst comes back as it was.")
	f.p("func (m *%s) MarshalCDR(dst []byte) ([]byte, error) {", name)
	f.p("w := cdr.NewWriter(dst, cdr.LittleEndian)\nm.EncodeCDR(&w)\nreturn w.Finish(%q)\n}\n", m.Name)
	f.p("// UnmarshalCDR reads the message from a CDR sample and reuses the memory of its")
	f.p("// sequences and unchanged strings. After an error, which is a *cdr.Error, the")
	f.p("// content of m is undefined.")
	f.p("func (m *%s) UnmarshalCDR(sample []byte) error {", name)
	f.p("r := cdr.NewReader(sample)\nm.DecodeCDR(&r)\nreturn r.Finish(%q)\n}\n", m.Name)

	receiver := "m *" + name
	if len(m.Fields) == 0 {
		receiver = "*" + name
	}
	f.p("// EncodeCDR writes the body of the message.")
	f.p("func (%s) EncodeCDR(w *%s) {", receiver, writer)
	if len(m.Fields) == 0 {
		f.p("w.Uint8(0) // no structure is empty on the wire")
	}
	for i, field := range m.Fields {
		f.encode(field, fields[i], i == len(m.Fields)-1)
	}
	f.p("}\n")
	f.p("// DecodeCDR reads the body of the message.")
	f.p("func (%s) DecodeCDR(r *%s) {", receiver, reader)
	if len(m.Fields) == 0 {
		f.p("r.Uint8() // no structure is empty on the wire")
		f.p("r.Failed(%q)", m.Members()[0].Name)
	}
	for i, field := range m.Fields {
		f.decode(field, fields[i], i == len(m.Fields)-1)
	}
	f.p("}\n")
}

// check prints how a fault ends a method; the last field just reports it.
func (f *file) check(side, field string, last bool) {
	if last {
		f.p("%s.Failed(%q)", side, field)
		return
	}
	f.p("if %s.Failed(%q) {\nreturn\n}", side, field)
}

func (f *file) encode(field idl.Field, name string, last bool) {
	t, access := field.Type, "m."+name
	switch {
	case t.Kind != idl.Nested:
		f.p("w.%s", encodeCall(t, access))
	case t.Shape == idl.Single:
		f.p("%s.EncodeCDR(w)", access)
	default:
		f.encodeMessages(field, access)
		return
	}
	if f.g.fallible(t) {
		f.check("w", field.Name, last)
	}
}

func encodeCall(t idl.Type, access string) string {
	name, text := runtimeNames[t.Kind], ""
	if t.Kind == idl.String {
		text = fmt.Sprintf(", %d", t.TextBound)
	}
	switch t.Shape {
	case idl.Array:
		return fmt.Sprintf("%ss(%s[:]%s)", name, access, text)
	case idl.Sequence:
		return fmt.Sprintf("%sSeq(%s, %d%s)", name, access, t.Size, text)
	}
	return fmt.Sprintf("%s(%s%s)", name, access, text)
}

func (f *file) encodeMessages(field idl.Field, access string) {
	t := field.Type
	if t.Shape == idl.Sequence {
		f.p("w.Len(len(%s), %d)", access, t.Size)
		if t.Size > 0 {
			f.check("w", field.Name, false)
		}
	}
	f.p("for i := range %s {\n%s[i].EncodeCDR(w)", access, access)
	if nested, _ := f.g.all.Message(t.Name); f.g.anyFallible(nested) {
		f.p("if w.FailedAt(%q, i) {\nreturn\n}", field.Name)
	}
	f.p("}")
}

func (f *file) decode(field idl.Field, name string, last bool) {
	t, access := field.Type, "m."+name
	switch {
	case t.Kind != idl.Nested:
		f.p("%s", decodeStatement(t, access))
	case t.Shape == idl.Single:
		f.p("%s.DecodeCDR(r)", access)
	default:
		f.decodeMessages(field, access)
		return
	}
	f.check("r", field.Name, last)
}

func decodeStatement(t idl.Type, access string) string {
	name := runtimeNames[t.Kind]
	isText := t.Kind == idl.String
	switch {
	case isText && t.Shape == idl.Single:
		return fmt.Sprintf("r.String(&%s, %d)", access, t.TextBound)
	case isText && t.Shape == idl.Array:
		return fmt.Sprintf("r.Strings(%s[:], %d)", access, t.TextBound)
	case isText:
		return fmt.Sprintf("%s = r.StringSeq(%s, %d, %d)", access, access, t.Size, t.TextBound)
	case t.Shape == idl.Array:
		return fmt.Sprintf("r.%ss(%s[:])", name, access)
	case t.Shape == idl.Sequence:
		return fmt.Sprintf("%s = r.%sSeq(%s, %d)", access, name, access, t.Size)
	}
	return fmt.Sprintf("%s = r.%s()", access, name)
}

func (f *file) decodeMessages(field idl.Field, access string) {
	t := field.Type
	if t.Shape == idl.Sequence {
		nested, _ := f.g.all.Message(t.Name)
		f.p("%s = %s(%s, r.Len(%d, %d))", access, f.use(runtimePath, "Resize"), access, t.Size, f.g.all.MinSize(nested))
		f.check("r", field.Name, false)
	}
	f.p("for i := range %s {\n%s[i].DecodeCDR(r)", access, access)
	f.p("if r.FailedAt(%q, i) {\nreturn\n}\n}", field.Name)
}

// fallible tells whether a field can be refused when it is written.
func (g *generator) fallible(t idl.Type) bool {
	if t.TextBound > 0 || (t.Shape == idl.Sequence && t.Size > 0) {
		return true
	}
	if t.Kind != idl.Nested {
		return false
	}
	nested, _ := g.all.Message(t.Name)
	return g.anyFallible(nested)
}

func (g *generator) anyFallible(m *idl.Message) bool {
	for _, field := range m.Fields {
		if g.fallible(field.Type) {
			return true
		}
	}
	return false
}
