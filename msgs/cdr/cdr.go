// Package cdr reads and writes plain CDR, the encoding of ROS 2 samples on DDS
// (OMG CORBA 3.4 part 2, clause 9.3; DDSI-RTPS 2.5, clause 10). A sample is an
// encapsulation header of four bytes and a body; alignment counts from the
// start of the body.
//
// The generated message packages and package dynamic call it; what a topic
// means is not its business. It starts no goroutines, keeps no state between
// samples and trusts no length that it reads: memory is allocated only for
// what the remaining bytes can hold.
//
// XCDR2 and the parameter-list encodings are refused by name: no ROS 2 message
// uses them, and reading them as plain CDR would give wrong values in silence.
package cdr

import (
	"errors"
	"fmt"
)

// HeaderSize is the length of the encapsulation header in bytes.
const HeaderSize = 4

// maxTrailing is the number of bytes that may follow the last field: writers
// may pad a sample to a multiple of four.
const maxTrailing = 3

// What can be wrong with a sample or a value; to be asked for with errors.Is.
var (
	// ErrEncapsulation: the header is missing or names an encoding other than plain CDR.
	ErrEncapsulation = errors.New("unsupported encapsulation")
	// ErrShort: the sample ends before the value does.
	ErrShort = errors.New("sample too short")
	// ErrTrailing: bytes are left over, so the sample is of another type.
	ErrTrailing = errors.New("sample too long")
	// ErrBound: a string or sequence exceeds the limit of its definition.
	ErrBound = errors.New("limit exceeded")
	// ErrValue: the bytes are no value of the field's type.
	ErrValue = errors.New("invalid value")
)

// Order is the byte order of a body.
type Order bool

// The byte orders. ROS 2 peers write in their machine's order, which is little
// endian nearly everywhere.
const (
	LittleEndian Order = false
	BigEndian    Order = true
)

// Error says which field of which type could not be read or written.
type Error struct {
	// Type is the full name of the message, "nav_msgs/msg/Odometry".
	Type string
	// Path leads from the message to the field, "status[3].name"; it is empty
	// when the fault lies in the sample as a whole.
	Path string
	// Offset counts bytes from the start of the sample, header included.
	Offset int
	// Err is one of the package's sentinels with the particulars.
	Err error

	whole bool // the fault is not in a field, so Path stays empty
}

// Error names type, field and offset.
func (e *Error) Error() string {
	name := e.Type
	if e.Path != "" {
		if name != "" {
			name += "."
		}
		name += e.Path
	}
	if name == "" {
		return fmt.Sprintf("cdr at byte %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("%s at byte %d: %v", name, e.Offset, e.Err)
}

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

// within puts a field, and for an element its index, in front of the path.
func (e *Error) within(field string, index int) {
	if e.whole {
		return
	}
	if index >= 0 {
		field = fmt.Sprintf("%s[%d]", field, index)
	}
	if e.Path != "" && e.Path[0] != '[' {
		field += "."
	}
	e.Path = field + e.Path
}

// encodings names the representation identifiers that are not plain CDR, those
// of DDS-XTypes 1.3 (clause 7.6.3.1.2) and the older ones of DDSI-RTPS 2.5.
var encodings = map[uint16]string{
	0x0002: "PL_CDR_BE parameter list",
	0x0003: "PL_CDR_LE parameter list",
	0x0004: "XML",
	0x0006: "XCDR2 CDR2_BE",
	0x0007: "XCDR2 CDR2_LE",
	0x0008: "XCDR2 D_CDR2_BE",
	0x0009: "XCDR2 D_CDR2_LE",
	0x000a: "XCDR2 PL_CDR2_BE parameter list",
	0x000b: "XCDR2 PL_CDR2_LE parameter list",
	0x0010: "XCDR2 CDR2_BE",
	0x0011: "XCDR2 CDR2_LE",
	0x0012: "XCDR2 PL_CDR2_BE parameter list",
	0x0013: "XCDR2 PL_CDR2_LE parameter list",
	0x0014: "XCDR2 D_CDR2_BE",
	0x0015: "XCDR2 D_CDR2_LE",
}

// ParseHeader tells the byte order that a sample's encapsulation header names.
// The two option bytes are not looked at. The error is an *Error with
// ErrEncapsulation.
func ParseHeader(sample []byte) (Order, error) {
	order, err := parseHeader(sample)
	if err != nil {
		return order, err
	}
	return order, nil
}

func parseHeader(sample []byte) (Order, *Error) {
	if len(sample) < HeaderSize {
		return LittleEndian, &Error{whole: true, Err: fmt.Errorf("%w: the sample has %d bytes, the header alone has %d",
			ErrEncapsulation, len(sample), HeaderSize)}
	}
	id := uint16(sample[0])<<8 | uint16(sample[1])
	switch id {
	case 0x0000:
		return BigEndian, nil
	case 0x0001:
		return LittleEndian, nil
	}
	name, ok := encodings[id]
	if !ok {
		name = "unknown"
	}
	return LittleEndian, &Error{whole: true, Err: fmt.Errorf("%w: %02x %02x (%s), want plain CDR 00 00 or 00 01",
		ErrEncapsulation, sample[0], sample[1], name)}
}
