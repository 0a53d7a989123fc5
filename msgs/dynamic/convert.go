package dynamic

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/muster-fleet/muster/msgs/cdr"
	"github.com/muster-fleet/muster/msgs/idl"
)

// refuse says that a value is none of the field's kind.
func (f *field) refuse(w *cdr.Writer, v any) {
	if s, ok := v.(string); ok {
		v = strconv.Quote(s)
	}
	w.Fail(fmt.Errorf("%w: %v is no %s", cdr.ErrValue, v, f.Type.Kind))
}

func (f *field) writeString(w *cdr.Writer, v any) {
	s, ok := v.(string)
	if !ok {
		f.refuse(w, v)
		return
	}
	w.String(s, f.Type.TextBound)
}

func (f *field) writeBool(w *cdr.Writer, v any) {
	b, ok := v.(bool)
	if !ok {
		f.refuse(w, v)
		return
	}
	w.Bool(b)
}

func (f *field) writeFloat(w *cdr.Writer, v any) {
	if same, ok := v.(float32); ok && f.Type.Kind == idl.Float32 {
		w.Float32(same) // by way of float64 a signalling NaN would change its bits
		return
	}
	x, ok := toFloat(v)
	if !ok {
		f.refuse(w, v)
		return
	}
	if f.Type.Kind == idl.Float64 {
		w.Float64(x)
		return
	}
	if math.Abs(x) > math.MaxFloat32 && !math.IsInf(x, 0) && math.IsInf(float64(float32(x)), 0) {
		f.refuse(w, v)
		return
	}
	w.Float32(float32(x))
}

// toFloat takes any number; nil, which JSON has in its place, is NaN.
func toFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case nil:
		return math.NaN(), true
	case json.Number:
		return parseFloat(string(v))
	case string:
		return parseFloat(v)
	}
	rv := reflect.ValueOf(v)
	switch {
	case rv.CanFloat():
		return rv.Float(), true
	case rv.CanInt():
		return float64(rv.Int()), true
	case rv.CanUint():
		return float64(rv.Uint()), true
	}
	return 0, false
}

func parseFloat(text string) (float64, bool) {
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil
}

func (f *field) writeInt(w *cdr.Writer, v any) {
	x, ok := toWhole(v)
	limit := uint64(1) << (8*f.Type.Kind.Size() - 1)
	if !ok || x.abs > limit || (x.abs == limit && !x.negative) {
		f.refuse(w, v)
		return
	}
	n := int64(x.abs)
	if x.negative {
		n = -n
	}
	switch f.Type.Kind {
	case idl.Int8:
		w.Int8(int8(n))
	case idl.Int16:
		w.Int16(int16(n))
	case idl.Int32:
		w.Int32(int32(n))
	default:
		w.Int64(n)
	}
}

func (f *field) writeUint(w *cdr.Writer, v any) {
	x, ok := toWhole(v)
	largest := ^uint64(0) >> (64 - 8*f.Type.Kind.Size())
	if !ok || x.abs > largest || (x.negative && x.abs > 0) {
		f.refuse(w, v)
		return
	}
	switch f.Type.Kind {
	case idl.Uint16:
		w.Uint16(uint16(x.abs))
	case idl.Uint32:
		w.Uint32(uint32(x.abs))
	case idl.Uint64:
		w.Uint64(x.abs)
	default: // uint8, byte, char
		w.Uint8(uint8(x.abs))
	}
}

// whole is a whole number of up to 64 bits with or without sign.
type whole struct {
	negative bool
	abs      uint64
}

// toWhole takes any whole number that fits.
func toWhole(v any) (whole, bool) {
	switch v := v.(type) {
	case nil:
		return whole{}, false
	case json.Number:
		return parseWhole(string(v))
	case string:
		return parseWhole(v)
	}
	rv := reflect.ValueOf(v)
	switch {
	case rv.CanInt():
		return wholeInt(rv.Int()), true
	case rv.CanUint():
		return whole{abs: rv.Uint()}, true
	case rv.CanFloat():
		return wholeFloat(rv.Float())
	}
	return whole{}, false
}

func parseWhole(text string) (whole, bool) {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return whole{abs: n}, true
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return wholeInt(n), true
	}
	if x, ok := parseFloat(text); ok { // "1e3", "2.0"
		return wholeFloat(x)
	}
	return whole{}, false
}

func wholeInt(n int64) whole {
	if n < 0 {
		return whole{negative: true, abs: -uint64(n)}
	}
	return whole{abs: uint64(n)}
}

func wholeFloat(x float64) (whole, bool) {
	abs := math.Abs(x)
	if abs != math.Trunc(abs) || abs >= 1<<64 { // NaN is not its own whole part
		return whole{}, false
	}
	return whole{negative: x < 0, abs: uint64(abs)}, true
}
