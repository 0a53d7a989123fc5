package dds_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
)

func init() {
	roles["manager"] = func(args []string) error { return numbers(args, manager) }
	roles["robots"] = func(args []string) error { return numbers(args, robots) }
}

func numbers(args []string, run func(...int) error) error {
	n := make([]int, len(args))
	for i, a := range args {
		var err error
		if n[i], err = strconv.Atoi(a); err != nil {
			return err
		}
	}
	return run(n...)
}

// ethernet is the usual configuration of a robot, with a lease that ends soon:
// [LEASE_MS [INTERFACES]].
func ethernet(args []int) string {
	args = append(args, []int{3000, 1}[len(args):]...)
	var interfaces strings.Builder
	for i := range args[1] {
		fmt.Fprintf(&interfaces, `<NetworkInterface name="eth%d"/>`, i)
	}
	return fmt.Sprintf(`<CycloneDDS><Domain><General><Interfaces>%s</Interfaces></General>`+
		`<Discovery><LeaseDuration>%dms</LeaseDuration><SPDPInterval>%dms</SPDPInterval><ParticipantIndex>auto</ParticipantIndex>`+
		`<MaxAutoParticipantIndex>119</MaxAutoParticipantIndex></Discovery></Domain></CycloneDDS>`, &interfaces, args[0], args[0]/3)
}

// seen is what a manager tells of its domain.
type seen struct {
	Stats    ros.Stats
	Poses    uint64
	PosesOf  map[string]uint64   // by namespace
	Nodes    map[string][]string // of each node the GUIDs: its participant, its topic endpoints
	Resident int
}

// manager follows a domain: DOMAIN PARTICIPANTS_AT_MOST [LEASE_MS [INTERFACES]].
// Each line asks it for what it sees.
func manager(args ...int) error {
	p, err := dds.Open(dds.Options{Domain: args[0], Config: ethernet(args[2:]), IgnoreLocal: true})
	if err != nil {
		return err
	}
	limits := ros.DefaultLimits()
	limits.Participants = args[1]
	var mu sync.Mutex
	poses := make(map[string]uint64) // guarded by mu
	f := ros.NewFollower(p, func(_ time.Time, all ...fleet.Observation) {
		mu.Lock()
		defer mu.Unlock()
		for _, o := range all {
			if all, ok := o.(fleet.PosesObserved); ok {
				for _, p := range all.Poses {
					poses[p.Namespace]++
				}
			}
		}
	}, ros.FollowerOptions{Limits: limits})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var g errgroup.Group
	g.Go(func() error { return f.Run(ctx) })
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "measure" {
			debug.FreeOSMemory() // what it holds, not what it may give back later
		}
		s := seen{Stats: f.Stats(), Nodes: make(map[string][]string), Resident: resident()}
		mu.Lock()
		s.PosesOf = maps.Clone(poses)
		mu.Unlock()
		for _, n := range s.PosesOf {
			s.Poses += n
		}
		for _, n := range f.Nodes() {
			name := n.FullName()
			s.Nodes[name] = []string{n.Participant.String()}
			for _, e := range append(n.Publishers, n.Subscriptions...) {
				s.Nodes[name] = append(s.Nodes[name], e.GUID.String())
			}
		}
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		fmt.Printf("seen %s\n", b)
	}
	cancel()
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return p.Close()
}

func resident() int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		panic(err)
	}
	return pages * os.Getpagesize()
}

// robots are Cyclone peers: DOMAIN PARTICIPANTS NODES HZ FIRST [LEASE_MS
// [INTERFACES]]. Each participant is a robot with so many nodes, all of them in its
// node list, and one odometry; robotFIRST is the first.
func robots(args ...int) error {
	participants, nodes, hz, first := args[1], args[2], args[3], args[4]
	odometry := atOrigin()
	var writers []ros.Writer
	for i := range participants {
		p, err := dds.Open(dds.Options{Domain: args[0], Config: ethernet(args[5:])})
		if err != nil {
			return err
		}
		defer p.Close()
		w, err := robot(p, fmt.Sprintf("robot%d", first+i), nodes)
		if err != nil {
			return err
		}
		writers = append(writers, w)
	}
	done := make(chan struct{})
	var g errgroup.Group
	g.Go(func() error {
		for tick := time.NewTicker(time.Second / time.Duration(hz)); ; {
			select {
			case <-done:
				return nil
			case <-tick.C:
			}
			for _, w := range writers {
				if err := w.Write(odometry); err != nil {
					return err
				}
			}
		}
	})
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println("what")
	}
	close(done)
	return g.Wait()
}

// atOrigin is an odometry without frames.
func atOrigin() []byte {
	b := make([]byte, 708)
	b[1] = 1
	b[12], b[20] = 1, 1 // two empty strings
	return b
}

func robot(p *dds.Participant, name string, nodes int) (ros.Writer, error) {
	odometry, err := p.Advertise(ros.Publication{Topic: "/" + name + "/odom", Type: "nav_msgs/msg/Odometry", QoS: telemetry})
	if err != nil {
		return nil, err
	}
	info, err := p.Advertise(ros.Publication{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoWriterQoS()})
	if err != nil {
		return nil, err
	}
	list := ros.NodesFact{Participant: p.Participant()}
	for i := range nodes {
		n := ros.NodeEntities{Namespace: "/" + name, Name: fmt.Sprintf("node%d", i)}
		if i == 0 {
			n.Writers = []ros.GUID{odometry.GUID()}
		}
		list.Nodes = append(list.Nodes, n)
	}
	cdr, err := ros.EncodeInfo(list, ros.GIDIron)
	if err != nil {
		return nil, err
	}
	return odometry, info.Write(cdr)
}
