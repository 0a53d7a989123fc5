package idl

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestParseMessage(t *testing.T) {
	text := strings.Join([]string{
		"# What it is,",
		"# in two lines.",
		"",
		"# A remark that belongs to nothing.",
		"",
		"uint8 LOW=1  # a hint",
		"string GREETING = 'it\\'s'",
		"# Before",
		"int16[<=3] few [1, -2]\t# behind",
		"string<=5 name \"a b\"",
		"wstring<=2[2] pair",
		"Other[4] others",
		"std_msgs/Header header",
		"float64 ratio 1e3",
		"bool on TRUE",
		"char c 0x41",
		"uint64 big 18446744073709551615",
		"string[] words [\"a, b\", 'c']",
		"",
	}, "\n")
	m, err := ParseMessage("my_msgs", "Thing", "Thing.msg", text)
	require.NoError(t, err)
	require.Equal(t, &Message{
		Name:    "my_msgs/msg/Thing",
		Comment: "What it is,\nin two lines.",
		Source:  text,
		File:    "Thing.msg",
		Constants: []Constant{
			{Name: "LOW", Kind: Uint8, Value: uint64(1), Comment: "a hint"},
			{Name: "GREETING", Kind: String, Value: "it's"},
		},
		Fields: []Field{
			{
				Name: "few", Type: Type{Kind: Int16, Shape: Sequence, Size: 3},
				Default: []any{int64(1), int64(-2)}, Comment: "Before\nbehind", Line: 9,
			},
			{Name: "name", Type: Type{Kind: String, TextBound: 5}, Default: "a b", Line: 10},
			{Name: "pair", Type: Type{Kind: WString, TextBound: 2, Shape: Array, Size: 2}, Line: 11},
			{Name: "others", Type: Type{Kind: Nested, Name: "my_msgs/msg/Other", Shape: Array, Size: 4}, Line: 12},
			{Name: "header", Type: Type{Kind: Nested, Name: "std_msgs/msg/Header"}, Line: 13},
			{Name: "ratio", Type: Type{Kind: Float64}, Default: 1000.0, Line: 14},
			{Name: "on", Type: Type{Kind: Bool}, Default: true, Line: 15},
			{Name: "c", Type: Type{Kind: Char}, Default: uint64(65), Line: 16},
			{Name: "big", Type: Type{Kind: Uint64}, Default: uint64(1<<64 - 1), Line: 17},
			{Name: "words", Type: Type{Kind: String, Shape: Sequence}, Default: []any{"a, b", "c"}, Line: 18},
		},
	}, m)
}

func TestParseMessageRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"int32", `m.msg:1: "int32" has a type and no name`},
		{"\n\nint33 x", `m.msg:3: x: unknown type "int33"`},
		{"int32 X", `m.msg:1: X: "X" is no field name`},
		{"int32 a__b", `m.msg:1: a__b: "a__b" is no field name`},
		{"int32 a\nint8 a", `m.msg:2: a: field is defined twice`},
		{"int32 low=1", `m.msg:1: low: "low" is no constant name`},
		{"int8 A=1\nint8 A=2", `m.msg:2: A: constant is defined twice`},
		{"int8[] A=1", `m.msg:1: A: a constant has a built-in type, not "int8[]"`},
		{"int8 A=128", `m.msg:1: A: "128" is no int8`},
		{"uint8 A=-1", `m.msg:1: A: "-1" is no uint8`},
		{"float32 A=x", `m.msg:1: A: "x" is no float32`},
		{"bool a yes", `m.msg:1: a: "yes" is no bool`},
		{"int8[0] a", `m.msg:1: a: type "int8[0]": size "0" is no whole number from 1 to 2^31-1`},
		{"int8[<=99999999999] a", `size "99999999999" is no whole number`},
		{"int8] a", `m.msg:1: a: type "int8]" has ']' without '['`},
		{"int8<=3 a", `m.msg:1: a: type "int8<=3": only a string has a limit`},
		{"string<=x a", `m.msg:1: a: type "string<=x": limit "x" is no whole number`},
		{"string<=2 a abc", `m.msg:1: a: "abc" has 3 bytes, limit 2`},
		{`string a "b"c"`, `m.msg:1: a: "b"c" has a quote inside that is not escaped`},
		{"int8[2] a [1]", `m.msg:1: a: default has 1 elements, the array 2`},
		{"int8[<=1] a [1,2]", `m.msg:1: a: default has 2 elements, limit 1`},
		{"int8[] a 1", `m.msg:1: a: default "1" of an array has no brackets`},
		{"int8[] a [1,x]", `m.msg:1: a: element 1: "x" is no int8`},
		{`string[] a ["x]`, `has a quote without end`},
		{"std_msgs/Header a 1", `m.msg:1: a: a message field has no default`},
		{"a/b/C x", `m.msg:1: x: unknown type "a/b/C"`},
	} {
		_, err := ParseMessage("p", "M", "m.msg", c.text)
		require.ErrorContains(t, err, c.want, c.text)
		var parse *ParseError
		require.True(t, errors.As(err, &parse))
	}
	_, err := ParseMessage("P", "M", "m.msg", "")
	require.ErrorContains(t, err, `m.msg:1: "P" is no package name`)
	_, err = ParseMessage("p", "m", "m.msg", "")
	require.ErrorContains(t, err, `m.msg:1: "m" is no message name`)
}

func TestParseService(t *testing.T) {
	s, err := ParseService("p", "Ask", "Ask.srv", "# Asks.\nint8 a\n---\nint8 b\n")
	require.NoError(t, err)
	require.Equal(t, "Asks.", s.Comment)
	require.Equal(t, "p/srv/Ask_Request", s.Request.Name)
	require.Equal(t, "# Asks.\nint8 a\n", s.Request.Source)
	require.Equal(t, "int8 b\n", s.Response.Source)

	_, err = ParseService("p", "Ask", "Ask.srv", "int8 a\n")
	require.ErrorContains(t, err, "Ask.srv:1: found 0 lines '---'")
	_, err = ParseService("p", "Ask", "Ask.srv", "int8 a\n---\n\nint9 b\n")
	require.ErrorContains(t, err, "Ask.srv:4: b: unknown type")
}

func TestSetFindsBadReferences(t *testing.T) {
	load := func(files ...string) *Set {
		fsys := fstest.MapFS{}
		for i := 0; i < len(files); i += 2 {
			fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
		}
		set, err := Load(fsys)
		require.NoError(t, err)
		return set
	}
	require.EqualError(t, load("p/msg/A.msg", "B b").Check(), "p/msg/A.msg:1: p/msg/A.b: unknown message p/msg/B")
	require.EqualError(t, load("p/msg/A.msg", "B b", "p/msg/B.msg", "A[] a").Check(),
		"p/msg/B.msg:1: p/msg/B.a: p/msg/A contains itself")

	// The install folder of a workspace, and a root for the errors.
	set, err := LoadAs(fstest.MapFS{"p/share/p/msg/A.msg": {Data: []byte("\nB b")}}, "/ws/install")
	require.NoError(t, err)
	require.EqualError(t, set.Check(), "/ws/install/p/share/p/msg/A.msg:2: p/msg/A.b: unknown message p/msg/B")

	base := load("p/msg/A.msg", "int8 x", "q/msg/C.msg", "p/A a")
	over := load("p/msg/A.msg", "int16 x").Over(base)
	require.NoError(t, over.Check())
	a, _ := over.Message("p/msg/A")
	require.Equal(t, Int16, a.Fields[0].Type.Kind)
	a, _ = base.Message("p/msg/A")
	require.Equal(t, Int8, a.Fields[0].Type.Kind)
}

func TestText(t *testing.T) {
	set, err := Load(fstest.MapFS{
		"p/msg/A.msg": {Data: []byte("B b\nq/C c")},
		"p/msg/B.msg": {Data: []byte("q/C[] c\n")},
		"q/msg/C.msg": {Data: []byte("# only a remark\n")},
		"q/srv/S.srv": {Data: []byte("---\nC c\n")},
	})
	require.NoError(t, err)
	got, err := set.Text("p/msg/A")
	require.NoError(t, err)
	line := strings.Repeat("=", 80) + "\n"
	require.Equal(t, "B b\nq/C c\n"+line+"MSG: p/B\nq/C[] c\n"+line+"MSG: q/C\n# only a remark\n", got)
	got, err = set.Text("q/srv/S_Response")
	require.NoError(t, err)
	require.Equal(t, "C c\n"+line+"MSG: q/C\n# only a remark\n", got)
	_, err = set.Text("q/msg/D")
	require.EqualError(t, err, "unknown message q/msg/D")
}
