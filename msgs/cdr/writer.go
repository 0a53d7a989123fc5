package cdr

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Writer appends values to a sample. After the first fault Failed and Finish
// tell of it, and what was written is thrown away. A Writer is a value of one
// encoder and not safe for concurrent use.
type Writer struct {
	buf   []byte
	start int // length of the caller's slice, given back after a fault
	body  int // where the body begins; alignment counts from here
	big   bool
	err   *Error
}

// NewWriter begins a sample behind dst with an encapsulation header.
func NewWriter(dst []byte, order Order) Writer {
	id := byte(1)
	if order == BigEndian {
		id = 0
	}
	return Writer{buf: append(dst, 0, id, 0, 0), start: len(dst), body: len(dst) + HeaderSize, big: bool(order)}
}

// NewBodyWriter begins a body without header behind dst. Alignment counts from
// there.
func NewBodyWriter(dst []byte, order Order) Writer {
	return Writer{buf: dst, start: len(dst), body: len(dst), big: bool(order)}
}

// Failed is Reader.Failed for a field just written.
func (w *Writer) Failed(field string) bool {
	if w.err == nil {
		return false
	}
	w.err.within(field, -1)
	return true
}

// FailedAt is Failed for element i of a sequence or array.
func (w *Writer) FailedAt(field string, i int) bool {
	if w.err == nil {
		return false
	}
	w.err.within(field, i)
	return true
}

// Finish ends the sample of a message of the given type and returns the slice
// with it. After a fault the slice is as it was before, and the error is an
// *Error.
func (w *Writer) Finish(typeName string) ([]byte, error) {
	if w.err != nil {
		w.err.Type = typeName
		return w.buf[:w.start], w.err
	}
	return w.buf, nil
}

// Fail records that the value to be written is none of the field's type. The
// first fault stands. The reason should wrap one of the package's sentinels.
func (w *Writer) Fail(reason error) {
	if w.err == nil {
		w.err = &Error{Offset: len(w.buf) - w.body + HeaderSize, Err: reason}
	}
}

// align appends zeros up to a multiple of size, a power of two.
func (w *Writer) align(size int) {
	for (len(w.buf)-w.body)&(size-1) != 0 {
		w.buf = append(w.buf, 0)
	}
}

// Bool writes a bool.
func (w *Writer) Bool(v bool) {
	b := byte(0)
	if v {
		b = 1
	}
	w.buf = append(w.buf, b)
}

// Uint8 writes a uint8, byte or char.
func (w *Writer) Uint8(v uint8) { w.buf = append(w.buf, v) }

// Int8 writes an int8.
func (w *Writer) Int8(v int8) { w.buf = append(w.buf, byte(v)) }

// Uint16 writes a uint16.
func (w *Writer) Uint16(v uint16) {
	w.align(2)
	if w.big {
		w.buf = binary.BigEndian.AppendUint16(w.buf, v)
		return
	}
	w.buf = binary.LittleEndian.AppendUint16(w.buf, v)
}

// Int16 writes an int16.
func (w *Writer) Int16(v int16) { w.Uint16(uint16(v)) }

// Uint32 writes a uint32.
func (w *Writer) Uint32(v uint32) {
	w.align(4)
	if w.big {
		w.buf = binary.BigEndian.AppendUint32(w.buf, v)
		return
	}
	w.buf = binary.LittleEndian.AppendUint32(w.buf, v)
}

// Int32 writes an int32.
func (w *Writer) Int32(v int32) { w.Uint32(uint32(v)) }

// Uint64 writes a uint64.
func (w *Writer) Uint64(v uint64) {
	w.align(8)
	if w.big {
		w.buf = binary.BigEndian.AppendUint64(w.buf, v)
		return
	}
	w.buf = binary.LittleEndian.AppendUint64(w.buf, v)
}

// Int64 writes an int64.
func (w *Writer) Int64(v int64) { w.Uint64(uint64(v)) }

// Float32 writes a float32.
func (w *Writer) Float32(v float32) { w.Uint32(math.Float32bits(v)) }

// Float64 writes a float64.
func (w *Writer) Float64(v float64) { w.Uint64(math.Float64bits(v)) }

// String writes a string with its length and NUL; bound is the most bytes it
// may have, 0 is no limit.
func (w *Writer) String(v string, bound int) {
	if bound > 0 && len(v) > bound {
		w.Fail(fmt.Errorf("%w: string has %d bytes, limit %d", ErrBound, len(v), bound))
		return
	}
	if uint64(len(v)) >= math.MaxUint32 {
		w.Fail(fmt.Errorf("%w: string has %d bytes, more than a length can say", ErrBound, len(v)))
		return
	}
	w.Uint32(uint32(len(v) + 1))
	w.buf = append(w.buf, v...)
	w.buf = append(w.buf, 0)
}

// Len writes the length of a sequence; bound is the most elements it may have,
// 0 is no limit. It tells whether the elements may be written.
func (w *Writer) Len(n, bound int) bool {
	if bound > 0 && n > bound {
		w.Fail(fmt.Errorf("%w: sequence has %d elements, limit %d", ErrBound, n, bound))
		return false
	}
	if uint64(n) > math.MaxUint32 {
		w.Fail(fmt.Errorf("%w: sequence has %d elements, more than a length can say", ErrBound, n))
		return false
	}
	w.Uint32(uint32(n))
	return true
}
