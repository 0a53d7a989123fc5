package cdr

import (
	"encoding/binary"
	"fmt"
	"math"
)

// block takes n elements of the given size, which is also their alignment. It
// gives nil for none: an empty sequence is followed by no padding.
func (r *Reader) block(n, size int) []byte {
	if n == 0 || r.err != nil {
		return nil
	}
	off := (r.off + size - 1) &^ (size - 1)
	if left := len(r.body) - off; left < 0 || n > left/size {
		r.fail(off, fmt.Errorf("%w: need %d elements of %d bytes, have %d bytes", ErrShort, n, size, max(left, 0)))
		return nil
	}
	r.off = off + n*size
	return r.body[off:r.off]
}

// Skip passes over n numbers of the given size in bytes.
func (r *Reader) Skip(n, size int) { r.block(n, size) }

// Bools fills an array of bools; see Bool.
func (r *Reader) Bools(dst []bool) {
	start := r.off
	for i, b := range r.block(len(dst), 1) {
		if b > 1 {
			r.badBool(start+i, b)
			return
		}
		dst[i] = b == 1
	}
}

// Uint8s fills an array of uint8, byte or char.
func (r *Reader) Uint8s(dst []uint8) { copy(dst, r.block(len(dst), 1)) }

// Int8s fills an array of int8.
func (r *Reader) Int8s(dst []int8) {
	b := r.block(len(dst), 1)
	for i := range b {
		dst[i] = int8(b[i])
	}
}

// Uint16s fills an array of uint16.
func (r *Reader) Uint16s(dst []uint16) { fill16(r, dst) }

// Int16s fills an array of int16.
func (r *Reader) Int16s(dst []int16) { fill16(r, dst) }

// Uint32s fills an array of uint32.
func (r *Reader) Uint32s(dst []uint32) { fill32(r, dst) }

// Int32s fills an array of int32.
func (r *Reader) Int32s(dst []int32) { fill32(r, dst) }

// Uint64s fills an array of uint64.
func (r *Reader) Uint64s(dst []uint64) { fill64(r, dst) }

// Int64s fills an array of int64.
func (r *Reader) Int64s(dst []int64) { fill64(r, dst) }

// Float32s fills an array of float32.
func (r *Reader) Float32s(dst []float32) {
	b := r.block(len(dst), 4)
	if r.big {
		for i := 0; len(b) >= 4; i, b = i+1, b[4:] {
			dst[i] = math.Float32frombits(binary.BigEndian.Uint32(b))
		}
		return
	}
	for i := 0; len(b) >= 4; i, b = i+1, b[4:] {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
	}
}

// Float64s fills an array of float64.
func (r *Reader) Float64s(dst []float64) {
	b := r.block(len(dst), 8)
	if r.big {
		for i := 0; len(b) >= 8; i, b = i+1, b[8:] {
			dst[i] = math.Float64frombits(binary.BigEndian.Uint64(b))
		}
		return
	}
	for i := 0; len(b) >= 8; i, b = i+1, b[8:] {
		dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
}

func fill16[T int16 | uint16](r *Reader, dst []T) {
	b := r.block(len(dst), 2)
	if r.big {
		for i := 0; len(b) >= 2; i, b = i+1, b[2:] {
			dst[i] = T(binary.BigEndian.Uint16(b))
		}
		return
	}
	for i := 0; len(b) >= 2; i, b = i+1, b[2:] {
		dst[i] = T(binary.LittleEndian.Uint16(b))
	}
}

func fill32[T int32 | uint32](r *Reader, dst []T) {
	b := r.block(len(dst), 4)
	if r.big {
		for i := 0; len(b) >= 4; i, b = i+1, b[4:] {
			dst[i] = T(binary.BigEndian.Uint32(b))
		}
		return
	}
	for i := 0; len(b) >= 4; i, b = i+1, b[4:] {
		dst[i] = T(binary.LittleEndian.Uint32(b))
	}
}

func fill64[T int64 | uint64](r *Reader, dst []T) {
	b := r.block(len(dst), 8)
	if r.big {
		for i := 0; len(b) >= 8; i, b = i+1, b[8:] {
			dst[i] = T(binary.BigEndian.Uint64(b))
		}
		return
	}
	for i := 0; len(b) >= 8; i, b = i+1, b[8:] {
		dst[i] = T(binary.LittleEndian.Uint64(b))
	}
}

// The sequences below read their length, with bound as in Len, and reuse dst's
// memory when it is large enough.

// BoolSeq reads a sequence of bools.
func (r *Reader) BoolSeq(dst []bool, bound int) []bool {
	dst = Resize(dst, r.Len(bound, 1))
	r.Bools(dst)
	return dst
}

// Uint8Seq reads a sequence of uint8, byte or char.
func (r *Reader) Uint8Seq(dst []uint8, bound int) []uint8 {
	dst = Resize(dst, r.Len(bound, 1))
	r.Uint8s(dst)
	return dst
}

// Int8Seq reads a sequence of int8.
func (r *Reader) Int8Seq(dst []int8, bound int) []int8 {
	dst = Resize(dst, r.Len(bound, 1))
	r.Int8s(dst)
	return dst
}

// Uint16Seq reads a sequence of uint16.
func (r *Reader) Uint16Seq(dst []uint16, bound int) []uint16 {
	dst = Resize(dst, r.Len(bound, 2))
	r.Uint16s(dst)
	return dst
}

// Int16Seq reads a sequence of int16.
func (r *Reader) Int16Seq(dst []int16, bound int) []int16 {
	dst = Resize(dst, r.Len(bound, 2))
	r.Int16s(dst)
	return dst
}

// Uint32Seq reads a sequence of uint32.
func (r *Reader) Uint32Seq(dst []uint32, bound int) []uint32 {
	dst = Resize(dst, r.Len(bound, 4))
	r.Uint32s(dst)
	return dst
}

// Int32Seq reads a sequence of int32.
func (r *Reader) Int32Seq(dst []int32, bound int) []int32 {
	dst = Resize(dst, r.Len(bound, 4))
	r.Int32s(dst)
	return dst
}

// Uint64Seq reads a sequence of uint64.
func (r *Reader) Uint64Seq(dst []uint64, bound int) []uint64 {
	dst = Resize(dst, r.Len(bound, 8))
	r.Uint64s(dst)
	return dst
}

// Int64Seq reads a sequence of int64.
func (r *Reader) Int64Seq(dst []int64, bound int) []int64 {
	dst = Resize(dst, r.Len(bound, 8))
	r.Int64s(dst)
	return dst
}

// Float32Seq reads a sequence of float32.
func (r *Reader) Float32Seq(dst []float32, bound int) []float32 {
	dst = Resize(dst, r.Len(bound, 4))
	r.Float32s(dst)
	return dst
}

// Float64Seq reads a sequence of float64.
func (r *Reader) Float64Seq(dst []float64, bound int) []float64 {
	dst = Resize(dst, r.Len(bound, 8))
	r.Float64s(dst)
	return dst
}

// Strings fills an array of strings, each of at most bound bytes, 0 is no limit.
func (r *Reader) Strings(dst []string, bound int) {
	for i := range dst {
		if r.String(&dst[i], bound); r.err != nil {
			r.err.within("", i)
			return
		}
	}
}

// StringSeq reads a sequence of strings; bound limits the sequence, textBound
// each string.
func (r *Reader) StringSeq(dst []string, bound, textBound int) []string {
	dst = Resize(dst, r.Len(bound, 4))
	r.Strings(dst, textBound)
	return dst
}
