package dds

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"log/slog"
	"strings"
)

// logLine is a line of Cyclone's log.
type logLine struct {
	level slog.Level
	text  string
}

// drainLog takes the lines that wait; the ring in C bounds them.
func drainLog() []logLine {
	var lines []logLine
	var buf [512]C.char
	for {
		var dropped C.uint64_t
		category := C.log_next(&buf[0], C.size_t(len(buf)), &dropped)
		if dropped > 0 {
			lines = append(lines, logLine{slog.LevelWarn, "more lines than could be kept were dropped"})
		}
		if category == 0 {
			return lines
		}
		level := slog.LevelWarn
		if category&(C.DDS_LC_FATAL|C.DDS_LC_ERROR) != 0 {
			level = slog.LevelError
		}
		lines = append(lines, logLine{level, strings.TrimSpace(C.GoString(&buf[0]))})
	}
}

// foreignKey is what Cyclone 0.10 says when a member on Fast DDS 2 begins the
// handshake: the two write that key differently, in the other direction they
// agree on another kind (DDS Security 1.1 leaves its form open, table 49).
const foreignKey = "Failed to convert octet sequence to ASN1 integer"

// logLines hands Cyclone's words to our log, at most a ring's worth each second.
func (p *Participant) logLines(ctx context.Context) {
	for _, l := range drainLog() {
		if strings.Contains(l.text, foreignKey) {
			p.logForeignKey(ctx)
			continue
		}
		p.log.Log(ctx, l.level, "Cyclone DDS: "+l.text, "domain", p.domain)
	}
}

// logForeignKey says what to do, ever more rarely: such a member tries each second.
func (p *Participant) logForeignKey(ctx context.Context) {
	if n := p.foreignKeys.Add(1); n&(n-1) == 0 {
		p.log.WarnContext(ctx, "a member on Fast DDS cannot be heard: it began the handshake, and Cyclone DDS cannot read its key; "+
			"give the manager an enclave whose name sorts before, such as /muster-4101", "domain", p.domain, "count", n)
	}
}
