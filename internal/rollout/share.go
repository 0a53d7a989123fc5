package rollout

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Share is a number of robots, or a share of them: 3 or "10%". The zero value
// asks for nothing.
type Share struct {
	Count   int
	Percent float64 // used when Count is 0
}

// Robots is the share that is this many robots.
func Robots(n int) Share { return Share{Count: n} }

// ParseShare reads "3" or "10%".
func ParseShare(text string) (Share, error) {
	if number, ok := strings.CutSuffix(text, "%"); ok {
		p, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(p >= 0 && p <= 100) {
			return Share{}, fmt.Errorf("%q: want a percentage between 0%% and 100%%", text)
		}
		return Share{Percent: p}, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return Share{}, fmt.Errorf("%q: want a number of robots, or a share like \"10%%\"", text)
	}
	return Share{Count: n}, nil
}

func (s Share) isZero() bool { return s == Share{} }

// ceil is the share of n robots, rounded up, and never more than n for a
// percentage.
func (s Share) ceil(n int) int {
	if s.Count > 0 || s.Percent == 0 {
		return s.Count
	}
	return int(math.Ceil(s.Percent * float64(n) / 100))
}

// atLeastOne is the share of n robots, rounded down, but one.
func (s Share) atLeastOne(n int) int {
	if s.Count > 0 {
		return s.Count
	}
	return max(1, int(s.Percent*float64(n)/100))
}

func (s Share) String() string {
	if s.Percent > 0 {
		return strconv.FormatFloat(s.Percent, 'f', -1, 64) + "%"
	}
	return strconv.Itoa(s.Count)
}

// Set and Type make a Share a command-line flag.
func (s *Share) Set(text string) error {
	v, err := ParseShare(text)
	if err == nil {
		*s = v
	}
	return err
}

// Type names the flag's value.
func (*Share) Type() string { return "robots" }

// MarshalJSON writes a number, or a text with %.
func (s Share) MarshalJSON() ([]byte, error) {
	if s.Percent > 0 {
		return json.Marshal(s.String())
	}
	return json.Marshal(s.Count)
}

// UnmarshalJSON reads what MarshalJSON writes, and a number in a text.
func (s *Share) UnmarshalJSON(b []byte) error { return s.Set(strings.Trim(string(b), `"`)) }
