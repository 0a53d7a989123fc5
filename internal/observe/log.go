package observe

import (
	"fmt"
	"io"
	"log/slog"
)

// NewLogger makes the process's logger: level is debug, info, warn or error;
// format is text, json, or auto, which is text on a terminal and JSON elsewhere.
func NewLogger(w io.Writer, level, format string, terminal bool) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log.level: %q is none of debug, info, warn, error", level)
	}
	o := &slog.HandlerOptions{Level: l}
	switch {
	case format == "text" || format == "auto" && terminal:
		return slog.New(slog.NewTextHandler(w, o)), nil
	case format == "json" || format == "auto":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, fmt.Errorf("log.format: %q is none of auto, text, json", format)
}
