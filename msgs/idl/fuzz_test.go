package idl

import "testing"

// Whatever the text, the parser ends with a message or a *ParseError, and what
// it accepts can be described.
func FuzzParseMessage(f *testing.F) {
	f.Add("# c\nint8 A=1\nstring<=3[<=2] s ['a', \"b\"]\nfloat64[36] x\n")
	f.Add("p/B[] b\nuint8 x 0x10 # c\nbool[2] y [true,0]")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMessage("p", "M", "m.msg", text)
		if err != nil {
			if _, ok := err.(*ParseError); !ok {
				t.Fatalf("error is a %T", err)
			}
			return
		}
		set := NewSet([]*Message{m}, nil)
		if set.Check() == nil {
			if _, err := set.Hash(m.Name); err != nil {
				t.Fatal(err)
			}
		}
	})
}
