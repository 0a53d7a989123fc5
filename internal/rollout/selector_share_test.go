package rollout

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
)

// A share takes the first of those that match, in the order in which people
// count, rounded up.
func TestASelectorTakesAShareOfTheMatch(t *testing.T) {
	var all []fleet.Robot
	for i := range 20 {
		hall := []string{"north", "south"}[i%2]
		all = append(all, fleet.Robot{ID: fmt.Sprintf("robot%d", i+1), Labels: map[string]string{"hall": hall}})
	}
	for text, want := range map[string][]string{
		"10%":                {"robot1", "robot2"},
		"all,10%":            {"robot1", "robot2"},
		"hall=south,25%":     {"robot2", "robot4", "robot6"},
		"robot1*,12.5%":      {"robot1", "robot10"},
		"hall=north,100%":    {"robot1", "robot3", "robot5", "robot7", "robot9", "robot11", "robot13", "robot15", "robot17", "robot19"},
		"robot20,robot3,50%": {"robot3"},
		"0.1%":               {"robot1"},
	} {
		picked, err := selected(text, all)
		require.NoError(t, err, text)
		var ids []string
		for _, r := range picked {
			ids = append(ids, r.ID)
		}
		assert.Equal(t, want, ids, text)
	}
	for text, why := range map[string]string{
		"0%": "no robot", "101%": "percentage", "10%,20%": "one share", "x%": "percentage",
	} {
		_, err := selected(text, all)
		var field *FieldError
		require.ErrorAs(t, err, &field, text)
		assert.Equal(t, "robots", field.Field)
		assert.Contains(t, field.Why, why, text)
	}
	wave := []Wave{"hall=north,10%"}
	assert.ErrorContains(t, validateWaves(wave), "a wave")
}
