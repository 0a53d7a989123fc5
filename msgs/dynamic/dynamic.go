// Package dynamic reads and writes CDR samples by a definition that is known
// only at run time, so that any topic can be shown and published without
// generated code.
//
// Whoever shows topics to a person or takes messages from one calls it; code
// that works with a message's fields uses the generated structs, which are
// faster. A Codec does not change once it is made, so it may be shared between
// goroutines; none is started here. It must not be used to guess a type: a
// sample of another type is refused at best and misread at worst.
package dynamic

import (
	"fmt"

	"github.com/muster-fleet/muster/msgs/cdr"
	"github.com/muster-fleet/muster/msgs/idl"
)

// Object is a message: its fields in the order of the definition.
type Object []Member

// Member is one field of a message. Value is a bool, a number of the Go type
// that the field's kind is named after (byte and char are uint8), a string or
// an Object; for arrays and sequences it is a slice of those, such as
// []float64, or a Summary.
type Member struct {
	Name  string
	Value any
}

// Get finds a field by its name.
func (o Object) Get(name string) (any, bool) {
	for _, m := range o {
		if m.Name == name {
			return m.Value, true
		}
	}
	return nil, false
}

// Summary stands for an array or sequence of which Preview shows the start.
type Summary struct {
	Len   int // number of elements in the sample
	First any // slice of the first of them
}

// Codec reads and writes messages of one type.
type Codec struct {
	plan *plan
}

// New makes a codec for a message by its full name, "nav_msgs/msg/Odometry" or
// "nav_msgs/srv/GetMap_Request". The error names an unknown message, or a
// field of a kind that is not supported: wstring, which DDS vendors encode in
// different ways.
func New(set *idl.Set, name string) (*Codec, error) {
	m, ok := set.Message(name)
	if !ok {
		return nil, fmt.Errorf("unknown message %s", name)
	}
	if _, err := set.References(m); err != nil {
		return nil, err
	}
	p, err := newPlan(set, m, map[string]*plan{})
	if err != nil {
		return nil, err
	}
	return &Codec{plan: p}, nil
}

// Name is the full name of the message.
func (c *Codec) Name() string { return c.plan.name }

// Decode reads a sample. The error is a *cdr.Error.
func (c *Codec) Decode(sample []byte) (Object, error) { return c.Preview(sample, 0) }

// Preview reads a sample and keeps at most limit elements of each array and
// sequence; a longer one becomes a Summary. 0 is no limit.
func (c *Codec) Preview(sample []byte, limit int) (Object, error) {
	r := cdr.NewReader(sample)
	o := c.plan.read(&r, limit)
	if err := r.Finish(c.plan.name); err != nil {
		return nil, err
	}
	return o, nil
}

// plan is a message with its nested messages resolved.
type plan struct {
	name   string
	fields []field
	// placeholder is the member that a message without fields has on the wire.
	placeholder string
	size        int // least number of bytes in CDR
}

type field struct {
	idl.Field
	nested *plan // of a message field
}

func newPlan(set *idl.Set, m *idl.Message, made map[string]*plan) (*plan, error) {
	if p := made[m.Name]; p != nil {
		return p, nil
	}
	p := &plan{name: m.Name, placeholder: m.Members()[0].Name, size: set.MinSize(m)}
	for _, f := range m.Fields {
		next := field{Field: f}
		switch f.Type.Kind {
		case idl.WString:
			return nil, fmt.Errorf("%s: wstring is not supported, as DDS vendors encode it in different ways", m.At(f))
		case idl.Nested:
			nested, _ := set.Message(f.Type.Name)
			var err error
			if next.nested, err = newPlan(set, nested, made); err != nil {
				return nil, err
			}
		}
		p.fields = append(p.fields, next)
	}
	made[m.Name] = p
	return p, nil
}

// elementSize is the least number of bytes of one element in CDR.
func (f *field) elementSize() int {
	switch f.Type.Kind {
	case idl.Nested:
		return f.nested.size
	case idl.String:
		return 4
	}
	return f.Type.Kind.Size()
}
