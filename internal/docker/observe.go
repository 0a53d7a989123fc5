package docker

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/muster-fleet/muster/internal/fleet"
)

// Variables of a container's environment that say whose it is, where no label
// does. No other is read: the rest may be secrets.
const (
	envRobot     = "ROBOT_ID"
	envNamespace = "ROBOT_NAMESPACE"
	envDomain    = "ROS_DOMAIN_ID"
)

// entry is a container as it was last inspected.
type entry struct {
	fleet.Container
	robot bool                     // it belongs to a robot
	state container.ContainerState // in the list at that time
}

// listed is e with what the list says of it, for want of an inspection.
func (e *entry) listed(state container.ContainerState) *entry {
	if e == nil {
		return nil
	}
	c := *e
	c.State = string(state)
	return &c
}

// examine inspects a container; nil when it is gone.
func (w *watch) examine(ctx context.Context, s *session, id string) (*entry, error) {
	// Less than a call may take: one that is stuck must not hide the others.
	call, cancel := context.WithTimeout(ctx, w.opts.CallTimeout/4)
	defer cancel()
	r, err := s.ContainerInspect(call, id, client.ContainerInspectOptions{})
	switch {
	case cerrdefs.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("inspect container %.12s: %w", id, err)
	case r.Container.State == nil || r.Container.Config == nil || r.Container.HostConfig == nil:
		return nil, fmt.Errorf("inspect container %.12s: the engine's answer is incomplete", id)
	}
	e := &entry{Container: observe(w.endpoint.Name, r.Container)}
	e.robot = e.RobotID != "" || e.Namespace != ""
	if e.robot && e.Image.Digest == "" {
		e.Image.Digest, err = w.digest(ctx, s, e.Image)
	}
	return e, err
}

// observe puts an inspected container into the fleet's words.
func observe(engine string, c container.InspectResponse) fleet.Container {
	labels, env := c.Config.Labels, c.Config.Env
	name := engineName(c.Name)
	_, slot, _ := parseName(name)
	out := fleet.Container{
		ID: c.ID, Name: name, Engine: engine,
		RobotID:   or(labels[labelRobot], envOf(env, envRobot)),
		Namespace: absolute(or(labels[labelNamespace], envOf(env, envNamespace))),
		Image:     fleet.Image{Ref: c.Config.Image, ID: c.Image}, Role: slot.role(),
		State: string(c.State.Status), Service: labels["com.docker.compose.service"],
		Restarts: c.RestartCount, ExitCode: c.State.ExitCode, OOMKilled: c.State.OOMKilled,
		StartedAt: timeOf(c.State.StartedAt), FinishedAt: timeOf(c.State.FinishedAt),
		Devices: devices(c.HostConfig), NetworkMode: string(c.HostConfig.NetworkMode),
		Rollout: labels[labelRollout], Generation: generationOf(labels), Digest: labels[labelDigest],
	}
	if why, locked := labels[labelLock]; locked {
		out.Lock = or(why, "label "+labelLock)
	}
	if d, err := strconv.Atoi(or(labels[labelDomain], envOf(env, envDomain))); err == nil {
		out.Domain = d
	}
	if h := c.State.Health; h != nil && h.Status != container.NoHealthcheck {
		out.Health = string(h.Status)
	}
	if _, digest, ok := strings.Cut(c.Config.Image, "@"); ok {
		out.Image.Digest = digest
	}
	return out
}

// devices lists all three kinds of attached devices.
func devices(h *container.HostConfig) []fleet.Device {
	var out []fleet.Device
	for _, d := range h.Devices {
		out = append(out, fleet.Device{
			Kind: fleet.DeviceNode, Host: d.PathOnHost, Container: d.PathInContainer, Permissions: d.CgroupPermissions,
		})
	}
	for _, d := range h.DeviceRequests {
		out = append(out, fleet.Device{Kind: fleet.DeviceRequest, Request: requestWords(d)})
	}
	for _, r := range h.DeviceCgroupRules {
		out = append(out, fleet.Device{Kind: fleet.DeviceCgroupRule, Rule: r})
	}
	return out
}

// requestWords writes a request for devices as "nvidia: all [gpu]".
func requestWords(d container.DeviceRequest) string {
	what := strconv.Itoa(d.Count)
	switch {
	case len(d.DeviceIDs) > 0:
		what = strings.Join(d.DeviceIDs, ", ")
	case d.Count < 0:
		what = "all"
	}
	var any []string
	for _, all := range d.Capabilities {
		any = append(any, strings.Join(all, "+"))
	}
	return fmt.Sprintf("%s: %s [%s]", or(d.Driver, "any driver"), what, strings.Join(any, " or "))
}

// digest looks up the digest under which the engine pulled the image from the
// repository that the container's reference names; empty when it was built or
// loaded there.
func (w *watch) digest(ctx context.Context, s *session, i fleet.Image) (string, error) {
	ref, err := reference.ParseNormalizedNamed(i.Ref)
	if err != nil {
		return "", nil // an image id
	}
	repos, ok := w.repos[i.ID]
	if !ok {
		call, cancel := w.timed(ctx)
		defer cancel()
		r, err := s.ImageInspect(call, i.ID)
		switch {
		case cerrdefs.IsNotFound(err):
		case err != nil:
			return "", fmt.Errorf("inspect image %.19s: %w", i.ID, err)
		default:
			repos = r.RepoDigests
		}
		if len(repos) > 0 { // none yet may be one later
			w.repos[i.ID] = repos
		}
	}
	for _, d := range repos {
		if n, err := reference.ParseNormalizedNamed(d); err == nil && n.Name() == ref.Name() {
			_, digest, _ := strings.Cut(d, "@")
			return digest, nil
		}
	}
	return "", nil
}

// absolute makes a ROS namespace absolute.
func absolute(ns string) string {
	if ns == "" || strings.HasPrefix(ns, "/") {
		return ns
	}
	return "/" + ns
}

// timeOf reads the Engine's times; zero for "never", which it writes as year 1.
func timeOf(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t.UTC()
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
