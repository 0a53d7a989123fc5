package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// The labels by which a demo finds what it, or one that was killed, has left.
const (
	labelDemo  = "muster.demo"       // the demo's process id
	labelBegin = "muster.demo.begin" // and when that process began, in clock ticks
)

const defaultSocket = "unix:///var/run/docker.sock"

// docker is the host's Docker Engine.
type docker struct {
	cli      *client.Client
	url      string
	version  string
	registry string
	labels   map[string]string
	log      *slog.Logger
}

// findDocker connects to the engine of DOCKER_HOST or of the default socket. The
// error says in a few words why there is none.
func findDocker(ctx context.Context, registry string, log *slog.Logger) (*docker, error) {
	address := cmp.Or(os.Getenv("DOCKER_HOST"), defaultSocket)
	if path := unixSocket(address); path == "" {
		return nil, fmt.Errorf("%s is another host, which the demo's loopback registry cannot reach", address)
	} else if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("there is no socket %s", path)
	}
	cli, err := client.New(client.WithHost(address))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	v, err := cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		_ = cli.Close()
		return nil, errors.New("the engine at " + address + " does not answer")
	}
	begin, err := processBegin(os.Getpid())
	if err != nil {
		return nil, err
	}
	return &docker{
		cli: cli, url: address, version: v.Version, registry: registry, log: log,
		labels: map[string]string{labelDemo: strconv.Itoa(os.Getpid()), labelBegin: begin},
	}, nil
}

func (d *docker) words() string {
	return fmt.Sprintf("Docker Engine %s at %s: each robot is a container.", d.version, d.url)
}

func (d *docker) engines() []engine { return []engine{{"docker", d.url}} }

func (d *docker) start(ctx context.Context, robots []robot) error {
	if err := d.removeOrphans(ctx); err != nil {
		return err
	}
	for _, r := range robots {
		if err := startRobot(ctx, d.cli, r, d.labels); err != nil {
			return fmt.Errorf("start robot %s: %w", r.ID, err)
		}
	}
	return nil
}

// close removes this demo's containers and images.
func (d *docker) close(ctx context.Context) error {
	defer d.cli.Close()
	err := d.remove(ctx, func(labels map[string]string) bool {
		return labels[labelDemo] == d.labels[labelDemo] && labels[labelBegin] == d.labels[labelBegin]
	})
	return errors.Join(err, d.removeImages(ctx))
}

// removeOrphans removes what demos left that were killed.
func (d *docker) removeOrphans(ctx context.Context) error {
	return d.remove(ctx, func(labels map[string]string) bool {
		pid, err := strconv.Atoi(labels[labelDemo])
		if err != nil {
			return false
		}
		begin, err := processBegin(pid)
		return err != nil || begin != labels[labelBegin]
	})
}

func (d *docker) remove(ctx context.Context, match func(labels map[string]string) bool) error {
	list, err := d.cli.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", labelDemo),
	})
	if err != nil {
		return fmt.Errorf("list the demo's containers: %w", err)
	}
	for _, c := range list.Items {
		if !match(c.Labels) {
			continue
		}
		_, e := d.cli.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if e != nil {
			err = errors.Join(err, fmt.Errorf("remove container %.12s: %w", c.ID, e))
		}
	}
	return err
}

// removeImages removes what was pulled from this demo's registry.
func (d *docker) removeImages(ctx context.Context) error {
	list, err := d.cli.ImageList(ctx, client.ImageListOptions{All: true})
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	for _, i := range list.Items {
		for _, name := range append(i.RepoTags, i.RepoDigests...) {
			if !strings.HasPrefix(name, d.registry+"/") {
				continue
			}
			if _, e := d.cli.ImageRemove(ctx, name, client.ImageRemoveOptions{Force: true, PruneChildren: true}); e != nil {
				d.log.Debug("remove image", "image", name, "err", e)
			}
		}
	}
	return nil
}

// processBegin is when a process began: field 22 of its stat, see proc(5).
func processBegin(pid int) (string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return "", fmt.Errorf("process %d: an odd stat", pid)
	}
	return fields[19], nil
}
