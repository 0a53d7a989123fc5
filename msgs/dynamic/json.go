package dynamic

import (
	"encoding/json"
	"math"
	"strconv"
)

// MarshalJSON writes the fields in their order; see AppendJSON.
func (o Object) MarshalJSON() ([]byte, error) { return AppendJSON(nil, o), nil }

// MarshalJSON writes {"length": …, "first": […]}.
func (s Summary) MarshalJSON() ([]byte, error) { return AppendJSON(nil, s), nil }

// AppendJSON appends a decoded value as JSON. Integers of 64 bits are written
// in full, so a reader that holds numbers as float64 loses digits above 2^53.
// JSON has no NaN and no infinity: they become null. Lists of bytes are lists
// of numbers. Text that is not UTF-8 gets replacement characters.
func AppendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case Object:
		dst = append(dst, '{')
		for i, m := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendText(dst, m.Name)
			dst = append(dst, ':')
			dst = AppendJSON(dst, m.Value)
		}
		return append(dst, '}')
	case Summary:
		dst = append(dst, `{"length":`...)
		dst = strconv.AppendInt(dst, int64(v.Len), 10)
		dst = append(dst, `,"first":`...)
		dst = AppendJSON(dst, v.First)
		return append(dst, '}')
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendText(dst, v)
	case []Object:
		return appendList(dst, v, func(dst []byte, o Object) []byte { return AppendJSON(dst, o) })
	case []bool:
		return appendList(dst, v, strconv.AppendBool)
	case []string:
		return appendList(dst, v, appendText)
	}
	return appendNumbers(dst, v)
}

// appendNumbers appends a number or a list of numbers; anything else, which no
// decoder makes, is null.
func appendNumbers(dst []byte, v any) []byte {
	switch v := v.(type) {
	case int8:
		return appendInt(dst, v)
	case int16:
		return appendInt(dst, v)
	case int32:
		return appendInt(dst, v)
	case int64:
		return appendInt(dst, v)
	case uint8:
		return appendUint(dst, v)
	case uint16:
		return appendUint(dst, v)
	case uint32:
		return appendUint(dst, v)
	case uint64:
		return appendUint(dst, v)
	case float32:
		return appendFloat32(dst, v)
	case float64:
		return appendFloat64(dst, v)
	case []int8:
		return appendList(dst, v, appendInt)
	case []int16:
		return appendList(dst, v, appendInt)
	case []int32:
		return appendList(dst, v, appendInt)
	case []int64:
		return appendList(dst, v, appendInt)
	case []uint8:
		return appendList(dst, v, appendUint)
	case []uint16:
		return appendList(dst, v, appendUint)
	case []uint32:
		return appendList(dst, v, appendUint)
	case []uint64:
		return appendList(dst, v, appendUint)
	case []float32:
		return appendList(dst, v, appendFloat32)
	case []float64:
		return appendList(dst, v, appendFloat64)
	}
	return append(dst, "null"...)
}

func appendList[T any](dst []byte, list []T, one func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, v)
	}
	return append(dst, ']')
}

func appendInt[T int8 | int16 | int32 | int64](dst []byte, v T) []byte {
	return strconv.AppendInt(dst, int64(v), 10)
}

func appendUint[T uint8 | uint16 | uint32 | uint64](dst []byte, v T) []byte {
	return strconv.AppendUint(dst, uint64(v), 10)
}

func appendFloat32(dst []byte, v float32) []byte { return appendFloat(dst, float64(v), 32) }
func appendFloat64(dst []byte, v float64) []byte { return appendFloat(dst, v, 64) }

// appendFloat writes the shortest text that reads back as the same number.
func appendFloat(dst []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, bits)
}

func appendText(dst []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string always has JSON
	return append(dst, text...)
}
