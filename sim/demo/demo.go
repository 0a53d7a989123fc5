// Package demo starts Muster's main job on one machine: robots in containers on
// a real ROS 2 domain, a registry with three versions of their software, and a
// manager that follows them all. Run owns every process and goroutine that it
// starts, and takes everything away at its end.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/sim/images"
)

// Options describe a demo.
type Options struct {
	Robots int
	Listen string // address of the app; a busy port gives way to a free one
	Muster string // the manager's program
	Sim    string // this program
	// Simulate uses simulated engines even where there is a Docker Engine.
	Simulate bool
	Out      io.Writer
	Log      *slog.Logger
}

// versions are the images that the registry offers, the first runs at the begin.
var versions = []struct{ tag, fault, words string }{
	{"v1", "", "what the robots run now"},
	{"v2", "", "works"},
	{"v3", "silent", "starts and never publishes: the canary is rolled back"},
}

const repository = "muster/robot"

// engine is where a robot's container runs.
type engine struct{ Name, URL string }

// host offers engines with the robots' containers on them.
type host interface {
	// words says in one line what the engines are.
	words() string
	engines() []engine
	// start creates the robots' containers.
	start(ctx context.Context, robots []robot) error
	// close removes what start made.
	close(ctx context.Context) error
}

// robot is one simulated machine.
type robot struct {
	ID, Name, Namespace, Hall string
	Index                     int
	Engine, Image             string
	Domain                    int
}

var names = []string{"Ada", "Blaise", "Clara", "Dijkstra", "Emmy", "Faraday", "Grace", "Hertz", "Ida", "Joule"}

// Run shows the demo until ctx ends.
func Run(ctx context.Context, o Options) (err error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "muster-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	domain, release, err := dds.ReserveDomain()
	if err != nil {
		return err
	}
	defer func() { _ = release() }()
	reg, err := images.StartRegistry()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reg.Close()) }()
	if err := push(ctx, reg, o.Sim); err != nil {
		return err
	}

	cancelled, cancel := context.WithCancel(ctx)
	g, running := errgroup.WithContext(cancelled)
	h := chooseHost(running, g, o, dir, reg.Host)
	fmt.Fprintln(o.Out, h.words())
	robots := makeRobots(o.Robots, domain, h.engines(), reg.Host+"/"+repository+":v1")
	defer func() {
		cancel()
		err = errors.Join(err, ignoreCancel(g.Wait()))
		end, stop := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer stop()
		err = errors.Join(err, h.close(end))
	}()
	url, manager, err := startManager(running, o, dir, domain, h.engines(), robots)
	if err != nil {
		return err
	}
	g.Go(manager)
	if err := h.start(running, robots); err != nil {
		return err
	}
	if err := awaitReady(running, url); err != nil {
		return err
	}
	fmt.Fprint(o.Out, guide(url, o, reg.Host, domain, time.Since(began)))
	<-running.Done()
	if ctx.Err() != nil {
		fmt.Fprintln(o.Out, "\nStopping: containers, engines, manager and registry.")
		return nil
	}
	return context.Cause(running)
}

func ignoreCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func push(ctx context.Context, reg *images.Registry, program string) error {
	layer, err := images.Layer(program)
	if err != nil {
		return err
	}
	for _, v := range versions {
		img, err := images.Image(layer, v.tag, v.fault)
		if err != nil {
			return err
		}
		if _, err := images.Push(ctx, reg.Host+"/"+repository+":"+v.tag, img); err != nil {
			return err
		}
	}
	return nil
}

// chooseHost takes the Docker Engine that the docker command would, else
// simulated ones.
func chooseHost(ctx context.Context, g *errgroup.Group, o Options, dir, registry string) host {
	why := "as asked"
	if !o.Simulate {
		d, err := findDocker(ctx, registry, o.Log)
		if err == nil {
			return d
		}
		why = err.Error()
	}
	return newSimulated(ctx, g, o, dir, why)
}

func makeRobots(n, domain int, engines []engine, image string) []robot {
	robots := make([]robot, n)
	for i := range robots {
		id := fmt.Sprintf("robot%d", i+1)
		robots[i] = robot{
			ID: id, Name: names[i%len(names)], Namespace: "/" + id, Index: i, Domain: domain, Image: image,
			Engine: engines[i%len(engines)].Name, Hall: []string{"north", "south"}[i%2],
		}
	}
	return robots
}

// environment is what users' compose files set, too.
func (r robot) environment() []string {
	return []string{
		"ROBOT_ID=" + r.ID, "ROBOT_NAMESPACE=" + r.Namespace, fmt.Sprintf("ROS_DOMAIN_ID=%d", r.Domain),
		fmt.Sprintf("SIM_INDEX=%d", r.Index),
	}
}

// devices are the host's devices as a robot's container sees them.
var devices = map[string]string{"/dev/null": "/dev/ttyMotor", "/dev/zero": "/dev/lidar"}

// freeAddress is the wanted address, or one with a free port when it is taken.
func freeAddress(want string) (string, error) {
	for _, address := range []string{want, "127.0.0.1:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		got := l.Addr().String()
		return got, l.Close()
	}
	return "", fmt.Errorf("no port is free on 127.0.0.1")
}

func guide(url string, o Options, registry string, domain int, took time.Duration) string {
	image := registry + "/" + repository
	var b strings.Builder
	fmt.Fprintf(&b, "\nMuster is ready after %.1f s:  %s\n\n", took.Seconds(), url)
	fmt.Fprintf(&b, "%d robots drive through a hall on ROS domain %d. Images to roll out:\n", o.Robots, domain)
	for _, v := range versions[1:] {
		fmt.Fprintf(&b, "  %s:%s   %s\n", image, v.tag, v.words)
	}
	program := o.Muster
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, program); err == nil && !strings.HasPrefix(rel, "..") {
			program = "./" + rel
		}
	}
	server := ""
	if url != "http://127.0.0.1:8480" {
		server = " --server " + url
	}
	fmt.Fprintf(&b, "\nTry: click a robot; press \"New rollout\" and give an image; or in another terminal\n")
	fmt.Fprintf(&b, "  %s rollout start%s --image %s:v2 --robots all\n\nCtrl-C stops everything.\n", program, server, image)
	return b.String()
}
