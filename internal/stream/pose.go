package stream

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// The binary POSE frame, see PROTOCOL.md.
const (
	opPose     = 1
	poseHeader = 32
	poseRow    = 4 + 4 + 4 + 2 + 2 + 2 + 2 + 1
	flagFull   = 1
	ageStep    = 10 * time.Millisecond
)

var qualities = []fleet.Quality{
	fleet.QualityLive, fleet.QualityLate, fleet.QualityStale, fleet.QualityOffline, fleet.QualityUnseen,
}

// poseFrame encodes the poses that changed after from, all of them when from
// is 0; nil when there are none. It allocates the frame and nothing per robot.
func poseFrame(rows []row, from, version uint64, now time.Time) *Frame {
	n := 0
	for i := range rows {
		if rows[i].hasPoseSince(from) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	b := make([]byte, (poseHeader+n*poseRow+3)&^3)
	b[0] = opPose
	if from == 0 {
		b[1] = flagFull
	}
	le := binary.LittleEndian
	le.PutUint16(b[2:], ViewFleet)
	le.PutUint32(b[4:], uint32(n))
	le.PutUint64(b[8:], from)
	le.PutUint64(b[16:], version)
	le.PutUint64(b[24:], uint64(now.UnixMilli()))

	handle := b[poseHeader:]
	x, y := handle[4*n:], handle[8*n:]
	yaw, speed, turn, age, flags := handle[12*n:], handle[14*n:], handle[16*n:], handle[18*n:], handle[20*n:]
	k := 0
	for i := range rows {
		r := &rows[i]
		if !r.hasPoseSince(from) {
			continue
		}
		le.PutUint32(handle[4*k:], r.handle)
		le.PutUint32(x[4*k:], uint32(saturate(r.pose.X*1000, math.MaxInt32)))
		le.PutUint32(y[4*k:], uint32(saturate(r.pose.Y*1000, math.MaxInt32)))
		le.PutUint16(yaw[2*k:], turns(r.pose.Yaw))
		le.PutUint16(speed[2*k:], uint16(saturate(r.pose.Speed*1000, math.MaxInt16)))
		le.PutUint16(turn[2*k:], uint16(saturate(r.pose.Turn*1000, math.MaxInt16)))
		le.PutUint16(age[2*k:], uint16(min(max(now.Sub(r.pose.Receive)/ageStep, 0), math.MaxUint16)))
		flags[k] = r.poseFlags()
		k++
	}
	return &Frame{Lane: LanePose, Data: b}
}

func (r *row) hasPoseSince(from uint64) bool { return r.poseVersion > from && r.pose != nil }

func (r *row) poseFlags() byte {
	flags := byte(max(slices.Index(qualities, r.quality), 0)) << 1
	if r.pose.Localised {
		flags |= 1
	}
	return flags
}

// saturate rounds to the nearest integer from -high-1 to high; NaN becomes 0.
func saturate(v, high float64) int64 {
	if math.IsNaN(v) {
		return 0
	}
	return int64(math.Round(min(max(v, -high-1), high)))
}

// turns is an angle as a part of 65536 of a full turn.
func turns(rad float64) uint16 {
	if math.IsNaN(rad) || math.IsInf(rad, 0) {
		return 0
	}
	return uint16(int64(math.Round(math.Mod(rad, 2*math.Pi) / (2 * math.Pi) * 65536)))
}

// poseText is the same as text, for ?enc=json.
func poseText(rows []row, from, version uint64, now time.Time) *Frame {
	b := []byte(`{"op":"pose","view":`)
	b = strconv.AppendUint(b, uint64(ViewFleet), 10)
	b = appendRange(b, from, version)
	b = append(b, `,"server_time_ms":`...)
	b = strconv.AppendInt(b, now.UnixMilli(), 10)
	b = append(b, `,"robots":[`...)
	first := true
	for i := range rows {
		r := &rows[i]
		if !r.hasPoseSince(from) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, `{"h":`...)
		b = strconv.AppendUint(b, uint64(r.handle), 10)
		for _, v := range [...]struct {
			key   string
			value float64
		}{
			{`,"x":`, r.pose.X},
			{`,"y":`, r.pose.Y},
			{`,"yaw":`, r.pose.Yaw},
			{`,"speed":`, r.pose.Speed},
			{`,"turn":`, r.pose.Turn},
			{`,"age":`, max(now.Sub(r.pose.Receive), 0).Seconds()},
		} {
			b = appendNumber(append(b, v.key...), v.value)
		}
		b = append(b, `,"localised":`...)
		b = strconv.AppendBool(b, r.pose.Localised)
		b = append(b, `,"quality":"`...)
		b = append(append(b, r.quality...), `"}`...)
	}
	if first {
		return nil
	}
	return &Frame{Lane: LanePose, Text: true, Data: append(b, `]}`...)}
}

// appendRange writes the fields that say which versions a frame spans.
func appendRange(b []byte, from, version uint64) []byte {
	b = append(b, `,"from":"`...)
	b = strconv.AppendUint(b, from, 10)
	b = append(b, `","version":"`...)
	b = strconv.AppendUint(b, version, 10)
	b = append(b, `","full":`...)
	return strconv.AppendBool(b, from == 0)
}

// appendNumber writes a JSON number to a tenth of a thousandth; JSON has no NaN
// and no infinity.
func appendNumber(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, '0')
	}
	return strconv.AppendFloat(b, math.Round(v*1e4)/1e4, 'f', -1, 64)
}
