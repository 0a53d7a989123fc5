package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	simengine "github.com/muster-fleet/muster/sim/engine"
)

// simulated is a host of simulated engines, one for each robot as on real ones.
type simulated struct {
	why string
	all []engine
}

func newSimulated(ctx context.Context, g *errgroup.Group, o Options, dir, why string) *simulated {
	s := &simulated{why: why}
	for i := range o.Robots {
		name := fmt.Sprintf("engine%d", i+1)
		e := simengine.New(simengine.Options{
			Name: name, Socket: filepath.Join(dir, name+".sock"), Program: o.Sim, Log: o.Log,
		})
		g.Go(func() error { return e.Run(ctx) })
		s.all = append(s.all, engine{name, e.URL()})
	}
	return s
}

func (s *simulated) words() string {
	return fmt.Sprintf("No Docker Engine is used (%s): %d simulated engines speak its API.", s.why, len(s.all))
}

func (s *simulated) engines() []engine { return s.all }

func (s *simulated) start(ctx context.Context, robots []robot) error {
	urls := make(map[string]string)
	for _, e := range s.all {
		urls[e.Name] = e.URL
	}
	for _, r := range robots {
		if err := startOn(ctx, urls[r.Engine], r); err != nil {
			return fmt.Errorf("start robot %s: %w", r.ID, err)
		}
	}
	return nil
}

func startOn(ctx context.Context, address string, r robot) error {
	if err := awaitSocket(ctx, address); err != nil {
		return err
	}
	cli, err := client.New(client.WithHost(address))
	if err != nil {
		return err
	}
	defer cli.Close()
	return startRobot(ctx, cli, r, nil)
}

func awaitSocket(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	for {
		c, err := new(net.Dialer).DialContext(ctx, "unix", u.Path)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// close has nothing to do: the engines end their containers with their context.
func (s *simulated) close(context.Context) error { return nil }

// startRobot pulls a robot's image and starts its container.
func startRobot(ctx context.Context, cli *client.Client, r robot, labels map[string]string) error {
	pull, err := cli.ImagePull(ctx, r.Image, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	if err := readPull(ctx, pull); err != nil {
		return err
	}
	all := map[string]string{"muster.robot": r.ID}
	for k, v := range labels {
		all[k] = v
	}
	host := &container.HostConfig{
		NetworkMode:   "host",
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
	}
	for outside, inside := range devices {
		host.Devices = append(host.Devices, container.DeviceMapping{PathOnHost: outside, PathInContainer: inside, CgroupPermissions: "rwm"})
	}
	c, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name:       "muster-demo-" + r.ID,
		Config:     &container.Config{Image: r.Image, Env: r.environment(), Labels: all},
		HostConfig: host,
	})
	if err != nil {
		return err
	}
	_, err = cli.ContainerStart(ctx, c.ID, client.ContainerStartOptions{})
	return err
}

// readPull reads the report to its end: a pull that fails half way is answered
// with success first.
func readPull(ctx context.Context, pull client.ImagePullResponse) error {
	defer pull.Close()
	for m, err := range pull.JSONMessages(ctx) {
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if m.Error != nil {
			return m.Error
		}
	}
	return nil
}

// unixSocket is the path of a unix:// address, or "".
func unixSocket(address string) string {
	path, ok := strings.CutPrefix(address, "unix://")
	if !ok {
		return ""
	}
	return path
}
