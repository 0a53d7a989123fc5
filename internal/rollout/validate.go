package rollout

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// validate checks a spec that has its defaults. The error is a *FieldError.
func (s Spec) validate() error {
	switch {
	case s.Image == "":
		return fieldErrorf("image", "is missing")
	case s.Robots == "":
		return fieldErrorf("robots", "is missing; \"all\" means every robot")
	case OrZero(s.Canary) < 0:
		return fieldErrorf("canary", "%d is negative", *s.Canary)
	case OrZero(s.Canary) > 0 && len(s.Waves) > 0:
		return fieldErrorf("canary", "is the first of the waves when waves are given")
	case s.MaxUnavailable.Count < 0:
		return fieldErrorf("max_unavailable", "%d: at least 1", s.MaxUnavailable.Count)
	case OrZero(s.PullAhead) < 0:
		return fieldErrorf("pull_ahead", "%d is negative", *s.PullAhead)
	case !slices.Contains([]OnFailure{RollBackRobot, RollBackWave, RollBackAll, PauseOnly}, s.OnFailure):
		return fieldErrorf("on_failure", "%q is none of roll-back-robot, roll-back-wave, roll-back-all and pause", s.OnFailure)
	case !slices.Contains([]Offline{OfflineSkip, OfflineWait, OfflineBlock}, s.Offline):
		return fieldErrorf("offline", "%q is none of skip, wait and block", s.Offline)
	case !slices.Contains([]Conflict{ConflictRefuse, ConflictQueue}, s.Conflict):
		return fieldErrorf("conflict", "%q is none of refuse and queue", s.Conflict)
	}
	for i, g := range s.MaxPer {
		if g.Label == "" || g.Max < 1 {
			return fieldErrorf(fmt.Sprintf("max_per[%d]", i), "wants a label and a max of at least 1")
		}
	}
	for _, err := range []error{
		validateWaves(s.Waves), s.Before.validate(), s.After.validate(s.Deadlines), s.Approval.validate(),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func (b Before) validate() error {
	if b.Moving && (b.Stationary || b.Idle > 0) {
		return fieldErrorf("before.moving", "contradicts before.stationary and before.idle")
	}
	if b.MinBattery < 0 || b.MinBattery > 1 {
		return fieldErrorf("before.min_battery", "%v is not within 0 and 1", b.MinBattery)
	}
	if b.MinFree < 0 {
		return fieldErrorf("before.min_free", "%d is negative", b.MinFree)
	}
	for i, w := range b.Windows {
		if _, err := parseWindow(w); err != nil {
			return fieldErrorf(fmt.Sprintf("before.windows[%d]", i), "%v", err)
		}
	}
	if _, err := zoneOf(b.TimeZone); err != nil {
		return fieldErrorf("before.time_zone", "%v", err)
	}
	return nil
}

// maxChecks bounds the checks of one rollout: they run one after another.
const maxChecks = 8

func (a After) validate(d Deadlines) error {
	switch rate, window := OrZero(a.MinRate), OrZero(a.Window); {
	case !(rate >= 0 && rate <= 1):
		return fieldErrorf("after.min_rate", "%v is not within 0 and 1", rate)
	case a.MaxRestarts < 0:
		return fieldErrorf("after.max_restarts", "%d is negative", a.MaxRestarts)
	case window >= d.Verify:
		return fieldErrorf("after.window", "%v does not fit into deadlines.verify, %v", window, d.Verify)
	case len(a.Checks) > maxChecks:
		return fieldErrorf("after.checks", "%d checks: at most %d", len(a.Checks), maxChecks)
	}
	for i, t := range a.Topics {
		if t.Name == "" || !(t.Hz > 0) {
			return fieldErrorf(fmt.Sprintf("after.topics[%d]", i), "wants a name and a rate in Hz above 0")
		}
	}
	for i, n := range a.Nodes {
		if n == "" {
			return fieldErrorf(fmt.Sprintf("after.nodes[%d]", i), "is empty")
		}
	}
	for i, c := range a.Checks {
		if err := c.validate(); err != nil {
			return fieldErrorf(fmt.Sprintf("after.checks[%d]", i), "%v", err)
		}
	}
	return nil
}

func (c Check) validate() error {
	if c.Name == "" {
		return fmt.Errorf("has no name")
	}
	if (len(c.Command) > 0) == (c.HTTP != "") {
		return fmt.Errorf("%s: wants either a command or an http address", c.Name)
	}
	if c.HTTP != "" {
		// The placeholders are not part of a host's grammar.
		u, err := url.Parse(strings.NewReplacer("{host}", "host", "{robot}", "robot").Replace(c.HTTP))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("%s: %q is no http address", c.Name, c.HTTP)
		}
	}
	return nil
}
