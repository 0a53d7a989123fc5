package dds_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/ros"
)

// witness is a process that writes and reads the topic /a: DOMAIN [KEYSTORE
// ENCLAVE]. What it writes is who it is; asked, it tells whom it has heard. (In
// one process Cyclone takes either all participants as secured, or none.)
func witness(args []string) error {
	domain, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	var explained counter
	o := dds.Options{
		Domain: domain, Config: dds.LoopbackConfig(), IgnoreLocal: true,
		Log: slog.New(slog.NewTextHandler(&explained, nil)),
	}
	if len(args) > 1 {
		o.Security = &dds.Security{Keystore: args[1], Enclave: args[2]}
	}
	p, err := dds.Open(o)
	if err != nil {
		return err
	}
	out, err := p.Advertise(ros.Publication{Topic: "/a", Type: "std_msgs/msg/String", QoS: telemetry})
	if err != nil {
		return err
	}
	_, denied := p.Advertise(ros.Publication{Topic: "/b", Type: "std_msgs/msg/String", QoS: telemetry})
	if _, err := p.Subscribe(ros.Subscription{Topic: "/a", Type: "std_msgs/msg/String", QoS: telemetry}); err != nil {
		return err
	}
	var mu sync.Mutex
	h := newHeard()
	h.Self, h.MayB = p.Participant().String(), denied == nil
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var g errgroup.Group
	g.Go(func() error {
		for {
			facts, err := p.Discover(ctx)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, f := range facts {
				if e, ok := f.(ros.EndpointFact); ok && !e.Gone {
					h.Endpoints[e.Participant.String()] = true
				}
			}
			mu.Unlock()
		}
	})
	g.Go(func() error {
		for b := (ros.Batch{}); ; {
			if err := p.Take(ctx, &b); err != nil {
				return err
			}
			mu.Lock()
			for _, s := range b.Samples {
				h.Samples[hex.EncodeToString(s.CDR[4:])]++
			}
			mu.Unlock()
		}
	})
	self := p.Participant()
	g.Go(func() error {
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
			if err := out.Write(append([]byte{0, 1, 0, 0}, self[:]...)); err != nil {
				return err
			}
		}
	})
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		mu.Lock()
		h.Explained = explained.Load()
		b, err := json.Marshal(h)
		mu.Unlock()
		if err != nil {
			return err
		}
		fmt.Printf("heard %s\n", b)
	}
	cancel()
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return p.Close()
}

// heard is what a witness tells. Endpoints and Samples are of participants, by
// GUID.
type heard struct {
	Self      string
	MayB      bool // it may publish /b
	Endpoints map[string]bool
	Samples   map[string]int
	Explained int64 // lines of the log on members that Cyclone cannot read
}

func newHeard() heard { return heard{Endpoints: make(map[string]bool), Samples: make(map[string]int)} }

// counter counts a log's lines on members that Cyclone cannot read.
type counter struct{ atomic.Int64 }

func (c *counter) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("whose name sorts")) {
		c.Add(1)
	}
	return len(line), nil
}

func init() { roles["witness"] = witness }

func startWitness(t *testing.T, domain int, s *dds.Security) *child {
	t.Helper()
	args := []string{strconv.Itoa(domain)}
	if s != nil {
		args = append(args, s.Keystore, s.Enclave)
	}
	return role(t, "witness", args)
}

func ask(c *child) (h heard) {
	c.t.Helper()
	c.say("whom")
	require.NoError(c.t, json.Unmarshal([]byte(c.answer("heard")), &h))
	return h
}

// awaitEachOther waits until both have found the other, and hear it from now on.
func awaitEachOther(t *testing.T, a, b *child, who string) {
	t.Helper()
	before := [2]heard{ask(a), ask(b)}
	require.Eventually(t, func() bool {
		x, y := ask(a), ask(b)
		return x.Endpoints[y.Self] && x.Samples[y.Self] > before[0].Samples[y.Self]+5 &&
			y.Endpoints[x.Self] && y.Samples[x.Self] > before[1].Samples[x.Self]+5
	}, ddstest.Deadline, 20*time.Millisecond, who)
}
