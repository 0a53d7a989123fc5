package rollout

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/muster-fleet/muster/internal/fleet"
)

// Wave says how far a rollout reaches when the wave has ended: a number of
// robots or a share of all that take part, counted from the first ("1", "10%"),
// or a selector for the robots that the wave adds ("hall=north"). It is written
// as a number or a text.
type Wave string

var sizeText = regexp.MustCompile(`^[0-9.]+ *%?$`)

// size is the wave's reach; ok is false for a selector.
func (w Wave) size() (s Share, ok bool, err error) {
	text := strings.TrimSpace(string(w))
	if !sizeText.MatchString(text) {
		return Share{}, false, nil
	}
	s, err = ParseShare(text)
	return s, true, err
}

// MarshalJSON writes a plain number as a number.
func (w Wave) MarshalJSON() ([]byte, error) {
	if s, ok, err := w.size(); ok && err == nil {
		return s.MarshalJSON()
	}
	return json.Marshal(string(w))
}

// UnmarshalJSON reads a number or a text.
func (w *Wave) UnmarshalJSON(b []byte) error {
	text := string(b)
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	} else if !sizeText.MatchString(text) {
		return fmt.Errorf("wave %s: want a number of robots, a share like \"10%%\", or a selector", text)
	}
	*w = Wave(text)
	return nil
}

// validateWaves checks what can be checked without a fleet.
func validateWaves(waves []Wave) error {
	if len(waves) > maxWaves {
		return fieldErrorf("waves", "%d waves: at most %d", len(waves), maxWaves)
	}
	var last Share
	for i, w := range waves {
		field := fmt.Sprintf("waves[%d]", i)
		s, isSize, err := w.size()
		switch {
		case err != nil:
			return fieldErrorf(field, "%v", err)
		case !isSize:
			sel, err := ParseSelector(string(w))
			if err != nil {
				return fieldErrorf(field, "%v", err)
			}
			if !sel.share.isZero() {
				return fieldErrorf(field, "%q: a wave is a share of all, or a selector without one", w)
			}
			continue
		case s.isZero():
			return fieldErrorf(field, "reaches no robot")
		case s.Count > 0 && last.Count >= s.Count, s.Count == 0 && last.Percent >= s.Percent:
			return fieldErrorf(field, "%s reaches no further than the wave before, %s", s, last)
		}
		last = s
	}
	return nil
}

const maxWaves = 100

// cutWaves orders the robots that take part and gives each its wave. The waves
// of a plan are without a gap: one that would add no robot is left out.
func (p *Plan) cutWaves(robots map[string]*fleet.Robot) error {
	part := p.Robots
	for i, r := range part {
		if r.Skip != "" {
			part = part[:i]
			break
		}
	}
	waves := p.Spec.Waves
	if canary := OrZero(p.Spec.Canary); len(waves) == 0 && canary > 0 {
		waves = []Wave{Wave(fmt.Sprint(canary))}
	}
	taken, wave := 0, 0
	for _, w := range waves {
		reach, err := p.gather(w, part, taken, robots)
		if err != nil {
			return err
		}
		if reach > taken {
			setWave(part[taken:reach], wave)
			taken, wave = reach, wave+1
		}
	}
	if taken < len(part) {
		setWave(part[taken:], wave)
		wave++
	}
	p.Waves = wave
	return nil
}

// gather moves a wave's robots to the front of those that no wave has yet and
// returns how far the wave reaches.
func (p *Plan) gather(w Wave, part []RobotPlan, taken int, robots map[string]*fleet.Robot) (int, error) {
	s, isSize, err := w.size()
	if err != nil {
		return 0, err
	}
	if isSize {
		return min(s.ceil(len(part)), len(part)), nil
	}
	sel, err := ParseSelector(string(w))
	if err != nil {
		return 0, err
	}
	var in, out []RobotPlan
	for _, r := range part[taken:] {
		if sel.Match(robots[r.Robot]) {
			in = append(in, r)
		} else {
			out = append(out, r)
		}
	}
	copy(part[taken:], append(in, out...))
	return taken + len(in), nil
}

func setWave(robots []RobotPlan, wave int) {
	for i := range robots {
		robots[i].Wave = wave
	}
}
