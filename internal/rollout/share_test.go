package rollout

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShares(t *testing.T) {
	for text, want := range map[string]struct {
		share            Share
		ceil, atLeastOne int // of 15 robots
	}{
		"3":     {Share{Count: 3}, 3, 3},
		"0":     {Share{}, 0, 1},
		"20":    {Share{Count: 20}, 20, 20},
		"10%":   {Share{Percent: 10}, 2, 1},
		"25%":   {Share{Percent: 25}, 4, 3},
		"0.1%":  {Share{Percent: 0.1}, 1, 1},
		"99.9%": {Share{Percent: 99.9}, 15, 14},
		"100%":  {Share{Percent: 100}, 15, 15},
		"20 %":  {Share{Percent: 20}, 3, 3},
	} {
		s, err := ParseShare(text)
		require.NoError(t, err, text)
		assert.Equal(t, want.share, s, text)
		assert.Equal(t, want.ceil, s.ceil(15), "%s rounded up", text)
		assert.Equal(t, want.atLeastOne, s.atLeastOne(15), "%s, at least one", text)
		b, err := json.Marshal(s)
		require.NoError(t, err)
		var back Share
		require.NoError(t, json.Unmarshal(b, &back))
		assert.Equal(t, s, back, "%s written as %s", text, b)
	}
	for _, text := range []string{"", "-1", "1.5", "101%", "-1%", "NaN%", "%", "many", "1e3", "Inf%"} {
		_, err := ParseShare(text)
		assert.Error(t, err, text)
		var s Share
		assert.Error(t, s.Set(text))
		assert.True(t, s.isZero(), "a wrong text changes nothing")
	}
	assert.Equal(t, 0, Share{Percent: 50}.ceil(0))
}
