package cdr

import "slices"

// element is a number of which arrays are written in bulk.
type element interface {
	int8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | float32 | float64
}

// writeAll aligns once and makes room once, then writes each element.
func writeAll[T element](w *Writer, v []T, size int, write func(*Writer, T)) {
	if len(v) == 0 {
		return
	}
	w.align(size)
	w.buf = slices.Grow(w.buf, len(v)*size)
	for _, e := range v {
		write(w, e)
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
func (w *Writer) Int8s(v []int8) { writeAll(w, v, 1, (*Writer).Int8) }

// Uint16s writes an array of uint16.
func (w *Writer) Uint16s(v []uint16) { writeAll(w, v, 2, (*Writer).Uint16) }

// Int16s writes an array of int16.
func (w *Writer) Int16s(v []int16) { writeAll(w, v, 2, (*Writer).Int16) }

// Uint32s writes an array of uint32.
func (w *Writer) Uint32s(v []uint32) { writeAll(w, v, 4, (*Writer).Uint32) }

// Int32s writes an array of int32.
func (w *Writer) Int32s(v []int32) { writeAll(w, v, 4, (*Writer).Int32) }

// Uint64s writes an array of uint64.
func (w *Writer) Uint64s(v []uint64) { writeAll(w, v, 8, (*Writer).Uint64) }

// Int64s writes an array of int64.
func (w *Writer) Int64s(v []int64) { writeAll(w, v, 8, (*Writer).Int64) }

// Float32s writes an array of float32.
func (w *Writer) Float32s(v []float32) { writeAll(w, v, 4, (*Writer).Float32) }

// Float64s writes an array of float64.
func (w *Writer) Float64s(v []float64) { writeAll(w, v, 8, (*Writer).Float64) }

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
