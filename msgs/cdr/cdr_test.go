package cdr

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestEncapsulation(t *testing.T) {
	for header, want := range map[string]string{
		"":         "the sample has 0 bytes, the header alone has 4",
		"000100":   "the sample has 3 bytes, the header alone has 4",
		"00020000": "00 02 (PL_CDR_BE parameter list), want plain CDR 00 00 or 00 01",
		"00030000": "00 03 (PL_CDR_LE parameter list)",
		"00060000": "00 06 (XCDR2 CDR2_BE)",
		"00070000": "00 07 (XCDR2 CDR2_LE)",
		"00090000": "00 09 (XCDR2 D_CDR2_LE)",
		"000b0000": "00 0b (XCDR2 PL_CDR2_LE parameter list)",
		"00110000": "00 11 (XCDR2 CDR2_LE)",
		"01010000": "01 01 (unknown)",
	} {
		r := NewReader(unhex(t, header))
		require.Zero(t, r.Uint32())
		require.True(t, r.Failed("field")) // which is not where the fault lies
		err := r.Finish("p/msg/T")
		require.ErrorIs(t, err, ErrEncapsulation)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "p/msg/T at byte 0: ")
	}
}

func TestParseHeader(t *testing.T) {
	order, err := ParseHeader([]byte{0, 0, 9, 9})
	require.NoError(t, err)
	require.Equal(t, BigEndian, order)
	order, err = ParseHeader([]byte{0, 1, 0, 0})
	require.NoError(t, err)
	require.Equal(t, LittleEndian, order)
	_, err = ParseHeader([]byte{0, 7, 0, 0})
	require.ErrorIs(t, err, ErrEncapsulation)
}

func TestReaderAlignsFromTheBody(t *testing.T) {
	for _, sample := range []string{
		"00010000" + "01" + "00" + "0200" + "03000000" + "0400000000000000" + "05" + "000000" + "0000c03f",
		"00000000" + "01" + "00" + "0002" + "00000003" + "0000000000000004" + "05" + "000000" + "3fc00000",
	} {
		r := NewReader(unhex(t, sample))
		require.Equal(t, uint8(1), r.Uint8())
		require.Equal(t, int16(2), r.Int16())
		require.Equal(t, int32(3), r.Int32())
		require.Equal(t, int64(4), r.Int64())
		require.Equal(t, int8(5), r.Int8())
		require.Equal(t, float32(1.5), r.Float32())
		require.Zero(t, r.Remaining())
		require.NoError(t, r.Finish("t"))
	}
}

func TestReaderRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		read func(*Reader)
		kind error
		want string
	}{
		"short number":       {"000000", func(r *Reader) { r.Uint32() }, ErrShort, "t.f at byte 4: sample too short: need 4 bytes, have 3"},
		"number after pad":   {"01", func(r *Reader) { r.Uint8(); r.Uint64() }, ErrShort, "t.f at byte 12: sample too short: need 8 bytes, have 0"},
		"bool":               {"02", func(r *Reader) { r.Bool() }, ErrValue, "t.f at byte 4: invalid value: bool is 2, not 0 or 1"},
		"bools":              {"000107", func(r *Reader) { r.Bools(make([]bool, 3)) }, ErrValue, "t.f at byte 6: invalid value: bool is 7"},
		"string length":      {"ffffffff61", func(r *Reader) { r.String(new(string), 0) }, ErrShort, "t.f at byte 4: sample too short: string of 4294967295 bytes, have 1"},
		"string without NUL": {"020000006161", func(r *Reader) { r.String(new(string), 0) }, ErrValue, "string of 2 bytes does not end in NUL"},
		"string bound":       {"04000000" + "61616100", func(r *Reader) { r.String(new(string), 2) }, ErrBound, "limit exceeded: string has 3 bytes, limit 2"},
		"sequence length":    {"ffffffff00", func(r *Reader) { r.Float64Seq(nil, 0) }, ErrShort, "sequence of 4294967295 elements needs 34359738360 bytes, have 1"},
		"sequence bound":     {"0300000001020300", func(r *Reader) { r.Uint8Seq(nil, 2) }, ErrBound, "sequence has 3 elements, limit 2"},
		"sequence after pad": {"01000000" + "0000000000000000", func(r *Reader) { r.Float64Seq(nil, 0) }, ErrShort, "t.f at byte 12: sample too short: need 1 elements of 8 bytes, have 4 bytes"},
		"array":              {"0000000000000000", func(r *Reader) { r.Uint32s(make([]uint32, 3)) }, ErrShort, "need 3 elements of 4 bytes, have 8 bytes"},
		"string in sequence": {"02000000" + "0100000000000000" + "09000000", func(r *Reader) { r.StringSeq(nil, 0, 0) }, ErrShort, "t.f[1] at byte 16: "},
		"too long":           {"0100000000", func(r *Reader) { r.Uint8() }, ErrTrailing, "t at byte 5: sample too long: 4 bytes follow the last field"},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(unhex(t, "00010000"+c.body))
			c.read(&r)
			failed := r.Failed("f")
			err := r.Finish("t")
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.kind != ErrTrailing, failed)
			var e *Error
			require.True(t, errors.As(err, &e))
			require.Equal(t, "t", e.Type)
		})
	}
}

func TestPathGrowsFromInsideOut(t *testing.T) {
	r := NewReader(unhex(t, "00010000"))
	r.Uint8()
	require.True(t, r.Failed("x"))
	require.True(t, r.FailedAt("points", 3))
	require.True(t, r.Failed("polygon"))
	require.EqualError(t, r.Finish("p/msg/T"), "p/msg/T.polygon.points[3].x at byte 4: sample too short: need 1 bytes, have 0")
}

func TestFirstFaultStands(t *testing.T) {
	r := NewReader(unhex(t, "0001000002"))
	r.Bool()
	require.Nil(t, r.Float64Seq(nil, 0))
	s := "kept"
	r.String(&s, 0)
	require.Zero(t, r.Remaining())
	require.ErrorIs(t, r.Finish("t"), ErrValue)
}

func TestStringForms(t *testing.T) {
	// Length 0, an embedded NUL and invalid UTF-8 all occur on the wire.
	r := NewReader(unhex(t, "00010000"+"00000000"+"04000000"+"61006200"+"02000000"+"ff00"))
	empty, nul, bad := "old", "", ""
	r.String(&empty, 0)
	r.String(&nul, 0)
	r.String(&bad, 0)
	require.NoError(t, r.Finish("t"))
	require.Equal(t, []string{"", "a\x00b", "\xff"}, []string{empty, nul, bad})
}

func TestReuseAllocatesNothing(t *testing.T) {
	w := NewWriter(nil, LittleEndian)
	w.String("a frame that is not short", 0)
	w.Float64Seq([]float64{1, 2, 3}, 0)
	w.StringSeq([]string{"left wheel", "right wheel"}, 0, 0)
	sample, err := w.Finish("t")
	require.NoError(t, err)
	var text string
	var numbers []float64
	var names []string
	decode := func() {
		r := NewReader(sample)
		r.String(&text, 0)
		numbers = r.Float64Seq(numbers, 0)
		names = r.StringSeq(names, 0, 0)
		if err := r.Finish("t"); err != nil {
			t.Fatal(err)
		}
	}
	decode()
	require.Zero(t, testing.AllocsPerRun(100, decode))
	require.Equal(t, []string{"left wheel", "right wheel"}, names)
}

func TestResizeKeepsElements(t *testing.T) {
	s := [][]byte{[]byte("a"), []byte("b")}
	s = Resize(s[:1], 2)
	require.Equal(t, "b", string(s[1]))
	s = Resize(s, 5)
	require.Equal(t, "b", string(s[1]))
	require.Len(t, s, 5)
	require.Nil(t, Resize[int](nil, 0))
}

func TestWriterRefuses(t *testing.T) {
	old := []byte("before")
	w := NewWriter(old, LittleEndian)
	w.Uint8(1)
	w.String("abc", 2)
	require.True(t, w.Failed("name"))
	got, err := w.Finish("p/msg/T")
	require.EqualError(t, err, "p/msg/T.name at byte 5: limit exceeded: string has 3 bytes, limit 2")
	require.Equal(t, "before", string(got))

	w = NewWriter(nil, LittleEndian)
	w.Int8Seq(make([]int8, 3), 2)
	require.True(t, w.FailedAt("seq", 1))
	_, err = w.Finish("p/msg/T")
	require.ErrorContains(t, err, "p/msg/T.seq[1] at byte 4: limit exceeded: sequence has 3 elements, limit 2")

	w = NewWriter(nil, LittleEndian)
	w.StringSeq([]string{"a", "abc"}, 0, 2)
	require.True(t, w.Failed("names"))
	_, err = w.Finish("p/msg/T")
	require.ErrorContains(t, err, "p/msg/T.names[1] at byte ")
}

// every value that a Reader knows, written and read back in both byte orders.
func TestRoundTrip(t *testing.T) {
	for _, order := range []Order{LittleEndian, BigEndian} {
		w := NewWriter([]byte{9}, order)
		w.Bool(true)
		w.BoolSeq([]bool{true, false}, 0)
		w.Uint8Seq([]byte{1, 2, 255}, 0)
		w.Int8Seq([]int8{-1, 2}, 0)
		w.Uint16Seq([]uint16{1, 65535}, 0)
		w.Int16Seq([]int16{-1, 2}, 0)
		w.Uint32Seq([]uint32{1, 1 << 31}, 0)
		w.Int32Seq([]int32{-1, 2}, 0)
		w.Uint64Seq([]uint64{1, 1 << 63}, 0)
		w.Int64Seq([]int64{-1, 2}, 0)
		w.Float32Seq([]float32{1.5}, 0)
		w.Float64Seq(nil, 0)
		w.Uint8(7)
		w.Float64Seq([]float64{-2.5}, 0)
		w.StringSeq([]string{"", "é"}, 0, 0)
		out, err := w.Finish("t")
		require.NoError(t, err)
		require.Equal(t, byte(9), out[0])

		r := NewReader(out[1:])
		require.True(t, r.Bool())
		require.Equal(t, []bool{true, false}, r.BoolSeq(nil, 2))
		require.Equal(t, []byte{1, 2, 255}, r.Uint8Seq(nil, 3))
		require.Equal(t, []int8{-1, 2}, r.Int8Seq(nil, 2))
		require.Equal(t, []uint16{1, 65535}, r.Uint16Seq(nil, 2))
		require.Equal(t, []int16{-1, 2}, r.Int16Seq(nil, 2))
		require.Equal(t, []uint32{1, 1 << 31}, r.Uint32Seq(nil, 2))
		require.Equal(t, []int32{-1, 2}, r.Int32Seq(nil, 2))
		require.Equal(t, []uint64{1, 1 << 63}, r.Uint64Seq(nil, 2))
		require.Equal(t, []int64{-1, 2}, r.Int64Seq(nil, 2))
		require.Equal(t, []float32{1.5}, r.Float32Seq(nil, 1))
		require.Empty(t, r.Float64Seq(nil, 0))
		require.Equal(t, uint8(7), r.Uint8())
		require.Equal(t, []float64{-2.5}, r.Float64Seq(nil, 1))
		require.Equal(t, []string{"", "é"}, r.StringSeq(nil, 2, 2))
		require.NoError(t, r.Finish("t"))
	}
}

func TestBodyWithoutHeader(t *testing.T) {
	w := NewBodyWriter([]byte{1, 2, 3}, BigEndian)
	w.Uint8(1)
	w.Uint16(0x0203)
	out, err := w.Finish("t")
	require.NoError(t, err)
	require.Equal(t, []byte{1, 2, 3, 1, 0, 2, 3}, out)
	r := NewBodyReader(out[3:], BigEndian)
	require.Equal(t, uint8(1), r.Uint8())
	require.Equal(t, uint16(0x0203), r.Uint16())
	require.NoError(t, r.Finish("t"))
}
