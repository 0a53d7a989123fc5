package dds_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
)

func init() { roles["garbage"] = garbage }

// Where RTPS listens in domain 0 (RTPS 2.3 § 9.6.1): discovery by multicast, and
// by unicast of the first participant index, and its data.
const (
	discoveryMulticast = 7400
	discoveryUnicast   = 7410
	dataUnicast        = 7411
)

// garbage floods a host with packets that peers sent, mutated: ADDRESS SEED.
// On a line it begins, and says what it sent when the next one comes.
func garbage(args []string) error {
	group := &net.UDPAddr{IP: net.IPv4(239, 255, 0, 1), Port: discoveryMulticast}
	eth0, err := net.InterfaceByName("eth0")
	if err != nil {
		return err
	}
	in, err := net.ListenMulticastUDP("udp4", eth0, group)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return err
	}
	defer out.Close()
	lines := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	lines.Scan()
	var real [][]byte
	for len(real) < 8 { // announcements of the robots and of the manager
		b := make([]byte, 65536)
		n, err := in.Read(b)
		if err != nil {
			return err
		}
		real = append(real, b[:n:n])
	}
	fmt.Println("began")
	sent, stop := 0, make(chan struct{})
	done := make(chan error, 1)
	target := net.ParseIP(args[0])
	r := rand.New(rand.NewPCG(1, 2))
	go func() {
		for ; ; sent++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			to := [...]*net.UDPAddr{group, {IP: target, Port: discoveryUnicast}, {IP: target, Port: dataUnicast}}[r.IntN(3)]
			// An error would say that the target is down, which the test sees by itself.
			_, _ = out.WriteToUDP(mutated(r, real[r.IntN(len(real))]), to)
		}
	}()
	lines.Scan()
	close(stop)
	err = <-done
	fmt.Println("sent", sent)
	return err
}

// mutated is a packet with some bytes changed, cut off or added; the header is
// mostly left so that it is looked into.
func mutated(r *rand.Rand, packet []byte) []byte {
	b := append([]byte(nil), packet...)
	from := 20 // behind the RTPS header
	switch r.IntN(10) {
	case 0:
		from = 0
	case 1, 2, 3:
		from = 8 // another participant's
	}
	for range 1 + r.IntN(8) {
		i := from + r.IntN(len(b)-from)
		switch r.IntN(3) {
		case 0:
			b[i] = byte(r.Uint32())
		case 1:
			b[i] ^= 1 << r.IntN(8)
		default:
			b[i] = [...]byte{0, 1, 0x7f, 0x80, 0xff}[r.IntN(5)]
		}
	}
	switch r.IntN(8) {
	case 0:
		b = b[:from+r.IntN(len(b)-from)]
	case 1:
		b = append(b, b[from:]...)
	}
	return b
}

// Phantoms fill the graph to its limit; robots that join meanwhile are found all
// the same, the others stay, and all are heard. (None is on Fast DDS: its 2.9 ends
// by an assertion when it hears such packets.)
func TestGarbageStopsNobody(t *testing.T) {
	t.Parallel()
	const atMost, early, late, nodes = 12, 3, 4, 2
	n := ddstest.NewNetwork(t)
	hub, h, enemy := n.Host(), n.Host(), n.Host()
	m := onHost(t, hub, "manager", 0, atMost)
	onHost(t, h, "robots", 0, early, nodes, 10, 0)
	before := awaitSeen(m, "all robots", func(s seen) bool { return complete(early, nodes)(s) && s.Poses > 10 })

	g := onHost(t, enemy, "garbage", hub.Address)
	g.say("begin")
	g.answer("began")
	phantoms := awaitSeen(m, "more phantoms than there is room for", func(s seen) bool { return s.Stats.Refused > 0 })
	t.Logf("before the others join: %d participants, kept out %v", phantoms.Stats.Participants, phantoms.Stats.RefusedBy)
	onHost(t, h, "robots", 0, late, nodes, 10, early)
	joined := awaitSeen(m, "robots that join in the flood", func(s seen) bool {
		return len(s.Nodes) == (early+late)*nodes && s.told("/robot") == early+late
	})
	for range 5 { // all are heard all the time
		now := look(m)
		awaitSeen(m, "data in the flood", func(s seen) bool {
			heard := 0
			for robot, poses := range s.PosesOf {
				if poses >= now.PosesOf[robot]+3 {
					heard++
				}
			}
			return heard == early+late
		})
	}
	flood := look(m)
	g.say("end")
	sent := g.answer("sent")
	g.end()

	after := awaitSeen(m, "the robots' graph when the phantoms' leases have ended", func(s seen) bool {
		return assert.ObjectsAreEqual(joined.Nodes, s.Nodes)
	})
	for name, guids := range before.Nodes {
		assert.Equal(t, guids, after.Nodes[name])
	}
	t.Logf("%s packets of garbage; %d participants known, kept out %v, %d MB (before: %d MB)",
		sent, flood.Stats.Participants, flood.Stats.RefusedBy, after.Resident>>20, before.Resident>>20)
	assert.Greater(t, flood.Stats.Refused, phantoms.Stats.Refused, "it went on while they joined")
	assert.LessOrEqual(t, flood.Stats.Participants, atMost)
	assert.Less(t, after.Resident, before.Resident+100<<20)
	require.NotEqual(t, "0", sent)
}
