package dynamic

import (
	"github.com/muster-fleet/muster/msgs/cdr"
	"github.com/muster-fleet/muster/msgs/idl"
)

func (p *plan) read(r *cdr.Reader, limit int) Object {
	o := make(Object, 0, len(p.fields))
	if len(p.fields) == 0 {
		p.skip(r)
	}
	for i := range p.fields {
		f := &p.fields[i]
		v := f.read(r, limit)
		if r.Failed(f.Name) {
			return nil
		}
		o = append(o, Member{Name: f.Name, Value: v})
	}
	return o
}

func (f *field) read(r *cdr.Reader, limit int) any {
	n := f.Type.Size
	switch f.Type.Shape {
	case idl.Single:
		return f.readOne(r, limit)
	case idl.Sequence:
		n = r.Len(f.Type.Size, f.elementSize())
	}
	keep := n
	if limit > 0 {
		keep = min(n, limit)
	}
	list := f.readList(r, keep, limit)
	if keep == n || !r.OK() {
		return list
	}
	f.skip(r, keep, n)
	return Summary{Len: n, First: list}
}

func (f *field) readOne(r *cdr.Reader, limit int) any {
	switch f.Type.Kind {
	case idl.Bool:
		return r.Bool()
	case idl.Int8:
		return r.Int8()
	case idl.Int16:
		return r.Int16()
	case idl.Uint16:
		return r.Uint16()
	case idl.Int32:
		return r.Int32()
	case idl.Uint32:
		return r.Uint32()
	case idl.Int64:
		return r.Int64()
	case idl.Uint64:
		return r.Uint64()
	case idl.Float32:
		return r.Float32()
	case idl.Float64:
		return r.Float64()
	case idl.String:
		var s string
		r.String(&s, f.Type.TextBound)
		return s
	case idl.Nested:
		return f.nested.read(r, limit)
	}
	return r.Uint8() // uint8, byte, char
}

// fill makes a list of n elements by a method of the reader.
func fill[T any](n int, read func([]T)) []T {
	list := make([]T, n)
	read(list)
	return list
}

// readList reads n elements, of which the reader knows that the sample can
// hold them or, for an array, that the definition demands them.
func (f *field) readList(r *cdr.Reader, n, limit int) any {
	if f.Type.Shape == idl.Array && f.Type.Size > r.Remaining()/f.elementSize() {
		f.skip(r, 0, f.Type.Size) // meets the end of the sample without allocating
		return nil
	}
	switch f.Type.Kind {
	case idl.Bool:
		return fill(n, r.Bools)
	case idl.Int8:
		return fill(n, r.Int8s)
	case idl.Int16:
		return fill(n, r.Int16s)
	case idl.Uint16:
		return fill(n, r.Uint16s)
	case idl.Int32:
		return fill(n, r.Int32s)
	case idl.Uint32:
		return fill(n, r.Uint32s)
	case idl.Int64:
		return fill(n, r.Int64s)
	case idl.Uint64:
		return fill(n, r.Uint64s)
	case idl.Float32:
		return fill(n, r.Float32s)
	case idl.Float64:
		return fill(n, r.Float64s)
	case idl.String:
		return fill(n, func(list []string) { r.Strings(list, f.Type.TextBound) })
	case idl.Nested:
		list := make([]Object, n)
		for i := range list {
			list[i] = f.nested.read(r, limit)
			if r.FailedAt("", i) {
				return nil
			}
		}
		return list
	}
	return fill(n, r.Uint8s)
}

// skip passes over the elements from one index up to another.
func (f *field) skip(r *cdr.Reader, from, to int) {
	if f.Type.Kind == idl.Bool && to-from <= r.Remaining() {
		fill(to-from, r.Bools) // a bool can be wrong, so each is looked at
		return
	}
	if size := f.Type.Kind.Size(); size > 0 {
		r.Skip(to-from, size)
		return
	}
	for i := from; i < to; i++ {
		if f.skipOne(r); r.FailedAt("", i) {
			return
		}
	}
}

func (f *field) skipOne(r *cdr.Reader) {
	switch f.Type.Kind {
	case idl.String:
		var s string
		r.String(&s, f.Type.TextBound)
	case idl.Nested:
		f.nested.skip(r)
	case idl.Bool:
		r.Bool()
	default:
		r.Skip(1, f.Type.Kind.Size())
	}
}

// skip passes over a whole message.
func (p *plan) skip(r *cdr.Reader) {
	if len(p.fields) == 0 {
		r.Uint8() // no structure is empty on the wire
		r.Failed(p.placeholder)
	}
	for i := range p.fields {
		f := &p.fields[i]
		switch f.Type.Shape {
		case idl.Single:
			f.skipOne(r)
		case idl.Array:
			f.skip(r, 0, f.Type.Size)
		case idl.Sequence:
			f.skip(r, 0, r.Len(f.Type.Size, f.elementSize()))
		}
		if r.Failed(f.Name) {
			return
		}
	}
}
