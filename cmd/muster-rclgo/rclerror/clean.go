// Package rclerror makes one readable line of rclgo's errors. They carry the
// address of the C object, a stack dump in a buffer that is filled up with NULs,
// and the name of their Go type. The adapter calls it on every error before it
// returns or logs it. It owns no goroutine and needs no ROS 2.
package rclerror

import (
	"regexp"
	"strings"
)

// maxText bounds the text of a cleaned error in bytes.
const maxText = 400

var (
	stackHead = regexp.MustCompile(`^goroutine \d+ \[`)
	typeName  = regexp.MustCompile(`\[\*rclgo\.(\w+)\] *`)
	dump      = regexp.MustCompile(` *(for )?\w+ ?= ?'.*[&{].*'`)    // subscription='&{…}'
	location  = regexp.MustCompile(`, at [^ ,]+\.(c|cpp|h|hpp):\d+`) // of the C source
	spaces    = regexp.MustCompile(`\s+`)
)

// cleaned keeps the original for errors.Is and errors.As.
type cleaned struct {
	text string
	err  error
}

func (c *cleaned) Error() string { return c.text }
func (c *cleaned) Unwrap() error { return c.err }

// Clean is the error with a text of one line; nil stays nil.
func Clean(err error) error {
	if err == nil {
		return nil
	}
	return &cleaned{Text(err.Error()), err}
}

// Text is one readable line of an rclgo error's text. Joined errors are parted
// by semicolons.
func Text(s string) string {
	var parts []string
	inStack := false
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimSpace(strings.ReplaceAll(line, "\x00", ""))
		switch {
		case line == "": // what fills up the buffer ends a stack dump
			inStack = false
		case stackHead.MatchString(line):
			inStack = true
		case !inStack:
			if line = tidy(line); line != "" {
				parts = append(parts, line)
			}
		}
	}
	text := strings.Join(parts, "; ")
	if text == "" {
		text = "unknown error"
	}
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// tidy takes a line's C objects and source locations out, and turns the type
// name "[*rclgo.NodeInvalid]" into a word.
func tidy(line string) string {
	line = dump.ReplaceAllString(line, "")
	line = location.ReplaceAllString(line, "")
	line = strings.ReplaceAll(line, "error not set", "")
	line = typeName.ReplaceAllString(line, "$1: ")
	line = spaces.ReplaceAllString(strings.ToValidUTF8(line, ""), " ")
	return strings.Trim(line, " :")
}
