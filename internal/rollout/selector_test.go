package rollout

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

func TestSelectors(t *testing.T) {
	robots := []fleet.Robot{
		{ID: "amr1", Labels: map[string]string{"hall": "north", "kind": "amr"}},
		{ID: "amr2", Labels: map[string]string{"hall": "south", "kind": "amr"}},
		{ID: "amr10", Labels: map[string]string{"hall": "north"}},
		{ID: "arm1"},
	}
	for text, want := range map[string][]string{
		"all":                     {"amr1", "amr2", "amr10", "arm1"},
		"amr1":                    {"amr1"},
		"amr1, arm1":              {"amr1", "arm1"},
		"amr?":                    {"amr1", "amr2"},
		"amr*":                    {"amr1", "amr2", "amr10"},
		"hall=north":              {"amr1", "amr10"},
		"hall!=north":             {"amr2", "arm1"},
		"hall=north,kind=amr":     {"amr1"},
		"hall=north,amr1?,arm1":   {"amr10"},
		"all,hall=south":          {"amr2"},
		"hall=":                   {"arm1"},
		"hall=north,kind!=amr":    {"amr10"},
		"hall=east":               nil,
		"hall=north, hall=south":  nil,
		"50%":                     {"amr1", "amr2"},
		"1%":                      {"amr1"},
		"hall=north,50%":          {"amr1"},
		"amr*,60%":                {"amr1", "amr2"},
		"100%":                    {"amr1", "amr2", "amr10", "arm1"},
		"amr1,amr2,hall=north,a*": {"amr1", "amr10"},
	} {
		s, err := ParseSelector(text)
		require.NoError(t, err, text)
		var matching []fleet.Robot
		for i := range robots {
			if s.Match(&robots[i]) {
				matching = append(matching, robots[i])
			}
		}
		var got []string
		for _, r := range s.first(matching) {
			got = append(got, r.ID)
		}
		assert.Equal(t, want, got, text)
	}
}

func TestSelectorsThatMakeNoSense(t *testing.T) {
	for text, want := range map[string]string{
		"":         `robots: "" has an empty term`,
		"a,,b":     `robots: "a,,b" has an empty term`,
		"a, ":      `robots: "a, " has an empty term`,
		"=north":   `robots: term "=north" has no label name`,
		"!=north":  `robots: term "!=north" has no label name`,
		"amr[":     `robots: term "amr[" is not a pattern`,
		"x,amr[a-": `robots: term "amr[a-" is not a pattern`,
		"0%":       `robots: 0% takes no robot`,
		"101%":     `robots: "101%": want a percentage between 0% and 100%`,
		"10%,20%":  `robots: "10%,20%" has more than one share`,
	} {
		_, err := ParseSelector(text)
		assert.EqualError(t, err, want)
	}
}

func TestIdsThatNobodyHasAreNamed(t *testing.T) {
	s, err := ParseSelector("r1,r8,x*,hall=north")
	require.NoError(t, err)
	assert.Equal(t, []string{"r8", "x*"}, s.unmatched([]fleet.Robot{{ID: "r1"}, {ID: "r2"}}))
}
