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

// logLines hands Cyclone's words to our log, at most a ring's worth each second.
func (p *Participant) logLines(ctx context.Context) {
	for _, l := range drainLog() {
		p.log.Log(ctx, l.level, "Cyclone DDS: "+l.text, "domain", p.domain)
	}
}
