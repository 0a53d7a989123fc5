package ddstest

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/ros"
)

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

	mu    sync.Mutex
	found map[ros.GUID]PeerEndpoint // guarded by mu
}

// PeerEndpoint is an endpoint of another participant, as Fast DDS read it.
type PeerEndpoint struct {
	Topic, Type, UserData string
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

// StartMember starts a peer that is a member of a keystore, by the directory of
// its enclave.
func StartMember(t testing.TB, domain int, enclave string) *Peer {
	t.Helper()
	return startPeer(t, nil, fmt.Sprint(domain), "enclave="+enclave)
}

// StartPeer starts a peer on the host, at all its addresses; its lease is short,
// so that a crash shows soon.
func (h *Host) StartPeer(t testing.TB, domain int, lease time.Duration) *Peer {
	t.Helper()
	return h.startPeer(t, domain, fmt.Sprintf("lease=%d", lease.Milliseconds()))
}

// StartPeerOf starts a peer on the host that looks for one participant alone: that
// of another host with the participant index 0.
func (h *Host) StartPeerOf(t testing.TB, domain int, hub *Host) *Peer {
	t.Helper()
	return h.startPeer(t, domain, "only="+hub.Address)
}

func (h *Host) startPeer(t testing.TB, domain int, more ...string) *Peer {
	t.Helper()
	args := append([]string{fmt.Sprint(domain)}, more...)
	for _, a := range h.Addresses {
		args = append(args, "address="+a)
	}
	return startPeer(t, h.Exec(), args...)
}

func startPeer(t testing.TB, before []string, args ...string) *Peer {
	t.Helper()
	bin, err := buildPeer()
	require.NoError(t, err)
	p := &Peer{
		t: t, lines: make(chan string, 64), data: make(chan PeerSample, 1024), done: make(chan struct{}),
		found: make(map[ros.GUID]PeerEndpoint),
	}
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
		var err error
		switch op {
		case "data":
			err = p.hear(rest)
		case "found", "lost":
			err = p.discover(rest)
		default:
			p.lines <- lines.Text()
		}
		if err != nil {
			p.lines <- "error " + err.Error()
		}
	}
	_ = p.cmd.Wait()
}

func (p *Peer) hear(line string) error {
	topic, text, _ := strings.Cut(line, " ")
	cdr, err := hex.DecodeString(text)
	if err != nil {
		return err
	}
	select {
	case p.data <- PeerSample{topic, cdr}:
	default: // a test that does not read them does not want them
	}
	return nil
}

func (p *Peer) discover(line string) error {
	words := append(strings.Fields(line), "", "", "") // one that is lost has its GUID alone
	g, err := guid(words[0])
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if words[1] == "" {
		delete(p.found, g)
		return nil
	}
	p.found[g] = PeerEndpoint{words[1], words[2], strings.TrimPrefix(words[3], "-")}
	return nil
}

// Found are the endpoints of others that it knows now, by their GUIDs.
func (p *Peer) Found() map[ros.GUID]PeerEndpoint {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.found)
}

func guid(text string) (g ros.GUID, err error) {
	b, err := hex.DecodeString(text)
	if err == nil && len(b) != len(g) {
		err = fmt.Errorf("%q is no GUID", text)
	}
	copy(g[:], b)
	return g, err
}

// answer waits for "op HEX".
func (p *Peer) answer(op string) (g ros.GUID) {
	p.t.Helper()
	select {
	case line := <-p.lines:
		got, text, _ := strings.Cut(line, " ")
		require.Equal(p.t, op, got, "the peer said: %s", line)
		var err error
		g, err = guid(text)
		require.NoError(p.t, err)
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

// Received are the samples that wait to be received.
func (p *Peer) Received() (all []PeerSample) {
	for {
		select {
		case s := <-p.data:
			all = append(all, s)
		default:
			return all
		}
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
