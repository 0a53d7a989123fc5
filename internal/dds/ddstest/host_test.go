package ddstest

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestANetworkRemovesWhatAKilledTestLeft(t *testing.T) {
	gone := exec.Command("true")
	require.NoError(t, gone.Run())
	left := fmt.Sprintf("%s%d-1-1", prefix, gone.Process.Pid)
	require.NoError(t, exec.Command("ip", "netns", "add", left).Run())
	n := NewNetwork(t)
	assert.NoFileExists(t, namespaces+left)
	assert.FileExists(t, namespaces+n.bridges, "a living one's stays")
}

func TestAHostIsReachedUntilItsCableIsPulled(t *testing.T) {
	n := NewNetwork(t)
	a, b := n.Host(), n.Host()
	l, err := a.Listen("tcp", net.JoinHostPort(a.Address, "7000"))
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "a")
			_ = c.Close()
		}
	}()
	call := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		c, err := b.Dial(ctx, "tcp", l.Addr().String())
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = io.ReadAll(c)
		return err
	}
	require.NoError(t, call())
	a.Cut()
	require.Error(t, call())
	a.Mend()
	require.NoError(t, call())

	own, err := os.Readlink("/proc/self/ns/net")
	require.NoError(t, err)
	line := append(a.Enter(), "readlink", "/proc/self/ns/net")
	there, err := exec.Command(line[0], line[1:]...).Output()
	require.NoError(t, err)
	assert.NotEqual(t, own+"\n", string(there))
}
