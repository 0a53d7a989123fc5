package cdr

import (
	"encoding/binary"
	"math"
	"slices"
)

// The functions below align once and make room once, then write each element
// in place. They call nothing through a value, so that a Writer can live on
// its caller's stack.

// room appends n elements of the given size and gives the bytes for them.
func (w *Writer) room(n, size int) []byte {
	if n == 0 {
		return nil
	}
	w.align(size)
	start := len(w.buf)
	w.buf = slices.Grow(w.buf, n*size)[:start+n*size]
	return w.buf[start:]
}

func put16[T int16 | uint16](w *Writer, v []T) {
	b := w.room(len(v), 2)
	for i, e := range v {
		if w.big {
			binary.BigEndian.PutUint16(b[2*i:], uint16(e))
		} else {
			binary.LittleEndian.PutUint16(b[2*i:], uint16(e))
		}
	}
}

func put32[T int32 | uint32](w *Writer, v []T) {
	b := w.room(len(v), 4)
	for i, e := range v {
		if w.big {
			binary.BigEndian.PutUint32(b[4*i:], uint32(e))
		} else {
			binary.LittleEndian.PutUint32(b[4*i:], uint32(e))
		}
	}
}

func put64[T int64 | uint64](w *Writer, v []T) {
	b := w.room(len(v), 8)
	for i, e := range v {
		if w.big {
			binary.BigEndian.PutUint64(b[8*i:], uint64(e))
		} else {
			binary.LittleEndian.PutUint64(b[8*i:], uint64(e))
		}
	}
}

// Bools writes an array of bools.
func (w *Writer) Bools(v []bool) {
	for _, b := range v {
		w.Bool(b)
	}
}

// Uint8s writes an array of uint8, byte or char.
func (w *Writer) Uint8s(v []uint8) { w.buf = append(w.buf, v...) }

// Int8s writes an array of int8.
func (w *Writer) Int8s(v []int8) {
	b := w.room(len(v), 1)
	for i, e := range v {
		b[i] = byte(e)
	}
}

// Uint16s writes an array of uint16.
func (w *Writer) Uint16s(v []uint16) { put16(w, v) }

// Int16s writes an array of int16.
func (w *Writer) Int16s(v []int16) { put16(w, v) }

// Uint32s writes an array of uint32.
func (w *Writer) Uint32s(v []uint32) { put32(w, v) }

// Int32s writes an array of int32.
func (w *Writer) Int32s(v []int32) { put32(w, v) }

// Uint64s writes an array of uint64.
func (w *Writer) Uint64s(v []uint64) { put64(w, v) }

// Int64s writes an array of int64.
func (w *Writer) Int64s(v []int64) { put64(w, v) }

// Float32s writes an array of float32.
func (w *Writer) Float32s(v []float32) {
	b := w.room(len(v), 4)
	for i, e := range v {
		if w.big {
			binary.BigEndian.PutUint32(b[4*i:], math.Float32bits(e))
		} else {
			binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(e))
		}
	}
}

// Float64s writes an array of float64.
func (w *Writer) Float64s(v []float64) {
	b := w.room(len(v), 8)
	for i, e := range v {
		if w.big {
			binary.BigEndian.PutUint64(b[8*i:], math.Float64bits(e))
		} else {
			binary.LittleEndian.PutUint64(b[8*i:], math.Float64bits(e))
		}
	}
}

// Strings writes an array of strings, each of at most bound bytes, 0 is no limit.
func (w *Writer) Strings(v []string, bound int) {
	for i, s := range v {
		if w.String(s, bound); w.err != nil {
			w.err.within("", i)
			return
		}
	}
}

// The sequences below write their length, with bound as in Len.

// BoolSeq writes a sequence of bools.
func (w *Writer) BoolSeq(v []bool, bound int) {
	if w.Len(len(v), bound) {
		w.Bools(v)
	}
}

// Uint8Seq writes a sequence of uint8, byte or char.
func (w *Writer) Uint8Seq(v []uint8, bound int) {
	if w.Len(len(v), bound) {
		w.Uint8s(v)
	}
}

// Int8Seq writes a sequence of int8.
func (w *Writer) Int8Seq(v []int8, bound int) {
	if w.Len(len(v), bound) {
		w.Int8s(v)
	}
}

// Uint16Seq writes a sequence of uint16.
func (w *Writer) Uint16Seq(v []uint16, bound int) {
	if w.Len(len(v), bound) {
		w.Uint16s(v)
	}
}

// Int16Seq writes a sequence of int16.
func (w *Writer) Int16Seq(v []int16, bound int) {
	if w.Len(len(v), bound) {
		w.Int16s(v)
	}
}

// Uint32Seq writes a sequence of uint32.
func (w *Writer) Uint32Seq(v []uint32, bound int) {
	if w.Len(len(v), bound) {
		w.Uint32s(v)
	}
}

// Int32Seq writes a sequence of int32.
func (w *Writer) Int32Seq(v []int32, bound int) {
	if w.Len(len(v), bound) {
		w.Int32s(v)
	}
}

// Uint64Seq writes a sequence of uint64.
func (w *Writer) Uint64Seq(v []uint64, bound int) {
	if w.Len(len(v), bound) {
		w.Uint64s(v)
	}
}

// Int64Seq writes a sequence of int64.
func (w *Writer) Int64Seq(v []int64, bound int) {
	if w.Len(len(v), bound) {
		w.Int64s(v)
	}
}

// Float32Seq writes a sequence of float32.
func (w *Writer) Float32Seq(v []float32, bound int) {
	if w.Len(len(v), bound) {
		w.Float32s(v)
	}
}

// Float64Seq writes a sequence of float64.
func (w *Writer) Float64Seq(v []float64, bound int) {
	if w.Len(len(v), bound) {
		w.Float64s(v)
	}
}

// StringSeq writes a sequence of strings; bound limits the sequence, textBound
// each string.
func (w *Writer) StringSeq(v []string, bound, textBound int) {
	if w.Len(len(v), bound) {
		w.Strings(v, textBound)
	}
}
