// Package ddstest gives tests a private ROS domain and peers of another vendor
// in it: Fast DDS participants in processes of their own, driven line by line.
// The peer's source is testdata/peer.cpp; g++ and Debian's libfastrtps-dev build
// it once for a test binary.
package ddstest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/ros"
)

//go:embed testdata/peer.cpp
var peerSource []byte

// Deadline is how long a test waits for what discovery or a peer must bring.
const Deadline = 20 * time.Second

// FreeDomain reserves a domain for the test.
func FreeDomain(t testing.TB) int {
	t.Helper()
	id, release, err := dds.ReserveDomain()
	require.NoError(t, err)
	t.Cleanup(func() { _ = release() })
	return id
}

// Join opens a participant on the loopback interface.
func Join(t testing.TB, domain int) *dds.Participant {
	t.Helper()
	p, err := dds.Open(dds.Options{Domain: domain, Config: dds.LoopbackConfig()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// buildPeer builds the peer into the user's cache, under a name that its source
// decides: the next run finds it there.
var buildPeer = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "muster-test")
	bin := filepath.Join(dir, fmt.Sprintf("peer-%x", sha256.Sum256(peerSource)))
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	// Under a name of our own first: several test binaries may build at once.
	own := fmt.Sprintf("%s.%d", bin, os.Getpid())
	defer os.Remove(own)
	build := exec.Command("g++", "-std=c++17", "-O0", "-x", "c++", "-o", own, "-", "-lfastrtps", "-lfastcdr")
	build.Stdin = bytes.NewReader(peerSource)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the Fast DDS peer: %w\n%s", err, out)
	}
	return bin, os.Rename(own, bin)
})

// Peer is a Fast DDS participant in a process of its own.
type Peer struct {
	// GUID of its participant.
	GUID ros.GUID

	t     testing.TB
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
	data  chan PeerSample
	done  chan struct{}
}

// PeerSample is what a subscription of the peer received.
type PeerSample struct {
	Topic string
	CDR   []byte
}

// StartPeer starts a peer in the domain; it ends with the test.
func StartPeer(t testing.TB, domain int) *Peer {
	t.Helper()
	return startPeer(t, nil, fmt.Sprint(domain))
}

// StartPeer starts a peer on the host; its lease is 3 s, so that a crash shows
// soon.
func (h *Host) StartPeer(t testing.TB, domain int) *Peer {
	t.Helper()
	return startPeer(t, h.Exec(), fmt.Sprint(domain), h.Address, "3")
}

func startPeer(t testing.TB, before []string, args ...string) *Peer {
	t.Helper()
	bin, err := buildPeer()
	require.NoError(t, err)
	p := &Peer{t: t, lines: make(chan string, 64), data: make(chan PeerSample, 1024), done: make(chan struct{})}
	line := append(append(before, bin), args...)
	p.cmd = exec.Command(line[0], line[1:]...)
	p.cmd.Stderr = os.Stderr
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go p.read(out)
	t.Cleanup(p.Quit)
	p.GUID = p.answer("guid")
	return p
}

func (p *Peer) read(out io.Reader) {
	defer close(p.done)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		op, rest, _ := strings.Cut(lines.Text(), " ")
		if op != "data" {
			p.lines <- lines.Text()
			continue
		}
		topic, text, _ := strings.Cut(rest, " ")
		cdr, err := hex.DecodeString(text)
		if err != nil {
			p.lines <- "error " + err.Error()
			continue
		}
		select {
		case p.data <- PeerSample{topic, cdr}:
		default: // a test that does not read them does not want them
		}
	}
	_ = p.cmd.Wait()
}

// answer waits for "op HEX".
func (p *Peer) answer(op string) (g ros.GUID) {
	p.t.Helper()
	select {
	case line := <-p.lines:
		got, text, _ := strings.Cut(line, " ")
		require.Equal(p.t, op, got, "the peer said: %s", line)
		b, err := hex.DecodeString(text)
		require.NoError(p.t, err)
		require.Len(p.t, b, len(g))
		copy(g[:], b)
	case <-p.done:
		require.Fail(p.t, "the peer ended")
	case <-time.After(Deadline):
		require.Fail(p.t, "the peer gave no answer")
	}
	return g
}

func (p *Peer) say(format string, args ...any) {
	p.t.Helper()
	_, err := fmt.Fprintf(p.in, format+"\n", args...)
	require.NoError(p.t, err)
}

// Advertise opens a writer under DDS names and returns its GUID.
func (p *Peer) Advertise(topic, typ string, q ros.QoS, userData string) ros.GUID {
	p.t.Helper()
	p.say("pub %s", endpoint(topic, typ, q, userData))
	return p.answer("ok")
}

// Subscribe opens a reader under DDS names and returns its GUID.
func (p *Peer) Subscribe(topic, typ string, q ros.QoS, userData string) ros.GUID {
	p.t.Helper()
	p.say("sub %s", endpoint(topic, typ, q, userData))
	return p.answer("ok")
}

func endpoint(topic, typ string, q ros.QoS, userData string) string {
	if userData == "" {
		userData = "-"
	}
	return fmt.Sprintf("%s %s %s %s %d %s", topic, typ, q.Reliability, q.Durability, max(q.Depth, 1), userData)
}

// Write publishes a sample, header and all.
func (p *Peer) Write(topic string, cdr []byte) {
	p.t.Helper()
	p.say("write %s %s", topic, hex.EncodeToString(cdr))
}

// CloseWriter deletes the writer of a topic.
func (p *Peer) CloseWriter(topic string) {
	p.t.Helper()
	p.say("close %s", topic)
}

// Receive waits for the next sample of any of its subscriptions.
func (p *Peer) Receive(ctx context.Context) (PeerSample, error) {
	select {
	case s := <-p.data:
		return s, nil
	case <-ctx.Done():
		return PeerSample{}, ctx.Err()
	}
}

// Quit lets the peer leave the domain in an orderly way.
func (p *Peer) Quit() {
	_, _ = fmt.Fprintln(p.in, "quit")
	p.wait()
}

// Kill ends the peer as a crash does.
func (p *Peer) Kill() {
	_ = p.cmd.Process.Kill()
	p.wait()
}

func (p *Peer) wait() {
	_ = p.in.Close()
	select {
	case <-p.done:
	case <-time.After(Deadline):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}
