package rollout

import (
	"path"
	"slices"
	"strings"

	"github.com/muster-fleet/muster/internal/fleet"
)

// Selector picks robots.
type Selector struct {
	ids    []string // globs; none means any
	labels []labelTerm
	share  Share // of those that match; zero means all
}

type labelTerm struct {
	key, value string
	not        bool
}

// ParseSelector reads a comma-separated list. A term "key=value" or
// "key!=value" is about a label, and all of those must hold; any other term is
// an id, where * and ? stand for any text, and one of those must match. "all"
// means every robot. A term like "10%" takes the first share of those that match,
// in the order in which people count.
func ParseSelector(text string) (Selector, error) {
	var s Selector
	for term := range strings.SplitSeq(text, ",") {
		term = strings.TrimSpace(term)
		if term == "" {
			return Selector{}, fieldErrorf("robots", "%q has an empty term", text)
		}
		key, value, isLabel := strings.Cut(term, "=")
		switch {
		case isLabel:
			key, not := strings.CutSuffix(key, "!")
			if key == "" {
				return Selector{}, fieldErrorf("robots", "term %q has no label name", term)
			}
			s.labels = append(s.labels, labelTerm{key, value, not})
		case strings.HasSuffix(term, "%"):
			share, err := ParseShare(term)
			switch {
			case err != nil:
				return Selector{}, fieldErrorf("robots", "%v", err)
			case share.isZero():
				return Selector{}, fieldErrorf("robots", "%s takes no robot", term)
			case !s.share.isZero():
				return Selector{}, fieldErrorf("robots", "%q has more than one share", text)
			}
			s.share = share
		case term == "all":
			s.ids = append(s.ids, "*")
		default:
			if _, err := path.Match(term, ""); err != nil {
				return Selector{}, fieldErrorf("robots", "term %q is not a pattern", term)
			}
			s.ids = append(s.ids, term)
		}
	}
	return s, nil
}

// Match reports whether the robot is picked.
func (s Selector) Match(r *fleet.Robot) bool {
	for _, l := range s.labels {
		if (r.Labels[l.key] == l.value) == l.not {
			return false
		}
	}
	if len(s.ids) == 0 {
		return true
	}
	for _, id := range s.ids {
		if ok, _ := path.Match(id, r.ID); ok {
			return true
		}
	}
	return false
}

// first leaves the selector's share of the robots that match.
func (s Selector) first(matching []fleet.Robot) []fleet.Robot {
	if s.share.isZero() {
		return matching
	}
	slices.SortStableFunc(matching, func(a, b fleet.Robot) int { return naturalCompare(a.ID, b.ID) })
	return matching[:s.share.ceil(len(matching))]
}

// unmatched lists the id terms that pick none of the robots.
func (s Selector) unmatched(robots []fleet.Robot) []string {
	var none []string
	for _, id := range s.ids {
		found := false
		for i := range robots {
			if ok, _ := path.Match(id, robots[i].ID); ok {
				found = true
				break
			}
		}
		if !found {
			none = append(none, id)
		}
	}
	return none
}
