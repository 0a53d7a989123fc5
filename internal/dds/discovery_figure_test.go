//go:build bench

package dds_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
)

func init() {
	roles["hub"] = func(args []string) error { return numbers(args, hub) }
	roles["recruits"] = func(args []string) error { return numbers(args, recruits) }
}

// onLoopback is a star on one host: its hub has the participant index 0 and is the
// only peer of all others.
func onLoopback(domain int, hub bool) string {
	discovery := "<ParticipantIndex>0</ParticipantIndex>"
	if !hub {
		discovery = fmt.Sprintf(`<ParticipantIndex>none</ParticipantIndex><SPDPInterval>2s</SPDPInterval>`+
			`<Peers><Peer address="127.0.0.1:%d"/></Peers>`, discoveryUnicast+250*domain)
	}
	return `<CycloneDDS><Domain><General><Interfaces><NetworkInterface name="lo"/></Interfaces><AllowMulticast>false</AllowMulticast>` +
		`</General><Discovery>` + discovery + `</Discovery></Domain></CycloneDDS>`
}

// recruits join when told to: DOMAIN FIRST ROBOTS NODES.
func recruits(args ...int) error {
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	in.Scan()
	for i := range args[2] {
		p, err := dds.Open(dds.Options{Domain: args[0], Config: onLoopback(args[0], false)})
		if err != nil {
			return err
		}
		defer p.Close()
		if _, err := robot(p, fmt.Sprintf("robot%d", args[1]+i), args[3]); err != nil {
			return err
		}
	}
	fmt.Println("done")
	in.Scan()
	return nil
}

// hub follows a domain: DOMAIN ROBOTS NODES. It says "complete" when it knows all
// robots and their nodes and reads the odometry of each; a line asks it for its
// memory and its processor time.
func hub(args ...int) error {
	p, err := dds.Open(dds.Options{Domain: args[0], Config: onLoopback(args[0], true), IgnoreLocal: true})
	if err != nil {
		return err
	}
	registry := fleet.NewRegistry(&fleet.Journal{})
	f := ros.NewFollower(p, registry.Apply, ros.FollowerOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	var g errgroup.Group
	g.Go(func() error { return f.Run(ctx) })
	g.Go(func() error {
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
			s := f.Stats()
			if s.Participants == args[1] && s.Endpoints == 2*args[1] && s.Nodes == args[1]*args[2] && s.Readers == args[1] {
				fmt.Println("complete")
				return nil
			}
		}
	})
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		debug.FreeOSMemory()
		fmt.Println("uses", resident(), int64(processorTime()))
	}
	cancel()
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return p.Close()
}

// joined is what it took to discover a crowd.
type joined struct {
	took, cpu time.Duration
	memory    int // KB a robot
}

// discover lets robots join at once from so many processes.
func discover(t *testing.T, processes, robots, nodes int) (j joined) {
	domain := ddstest.FreeDomain(t)
	words := func(n ...any) []string { return strings.Fields(fmt.Sprintln(n...)) }
	h := role(t, "hub", words(domain, robots, nodes))
	crowd := make([]*child, processes)
	var starting sync.WaitGroup
	for i := range crowd {
		starting.Go(func() {
			each := robots / processes
			crowd[i] = role(t, "recruits", words(domain, i*each, each, nodes))
		})
	}
	starting.Wait()
	uses := func() (resident int, cpu time.Duration) {
		h.say("uses")
		_, err := fmt.Sscan(h.answer("uses"), &resident, &cpu)
		require.NoError(t, err)
		return resident, cpu
	}
	before, idle := uses()
	began := time.Now()
	for _, c := range crowd {
		c.say("go")
	}
	h.answer("complete")
	j.took = time.Since(began)
	after, busy := uses()
	j.cpu, j.memory = busy-idle, (after-before)>>10/robots
	for _, c := range crowd {
		c.answer("done")
		_ = c.in.Close()
	}
	for _, c := range crowd {
		c.end()
	}
	h.end()
	return j
}

// 200 robots of five nodes join at once: as one process, whose participants know
// each other without the network, and as 200, the manager being the only peer of
// each.
func TestFigureDiscovery(t *testing.T) {
	const robots, nodes = 200, 5
	for _, processes := range []int{1, robots} {
		all := make([]joined, rounds)
		for i := range all {
			all[i] = discover(t, processes, robots, nodes)
		}
		slices.SortFunc(all, func(a, b joined) int { return int(a.took - b.took) })
		m := all[rounds/2]
		t.Logf("figure: discovery of %d robots of %d nodes in %d processes, as a star: %v (%v … %v), %v of the manager's CPU, %d KB each",
			robots, nodes, processes, m.took.Round(time.Millisecond), all[0].took.Round(time.Millisecond),
			all[rounds-1].took.Round(time.Millisecond), m.cpu.Round(time.Millisecond), m.memory)
		assert.Less(t, m.took, 10*time.Second)
		assert.Less(t, m.memory, 200, "KB a robot")
	}
}
