package app

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/muster-fleet/muster/internal/rollout"
)

// The flags of a spec that are more than a word or a number. As all flags do, what
// they say takes the place of what a file before them said.

// listFlag is a flag that may be repeated, an item at a time.
type listFlag[T any] struct {
	list    *[]T
	parse   func(string) (T, error)
	kind    string
	changed bool
}

func (f *listFlag[T]) String() string { return "" }
func (f *listFlag[T]) Type() string   { return f.kind }

func (f *listFlag[T]) Set(text string) error {
	item, err := f.parse(text)
	if err != nil {
		return err
	}
	if !f.changed {
		f.changed, *f.list = true, nil
	}
	*f.list = append(*f.list, item)
	return nil
}

// saidFlag is a flag of a field that is nil until it is said: its zero is not its
// default.
type saidFlag[T any] struct {
	field **T
	parse func(string) (T, error)
	kind  string
}

func (f *saidFlag[T]) String() string { return "" }
func (f *saidFlag[T]) Type() string   { return f.kind }

func (f *saidFlag[T]) Set(text string) error {
	v, err := f.parse(text)
	if err == nil {
		*f.field = &v
	}
	return err
}

func parseFloat(text string) (float64, error) { return strconv.ParseFloat(text, 64) }

func parseDuration(text string) (d rollout.Duration, err error) {
	err = d.Set(text)
	return d, err
}

func parseLimit(text string) (g rollout.GroupLimit, err error) {
	label, number, ok := strings.Cut(text, "=")
	if g.Max, err = strconv.Atoi(number); !ok || err != nil {
		return g, fmt.Errorf("%q: want a label and a number, like \"station=1\"", text)
	}
	g.Label = label
	return g, nil
}

func parseTopic(text string) (t rollout.TopicExpect, err error) {
	name, rate, ok := strings.Cut(text, "=")
	if t.Hz, err = strconv.ParseFloat(rate, 64); !ok || err != nil {
		return t, fmt.Errorf("%q: want a topic and its rate in Hz, like \"scan=10\"", text)
	}
	t.Name = name
	return t, nil
}

// parseCheck reads NAME[:TIMEOUT]=exec:COMMAND or NAME[:TIMEOUT]=http://….
func parseCheck(text string) (c rollout.Check, err error) {
	name, what, _ := strings.Cut(text, "=")
	name, timeout, limited := strings.Cut(name, ":")
	c.Name = name
	if limited {
		if err := c.Timeout.Set(timeout); err != nil {
			return c, fmt.Errorf("%q: %w", text, err)
		}
	}
	command, isCommand := strings.CutPrefix(what, "exec:")
	switch {
	case isCommand:
		if c.Command, err = words(command); err == nil && len(c.Command) == 0 {
			err = errors.New("no command")
		}
		if err != nil {
			return c, fmt.Errorf("%q: %w", text, err)
		}
	case strings.HasPrefix(what, "http://"), strings.HasPrefix(what, "https://"):
		c.HTTP = what
	default:
		return c, fmt.Errorf("%q: want NAME=exec:COMMAND or NAME=http://…, and NAME:10s=… for a timeout", text)
	}
	return c, nil
}

// words splits a command as a shell does: at spaces that are neither in quotes nor
// after a backslash. Nothing is expanded.
func words(text string) (all []string, err error) {
	var (
		word   strings.Builder
		inside bool // a word, which may be empty when it is in quotes
		quote  rune
		plain  bool // the next one means itself
	)
	for _, r := range text {
		switch {
		case plain:
			plain = false
			word.WriteRune(r)
		case r == '\\' && quote != '\'':
			plain, inside = true, true
		case r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inside = r, true
		case quote == 0 && r == ' ':
			if inside {
				all = append(all, word.String())
			}
			word.Reset()
			inside = false
		default:
			inside = true
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if inside {
		all = append(all, word.String())
	}
	return all, nil
}

// deadlines is the flag of the steps' deadlines, one at a time.
type deadlines struct{ of *rollout.Deadlines }

func (f *deadlines) String() string { return "" }
func (f *deadlines) Type() string   { return "step=duration" }

func (f *deadlines) Set(text string) error {
	step, limit, _ := strings.Cut(text, "=")
	d := map[string]*rollout.Duration{
		"pull": &f.of.Pull, "wait": &f.of.Wait, "replace": &f.of.Replace, "verify": &f.of.Verify, "rollback": &f.of.Rollback,
	}[step]
	if d == nil || limit == "" {
		return fmt.Errorf("%q: want a step (pull, wait, replace, verify, rollback) and a time, like \"pull=10m\"", text)
	}
	return d.Set(limit)
}

// byteCount is a flag of a number of bytes.
type byteCount struct{ n *int64 }

func (f *byteCount) String() string { return "" }
func (f *byteCount) Type() string   { return "bytes" }

func (f *byteCount) Set(text string) error {
	n, err := parseBytes(text)
	if err == nil {
		*f.n = n
	}
	return err
}

var byteUnits = map[string]float64{
	"": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

func parseBytes(text string) (int64, error) {
	digits := strings.TrimRight(text, "BKMGTik ")
	n, err := strconv.ParseFloat(digits, 64)
	unit, known := byteUnits[strings.TrimSpace(strings.TrimPrefix(text, digits))]
	if err != nil || !known || !(n >= 0 && n*unit < math.MaxInt64) {
		return 0, fmt.Errorf("%q: want a number of bytes, like \"2GB\"", text)
	}
	return int64(n * unit), nil
}
