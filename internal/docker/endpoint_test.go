package docker

import (
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What is given up on a network that is away does not reach the engine when the
// network is back.
func TestAConnectionIsDroppedWithWhatWasNotSent(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	far := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			far <- c
		}
	}()
	e := Endpoint{Name: "e", URL: "tcp://" + l.Addr().String()}
	u, err := url.Parse(e.URL)
	require.NoError(t, err)
	dial, err := e.dialer(u)
	require.NoError(t, err)
	near, err := dial(t.Context())
	require.NoError(t, err)
	engine := <-far
	t.Cleanup(func() { _ = engine.Close() })

	raw, err := near.(*net.TCPConn).SyscallConn()
	require.NoError(t, err)
	var timeout int
	require.NoError(t, raw.Control(func(fd uintptr) {
		timeout, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
	}))
	require.NoError(t, err)
	require.Equal(t, unanswered.Milliseconds(), int64(timeout))

	// More than the far side takes in: the rest waits to be sent.
	require.NoError(t, engine.(*net.TCPConn).SetReadBuffer(1<<12))
	sent := 64 << 20
	wrote := make(chan int, 1)
	go func() {
		n, _ := near.Write(make([]byte, sent))
		wrote <- n
	}()
	_, err = io.ReadFull(engine, make([]byte, 1<<10))
	require.NoError(t, err)
	require.NoError(t, near.Close())
	n, err := io.Copy(io.Discard, engine)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.Less(t, int(n), <-wrote, "what was handed to the system was sent all the same")
}
