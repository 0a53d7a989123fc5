package dds_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
)

// roles are what this binary can be for a test besides the test: a process of
// its own, with its arguments, driven by lines.
var roles = map[string]func(args []string) error{}

const roleVariable = "MUSTER_DDS_ROLE"

func TestMain(m *testing.M) {
	role := roles[os.Getenv(roleVariable)]
	if role == nil {
		goleak.VerifyTestMain(m)
		return
	}
	if err := role(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error", err)
		os.Exit(1)
	}
}

// child is a process that is driven by lines.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
	done  chan struct{}
}

// start runs a program until the test ends; its first line must be "ready".
func start(t testing.TB, cmd *exec.Cmd) *child {
	t.Helper()
	c := &child{t: t, cmd: cmd, lines: make(chan string, 16), done: make(chan struct{})}
	cmd.Stderr = os.Stderr
	var err error
	c.in, err = cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() {
		defer close(c.done)
		for s := bufio.NewScanner(out); s.Scan(); {
			c.lines <- s.Text()
		}
		_ = cmd.Wait()
	}()
	t.Cleanup(c.end)
	c.answer("ready")
	return c
}

// role starts this binary in one of its roles, behind the words of a command
// such as ip netns exec.
func role(t testing.TB, name string, args []string, before ...string) *child {
	t.Helper()
	line := append(append(before, os.Args[0]), args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+name)
	return start(t, cmd)
}

func (c *child) say(words ...any) {
	c.t.Helper()
	_, err := fmt.Fprintln(c.in, words...)
	require.NoError(c.t, err)
}

// answer waits for a line that begins with a word, and returns what follows.
func (c *child) answer(word string) string {
	c.t.Helper()
	select {
	case line := <-c.lines:
		got, rest, _ := strings.Cut(line, " ")
		require.Equal(c.t, word, got, "it said: %s", line)
		return rest
	case <-c.done:
		require.Fail(c.t, "it ended", "waiting for %q", word)
	case <-time.After(2 * ddstest.Deadline):
		require.Fail(c.t, "no answer", "waiting for %q", word)
	}
	return ""
}

// end closes its input, on which it ends, and waits.
func (c *child) end() {
	_ = c.in.Close()
	for late := time.After(ddstest.Deadline); ; {
		select {
		case <-c.lines:
		case <-c.done:
			return
		case <-late:
			_ = c.cmd.Process.Kill()
			late = nil
		}
	}
}

// kill ends it as a crash does.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	c.end()
}
