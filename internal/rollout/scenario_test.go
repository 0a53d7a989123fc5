package rollout

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite what the scenario files expect")

// A scenario file tells how a rollout goes: blocks of commands, a line "----",
// and what is then to be seen, up to an empty line. An indented line belongs to
// the command above it, and # begins a remark. See script for the commands.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			blocks := parseScenario(string(text))
			require.NotEmpty(t, blocks, "no block")
			s, seen := newScript(), ""
			for _, b := range blocks {
				got := s.block(t, b.commands)
				seen += b.head + got + "\n"
				if !*update {
					assert.Equal(t, b.want, got, "after\n%s", b.head)
				}
			}
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(strings.TrimSuffix(seen, "\n")), 0o644))
			}
		})
	}
}

// block is some commands and what is seen after them.
type block struct {
	head     string // as it stands in the file, with remarks, up to and with "----"
	commands []scriptCommand
	want     string
}

type scriptCommand struct {
	line string
	body string // the indented lines
}

func parseScenario(text string) []block {
	var blocks []block
	var b block
	lines := strings.SplitAfter(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		b.head += line
		bare := strings.TrimSpace(line)
		switch {
		case bare == "" || strings.HasPrefix(line, "#"):
		case bare == "----":
			for i++; i < len(lines) && strings.TrimSpace(lines[i]) != ""; i++ {
				b.want += lines[i]
			}
			blocks, b = append(blocks, b), block{}
		case line[0] == ' ' && len(b.commands) > 0:
			b.commands[len(b.commands)-1].body += line
		default:
			b.commands = append(b.commands, scriptCommand{line: bare})
		}
	}
	return blocks
}

// The update of a file that is right changes nothing of it.
func TestAScenarioFileIsReadAndWrittenAlike(t *testing.T) {
	const text = "# why\nfleet 2\nplan\n  canary: 1\n----\na\nb\n\n# next\nadvance 1s\n----\nc\n"
	blocks := parseScenario(text)
	require.Len(t, blocks, 2)
	assert.Equal(t, []scriptCommand{{"fleet 2", ""}, {"plan", "  canary: 1\n"}}, blocks[0].commands)
	assert.Equal(t, "a\nb\n", blocks[0].want)
	assert.Equal(t, text, blocks[0].head+blocks[0].want+"\n"+blocks[1].head+blocks[1].want)
}
