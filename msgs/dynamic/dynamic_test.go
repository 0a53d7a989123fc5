package dynamic

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/msgs/cdr"
	"github.com/muster-fleet/muster/msgs/idl"
)

// codec makes a codec for p/msg/T.
func codec(t testing.TB, text string) *Codec {
	t.Helper()
	set, err := idl.Load(fstest.MapFS{
		"p/msg/T.msg":     {Data: []byte(text)},
		"p/msg/Point.msg": {Data: []byte("float64 x\nfloat64 y 2.5\n")},
		"p/msg/Named.msg": {Data: []byte("string name\nPoint[] points\n")},
		"p/msg/Empty.msg": {},
	})
	require.NoError(t, err)
	c, err := New(set, "p/msg/T")
	require.NoError(t, err)
	require.Equal(t, "p/msg/T", c.Name())
	return c
}

// roundTrip encodes a value and gives what is decoded again.
func roundTrip(t testing.TB, c *Codec, value any) Object {
	t.Helper()
	sample, err := c.Encode(nil, value)
	require.NoError(t, err)
	o, err := c.Decode(sample)
	require.NoError(t, err)
	return o
}

func TestNewRefuses(t *testing.T) {
	set, err := idl.Load(fstest.MapFS{
		"p/msg/Wide.msg":  {Data: []byte("wstring text\n")},
		"p/msg/Outer.msg": {Data: []byte("Wide[] wides\n")},
		"p/msg/Lost.msg":  {Data: []byte("Gone gone\n")},
	})
	require.NoError(t, err)
	for name, want := range map[string]string{
		"p/msg/None":  "unknown message p/msg/None",
		"p/msg/Outer": "p/msg/Wide.text: wstring is not supported",
		"p/msg/Lost":  "p/msg/Lost.gone: unknown message p/msg/Gone",
	} {
		_, err := New(set, name)
		require.ErrorContains(t, err, want)
	}
}

func TestDefaults(t *testing.T) {
	c := codec(t, "int8 a 7\nstring s 'hi'\nint16[2] two [1, 2]\nint32[] more [3]\nfloat32[2] zeros\nPoint p\n"+
		"Point[2] ps\nPoint[] none\nbool b true\nEmpty e\nstring[2] texts\nbool[1] flags\n")
	want := Object{
		{"a", int8(7)},
		{"s", "hi"},
		{"two", []int16{1, 2}},
		{"more", []int32{3}},
		{"zeros", []float32{0, 0}},
		{"p", Object{{"x", 0.0}, {"y", 2.5}}},
		{"ps", []Object{{{"x", 0.0}, {"y", 2.5}}, {{"x", 0.0}, {"y", 2.5}}}},
		{"none", []Object{}},
		{"b", true},
		{"e", Object{}},
		{"texts", []string{"", ""}},
		{"flags", []bool{false}},
	}
	require.Equal(t, want, roundTrip(t, c, nil))
	require.Equal(t, want, roundTrip(t, c, map[string]any{"a": nil, "p": map[string]any{}}))
}

func TestNumbersOfAnyType(t *testing.T) {
	c := codec(t, "int8 i8\nuint8 u8\nint64 i64\nuint64 u64\nfloat32 f32\nfloat64 f64\nbyte b\nchar c\nuint16 u16\nint16 i16\nuint32 u32\n")
	o := roundTrip(t, c, map[string]any{
		"i8": -128.0, "u8": json.Number("255"), "i64": "-9223372036854775808", "u64": "18446744073709551615",
		"f32": 1, "f64": json.Number("1e-300"), "b": uint64(3), "c": int8(65), "u16": json.Number("1e3"), "i16": float32(-2),
		"u32": json.Number("4294967295.0"),
	})
	require.Equal(t, Object{
		{"i8", int8(-128)},
		{"u8", uint8(255)},
		{"i64", int64(math.MinInt64)},
		{"u64", uint64(math.MaxUint64)},
		{"f32", float32(1)},
		{"f64", 1e-300},
		{"b", uint8(3)},
		{"c", uint8(65)},
		{"u16", uint16(1000)},
		{"i16", int16(-2)},
		{"u32", uint32(math.MaxUint32)},
	}, o)
	o = roundTrip(t, c, map[string]any{"f32": "-Inf", "f64": nil})
	f32, _ := o.Get("f32")
	f64, _ := o.Get("f64")
	require.True(t, math.IsInf(float64(f32.(float32)), -1))
	require.True(t, math.IsNaN(f64.(float64)))
}

func TestEncodeRefuses(t *testing.T) {
	c := codec(t, "int8 i8\nuint16 u16\nint64 i64\nuint64 u64\nfloat32 f32\nbool b\nstring<=2 s\nint8[2] two\nint8[<=1] few\nPoint p\nNamed[] named\n")
	for text, want := range map[string]string{
		`{"i8": 128}`:                  `p/msg/T.i8 at byte 4: invalid value: 128 is no int8`,
		`{"i8": -129}`:                 `-129 is no int8`,
		`{"i8": 1.5}`:                  `1.5 is no int8`,
		`{"i8": "x"}`:                  `"x" is no int8`,
		`{"i8": true}`:                 `true is no int8`,
		`{"u16": -1}`:                  `p/msg/T.u16 at byte 5: invalid value: -1 is no uint16`,
		`{"u16": 65536}`:               `65536 is no uint16`,
		`{"i64": 9223372036854775808}`: `9223372036854775808 is no int64`,
		`{"u64": 1e20}`:                `1e20 is no uint64`,
		`{"f32": 1e39}`:                `1e39 is no float32`,
		`{"f32": []}`:                  `p/msg/T.f32 at byte `,
		`{"b": 1}`:                     `1 is no bool`,
		`{"s": 1}`:                     `1 is no string`,
		`{"s": "abc"}`:                 `limit exceeded: string has 3 bytes, limit 2`,
		`{"two": [1]}`:                 `p/msg/T.two at byte `,
		`{"two": 1}`:                   `json.Number is no list`,
		`{"two": [1, null]}`:           `p/msg/T.two[1] at byte `,
		`{"few": [1, 2]}`:              `limit exceeded: sequence has 2 elements, limit 1`,
		`{"p": 1}`:                     `p/msg/T.p at byte `,
		`{"z": 1, "y": 2}`:             `p/msg/T at byte 4: invalid value: p/msg/T has no field "y"`,
		`{"named": [{}, {"points": [{"x": 0}, {"x": "far"}]}]}`: `p/msg/T.named[1].points[1].x at byte `,
		`{"i8": 1} 2`: `parse JSON for p/msg/T: text follows the object`,
		`[]`:          `parse JSON for p/msg/T: `,
	} {
		got, err := c.EncodeJSON([]byte("old"), []byte(text))
		require.ErrorContains(t, err, want, text)
		require.Equal(t, "old", string(got), text)
	}
	_, err := c.Encode(nil, Object{{"few", Summary{Len: 9}}})
	require.ErrorContains(t, err, "p/msg/T.few at byte ")
	require.ErrorContains(t, err, "a preview does not have all elements")
	_, err = c.Encode(nil, Object{{"p", Object{{"z", 1}}}})
	require.ErrorContains(t, err, `p/msg/Point has no field "z"`)
	require.ErrorIs(t, err, cdr.ErrValue)
}

func TestPreview(t *testing.T) {
	c := codec(t, "uint8[] data\nfloat64[4] array\nstring[] names\nNamed[] named\nbool[] flags\nint32 last\n")
	points := []any{map[string]any{"x": 1}, map[string]any{"x": 2}, map[string]any{"x": 3}}
	named := map[string]any{"name": "n", "points": points}
	sample, err := c.Encode(nil, map[string]any{
		"data": make([]byte, 1000), "array": []int{1, 2, 3, 4}, "names": []string{"a", "bb", "ccc"},
		"named": []any{named, named, named, named}, "flags": []bool{true, false, true}, "last": 7,
	})
	require.NoError(t, err)
	o, err := c.Preview(sample, 2)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"data": {"length": 1000, "first": [0, 0]},
		"array": {"length": 4, "first": [1, 2]},
		"names": {"length": 3, "first": ["a", "bb"]},
		"named": {"length": 4, "first": [
			{"name": "n", "points": {"length": 3, "first": [{"x": 1, "y": 2.5}, {"x": 2, "y": 2.5}]}},
			{"name": "n", "points": {"length": 3, "first": [{"x": 1, "y": 2.5}, {"x": 2, "y": 2.5}]}}]},
		"flags": {"length": 3, "first": [true, false]},
		"last": 7
	}`, string(AppendJSON(nil, o)))
	for n := range sample { // a preview sees the faults in what it leaves out
		_, err := c.Preview(sample[:n], 2)
		_, full := c.Decode(sample[:n])
		var got, want *cdr.Error
		require.ErrorAs(t, err, &got)
		require.ErrorAs(t, full, &want)
		require.Equal(t, want.Path, got.Path)
	}
}

func TestJSON(t *testing.T) {
	o := Object{
		{"nan", math.NaN()},
		{"infs", []float32{float32(math.Inf(1)), 0.1}},
		{"big", uint64(math.MaxUint64)},
		{"low", int64(math.MinInt64)},
		{"minus", math.Copysign(0, -1)},
		{"tiny", 1e-300},
		{"bytes", []byte{1, 2}},
		{"bad", "a\xffb\x00"},
		{"none", []Object{}},
	}
	text, err := json.Marshal(o)
	require.NoError(t, err)
	require.Equal(t, `{"nan":null,"infs":[null,0.1],"big":18446744073709551615,"low":-9223372036854775808,`+
		`"minus":-0,"tiny":1e-300,"bytes":[1,2],"bad":"a\ufffdb\u0000","none":[]}`, string(text))
	text, err = json.Marshal(Summary{Len: 3, First: []int8{-1}})
	require.NoError(t, err)
	require.Equal(t, `{"length":3,"first":[-1]}`, string(text))
}

// An array is allocated only when the sample can hold it.
func TestArrayLongerThanSample(t *testing.T) {
	c := codec(t, "float64[2000000000] huge\n")
	_, err := c.Decode(make([]byte, 64))
	require.ErrorIs(t, err, cdr.ErrShort)
	require.ErrorContains(t, err, "p/msg/T.huge at byte 4: ")
}

func TestBigEndian(t *testing.T) {
	c := codec(t, "uint16 a\nfloat64 b\nstring s\n")
	want := Object{{"a", uint16(258)}, {"b", 1.5}, {"s", "x"}}
	sample, err := c.encode(nil, want, cdr.BigEndian)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(sample), "\x00\x00\x00\x00\x01\x02"))
	got, err := c.Decode(sample)
	require.NoError(t, err)
	require.Equal(t, want, got)
}
