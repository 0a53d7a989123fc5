package dynamic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"

	"github.com/muster-fleet/muster/msgs/cdr"
	"github.com/muster-fleet/muster/msgs/idl"
)

// Encode appends a value to dst as a little-endian CDR sample. A message is an
// Object or a map[string]any; a field that is missing gets the default of its
// definition or zero, one that the definition does not have is an error. A
// list is any slice. A number may be of any Go type that holds it exactly, a
// json.Number or text, which is how JavaScript sends 64 bits; nil is NaN for
// a float and the default for all else. The error is a *cdr.Error, and dst
// comes back as it was.
func (c *Codec) Encode(dst []byte, value any) ([]byte, error) {
	return c.encode(dst, value, cdr.LittleEndian)
}

func (c *Codec) encode(dst []byte, value any, order cdr.Order) ([]byte, error) {
	w := cdr.NewWriter(dst, order)
	c.plan.write(&w, value)
	return w.Finish(c.plan.name)
}

// EncodeJSON is Encode for the text of a JSON object, such as AppendJSON makes.
func (c *Codec) EncodeJSON(dst, text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value map[string]any
	if err := d.Decode(&value); err != nil {
		return dst, fmt.Errorf("parse JSON for %s: %w", c.plan.name, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return dst, fmt.Errorf("parse JSON for %s: text follows the object", c.plan.name)
	}
	return c.Encode(dst, value)
}

func (p *plan) write(w *cdr.Writer, value any) {
	get, unknown, ok := p.members(value)
	if !ok {
		w.Fail(fmt.Errorf("%w: %T is no message", cdr.ErrValue, value))
		return
	}
	if unknown != "" {
		w.Fail(fmt.Errorf("%w: %s has no field %q", cdr.ErrValue, p.name, unknown))
		return
	}
	if len(p.fields) == 0 {
		w.Uint8(0) // no structure is empty on the wire
	}
	for i := range p.fields {
		f := &p.fields[i]
		v, ok := get(f.Name)
		if !ok || (v == nil && !f.isFloat()) {
			f.writeDefault(w)
		} else {
			f.write(w, v)
		}
		if w.Failed(f.Name) {
			return
		}
	}
}

func (f *field) isFloat() bool {
	return f.Type.Shape == idl.Single && (f.Type.Kind == idl.Float32 || f.Type.Kind == idl.Float64)
}

// members gives access to the fields of a value, and a field that the message
// does not have.
func (p *plan) members(value any) (get func(string) (any, bool), unknown string, ok bool) {
	switch v := value.(type) {
	case nil:
		return func(string) (any, bool) { return nil, false }, "", true
	case Object:
		for _, m := range v {
			if !p.has(m.Name) {
				return nil, m.Name, true
			}
		}
		return v.Get, "", true
	case map[string]any:
		for name := range v {
			if !p.has(name) && (unknown == "" || name < unknown) {
				unknown = name // the first by name, so that errors do not vary
			}
		}
		return func(name string) (any, bool) { m, ok := v[name]; return m, ok }, unknown, true
	}
	return nil, "", false
}

func (p *plan) has(name string) bool {
	for i := range p.fields {
		if p.fields[i].Name == name {
			return true
		}
	}
	return false
}

// writeDefault writes the default of the definition, or else zero: an empty
// sequence, an array of zeros, a message of defaults.
func (f *field) writeDefault(w *cdr.Writer) {
	switch {
	case f.Default != nil:
		f.write(w, f.Default)
	case f.Type.Shape == idl.Sequence:
		w.Len(0, 0)
	case f.Type.Shape == idl.Array:
		for range f.Type.Size {
			f.writeZero(w)
		}
	default:
		f.writeZero(w)
	}
}

func (f *field) writeZero(w *cdr.Writer) {
	switch f.Type.Kind {
	case idl.Nested:
		f.nested.write(w, nil)
	case idl.String:
		w.String("", 0)
	case idl.Bool:
		w.Bool(false)
	default:
		f.writeOne(w, uint8(0))
	}
}

func (f *field) write(w *cdr.Writer, v any) {
	if f.Type.Shape == idl.Single {
		f.writeOne(w, v)
		return
	}
	if _, cut := v.(Summary); cut {
		w.Fail(fmt.Errorf("%w: a preview does not have all elements", cdr.ErrValue))
		return
	}
	list := reflect.ValueOf(v)
	if kind := list.Kind(); kind != reflect.Slice && kind != reflect.Array {
		w.Fail(fmt.Errorf("%w: %T is no list", cdr.ErrValue, v))
		return
	}
	if f.Type.Shape == idl.Array && list.Len() != f.Type.Size {
		w.Fail(fmt.Errorf("%w: %d elements, the array has %d", cdr.ErrValue, list.Len(), f.Type.Size))
		return
	}
	if f.Type.Shape == idl.Sequence && !w.Len(list.Len(), f.Type.Size) {
		return
	}
	if f.writeBulk(w, v) {
		return
	}
	for i := range list.Len() {
		if f.writeOne(w, list.Index(i).Interface()); w.FailedAt("", i) {
			return
		}
	}
}

// writeBulk writes the large lists that a decoder makes, when the kind fits.
func (f *field) writeBulk(w *cdr.Writer, v any) bool {
	switch v := v.(type) {
	case []uint8:
		if k := f.Type.Kind; k == idl.Uint8 || k == idl.Byte || k == idl.Char {
			w.Uint8s(v)
			return true
		}
	case []float32:
		if f.Type.Kind == idl.Float32 {
			w.Float32s(v)
			return true
		}
	case []float64:
		if f.Type.Kind == idl.Float64 {
			w.Float64s(v)
			return true
		}
	}
	return false
}

func (f *field) writeOne(w *cdr.Writer, v any) {
	switch f.Type.Kind {
	case idl.Nested:
		f.nested.write(w, v)
	case idl.String:
		f.writeString(w, v)
	case idl.Bool:
		f.writeBool(w, v)
	case idl.Float32, idl.Float64:
		f.writeFloat(w, v)
	case idl.Int8, idl.Int16, idl.Int32, idl.Int64:
		f.writeInt(w, v)
	default:
		f.writeUint(w, v)
	}
}
