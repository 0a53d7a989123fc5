package cdr

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Reader takes values off a sample one after the other. After the first fault
// every read gives zero, and Failed and Finish tell of it; so a decoder needs
// no check between two reads of which the second does not depend on the first.
// A Reader is a value of one decoder and not safe for concurrent use.
type Reader struct {
	body []byte // cut to nothing after a fault, so that every read ends early
	off  int
	big  bool
	err  *Error
}

// NewReader begins to read a sample. A header that cannot be read is a fault
// like any other: it is told by Finish.
func NewReader(sample []byte) Reader {
	order, err := parseHeader(sample)
	if err != nil {
		return Reader{err: err}
	}
	return Reader{body: sample[HeaderSize:], big: bool(order)}
}

// NewBodyReader begins to read a body without header, whose byte order is
// known from elsewhere. Alignment counts from the start of body.
func NewBodyReader(body []byte, order Order) Reader {
	return Reader{body: body, big: bool(order)}
}

// Remaining is the number of bytes not yet read, 0 after a fault.
func (r *Reader) Remaining() int { return max(len(r.body)-r.off, 0) }

// OK tells that no fault has happened so far.
func (r *Reader) OK() bool { return r.err == nil }

// Failed tells whether a fault has happened, and adds the field just read to
// the fault's path. A decoder that sees true returns at once; its caller then
// adds its own field, and so the path grows from the inside out.
func (r *Reader) Failed(field string) bool {
	if r.err == nil {
		return false
	}
	r.err.within(field, -1)
	return true
}

// FailedAt is Failed for element i of a sequence or array.
func (r *Reader) FailedAt(field string, i int) bool {
	if r.err == nil {
		return false
	}
	r.err.within(field, i)
	return true
}

// Finish ends the reading of a message of the given type. The error is nil or
// an *Error; up to three bytes of padding after the last field are no error.
func (r *Reader) Finish(typeName string) error {
	if r.err == nil && len(r.body)-r.off > maxTrailing {
		r.fail(r.off, fmt.Errorf("%w: %d bytes follow the last field", ErrTrailing, len(r.body)-r.off))
	}
	if r.err == nil {
		return nil
	}
	r.err.Type = typeName
	return r.err
}

// fail records the first fault and ends all further reading.
func (r *Reader) fail(off int, reason error) {
	if r.err != nil {
		return
	}
	r.err = &Error{Offset: HeaderSize + off, Err: reason}
	r.body = nil
}

func (r *Reader) short(off, size int) {
	r.fail(off, fmt.Errorf("%w: need %d bytes, have %d", ErrShort, size, max(len(r.body)-off, 0)))
}

// Bool reads a bool. A byte other than 0 and 1 is refused: it means that the
// sample is of another type.
func (r *Reader) Bool() bool {
	b := r.Uint8()
	if b > 1 {
		r.badBool(r.off-1, b)
	}
	return b == 1
}

func (r *Reader) badBool(off int, b byte) {
	r.fail(off, fmt.Errorf("%w: bool is %d, not 0 or 1", ErrValue, b))
}

// Uint8 reads a uint8, byte or char.
func (r *Reader) Uint8() uint8 {
	if r.off >= len(r.body) {
		r.short(r.off, 1)
		return 0
	}
	b := r.body[r.off]
	r.off++
	return b
}

// Int8 reads an int8.
func (r *Reader) Int8() int8 { return int8(r.Uint8()) }

// Uint16 reads a uint16.
func (r *Reader) Uint16() uint16 {
	off := (r.off + 1) &^ 1
	if len(r.body)-off < 2 {
		r.short(off, 2)
		return 0
	}
	r.off = off + 2
	b := r.body[off : off+2]
	if r.big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

// Int16 reads an int16.
func (r *Reader) Int16() int16 { return int16(r.Uint16()) }

// Uint32 reads a uint32.
func (r *Reader) Uint32() uint32 {
	off := (r.off + 3) &^ 3
	if len(r.body)-off < 4 {
		r.short(off, 4)
		return 0
	}
	r.off = off + 4
	b := r.body[off : off+4]
	if r.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// Int32 reads an int32.
func (r *Reader) Int32() int32 { return int32(r.Uint32()) }

// Uint64 reads a uint64.
func (r *Reader) Uint64() uint64 {
	off := (r.off + 7) &^ 7
	if len(r.body)-off < 8 {
		r.short(off, 8)
		return 0
	}
	r.off = off + 8
	b := r.body[off : off+8]
	if r.big {
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// Int64 reads an int64.
func (r *Reader) Int64() int64 { return int64(r.Uint64()) }

// Float32 reads a float32.
func (r *Reader) Float32() float32 { return math.Float32frombits(r.Uint32()) }

// Float64 reads a float64.
func (r *Reader) Float64() float64 { return math.Float64frombits(r.Uint64()) }

// String reads a string into dst; bound is the most bytes it may have, 0 is no
// limit. When dst already holds the same text it is left alone, so a topic
// whose frame names never change costs no allocation. A length of 0, which
// some writers use for the empty string, is read as such. NUL bytes inside and
// invalid UTF-8 are kept: they are the peer's text.
func (r *Reader) String(dst *string, bound int) {
	n := r.Uint32()
	off := r.off
	switch {
	case r.err != nil:
		return
	case n == 0:
		*dst = ""
		return
	case uint64(n) > uint64(len(r.body)-off):
		r.fail(off-4, fmt.Errorf("%w: string of %d bytes, have %d", ErrShort, n, len(r.body)-off))
		return
	}
	text := r.body[off : off+int(n)-1]
	if r.body[off+len(text)] != 0 {
		r.fail(off-4, fmt.Errorf("%w: string of %d bytes does not end in NUL", ErrValue, n))
		return
	}
	if bound > 0 && len(text) > bound {
		r.fail(off-4, fmt.Errorf("%w: string has %d bytes, limit %d", ErrBound, len(text), bound))
		return
	}
	r.off = off + int(n)
	if *dst != string(text) {
		*dst = string(text)
	}
}

// Len reads the length of a sequence; bound is the most elements it may have,
// 0 is no limit, and size is the least number of bytes that one element takes.
// A length that the rest of the sample cannot hold is a fault, so the result
// is safe to allocate by.
func (r *Reader) Len(bound, size int) int {
	n := r.Uint32()
	if bound > 0 && uint64(n) > uint64(bound) {
		r.fail(r.off-4, fmt.Errorf("%w: sequence has %d elements, limit %d", ErrBound, n, bound))
		return 0
	}
	if left := len(r.body) - r.off; r.err == nil && uint64(n)*uint64(size) > uint64(left) {
		r.fail(r.off-4, fmt.Errorf("%w: sequence of %d elements needs %d bytes, have %d",
			ErrShort, n, uint64(n)*uint64(size), left))
		return 0
	}
	return int(n)
}

// Resize gives a slice of n elements, in s's memory when it is large enough.
// The old elements stay in place, so that a decoder can use their memory too.
func Resize[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	grown := make([]T, n)
	copy(grown, s[:cap(s)])
	return grown
}
