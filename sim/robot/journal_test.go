package robot

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheJournalTellsOfTwoAtOneTime(t *testing.T) {
	dir := t.TempDir()
	open := func(robot string) *journal {
		j, err := openJournal(dir, robot)
		require.NoError(t, err)
		return j
	}
	first := open("robot1")
	open("robot2").close()
	first.close()
	second := open("robot1")
	third := open("robot1")
	third.close()
	second.close()
	all, err := ReadJournal(dir)
	require.NoError(t, err)
	var words []string
	for _, e := range all {
		words = append(words, e.Robot+" "+string(e.Word))
	}
	assert.Equal(t, []string{
		"robot1 begin", "robot2 begin", "robot2 end", "robot1 end",
		"robot1 begin", "robot1 overlap", "robot1 end", "robot1 end",
	}, words)
}
