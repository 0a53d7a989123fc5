package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/network"
)

// box is a container: its fields are guarded by the Engine's mu.
type box struct {
	id, name string
	created  time.Time
	config   *container.Config
	host     *container.HostConfig
	image    *image

	wanted   bool // it was started and not stopped
	process  *os.Process
	ended    chan struct{} // closed when the process has ended
	state    container.ContainerState
	exit     int
	started  time.Time
	finished time.Time
	restarts int
}

// request is the body of POST /containers/create.
type request struct {
	*container.Config
	HostConfig       *container.HostConfig
	NetworkingConfig *network.NetworkingConfig
}

func (e *Engine) create(name string, r request) (*box, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.Config == nil || r.Image == "" {
		return nil, errorf(http.StatusBadRequest, "no image is given")
	}
	img := e.findImage(r.Image)
	if img == nil {
		return nil, errorf(http.StatusNotFound, "No such image: %s", r.Image)
	}
	id := newID()
	if name == "" {
		name = "sim_" + id[:8]
	}
	if other := e.find(name); other != nil {
		return nil, errorf(http.StatusConflict, "Conflict. The container name %q is already in use by container %q.", "/"+name, other.id)
	}
	if r.HostConfig == nil {
		r.HostConfig = &container.HostConfig{}
	}
	b := &box{
		id: id, name: name, created: time.Now().UTC(), config: merge(r.Config, img), host: r.HostConfig,
		image: img, state: container.StateCreated,
	}
	e.containers[id] = b
	e.emit(events.ActionCreate, b)
	return b, nil
}

// merge adds the image's defaults to what the user set, as an engine does.
func merge(c *container.Config, i *image) *container.Config {
	out := *c
	for _, kv := range i.config.Config.Env {
		key, _, _ := strings.Cut(kv, "=")
		if !slices.ContainsFunc(out.Env, func(s string) bool { return strings.HasPrefix(s, key+"=") }) {
			out.Env = append(out.Env, kv)
		}
	}
	labels := make(map[string]string)
	for k, v := range i.config.Config.Labels {
		labels[k] = v
	}
	for k, v := range c.Labels {
		labels[k] = v
	}
	out.Labels = labels
	if len(out.Entrypoint) == 0 {
		out.Entrypoint = i.config.Config.Entrypoint
		if len(out.Cmd) == 0 {
			out.Cmd = i.config.Config.Cmd
		}
	}
	if out.StopSignal == "" {
		out.StopSignal = i.config.Config.StopSignal
	}
	return &out
}

func newID() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// find finds a container by id, name, or the beginning of its id. mu is held.
func (e *Engine) find(ref string) *box {
	ref = strings.TrimPrefix(ref, "/")
	if b := e.containers[ref]; b != nil {
		return b
	}
	var found *box
	for _, b := range e.containers {
		if b.name == ref {
			return b
		}
		if len(ref) >= 6 && strings.HasPrefix(b.id, ref) {
			found = b
		}
	}
	return found
}

func (e *Engine) get(ref string) (*box, error) {
	if b := e.find(ref); b != nil {
		return b, nil
	}
	return nil, errorf(http.StatusNotFound, "No such container: %s", ref)
}

// start runs the container; already is true when it runs.
func (e *Engine) start(ref string) (already bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, err := e.get(ref)
	if err != nil {
		return false, err
	}
	if b.process != nil {
		return true, nil
	}
	if e.ended {
		return false, errorf(http.StatusServiceUnavailable, "the engine stops")
	}
	b.wanted, b.restarts = true, 0
	return false, e.spawn(b)
}

// spawn starts the process and its keeper. mu is held.
func (e *Engine) spawn(b *box) error {
	cmd := exec.Command(e.opt.Program, b.config.Cmd...)
	cmd.Env = append(os.Environ(), b.config.Env...)
	// The process dies with this one, however that ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.state, b.exit = container.StateExited, 127
		return errorf(http.StatusInternalServerError, "start container %s: %v", b.name, err)
	}
	b.process, b.ended = cmd.Process, make(chan struct{})
	b.state, b.started, b.exit = container.StateRunning, time.Now().UTC(), 0
	e.emit(events.ActionStart, b)
	e.running.Go(func() { e.keep(b, cmd) })
	return nil
}

// keep waits for the process and starts it again where the policy says so.
func (e *Engine) keep(b *box, cmd *exec.Cmd) {
	err := cmd.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	b.process, b.state, b.finished = nil, container.StateExited, time.Now().UTC()
	b.exit = exitCode(err)
	close(b.ended)
	e.emit(events.ActionDie, b)
	if !b.wanted || e.ended || !again(b) {
		b.wanted = false
		return
	}
	b.restarts++
	wait := min(100*time.Millisecond<<min(b.restarts, 8), time.Minute)
	b.state = container.StateRestarting
	time.AfterFunc(wait, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if b.wanted && b.process == nil && !e.ended && e.containers[b.id] == b {
			_ = e.spawn(b)
		}
	})
}

func again(b *box) bool {
	switch p := b.host.RestartPolicy; p.Name {
	case container.RestartPolicyAlways, container.RestartPolicyUnlessStopped:
		return true
	case container.RestartPolicyOnFailure:
		return b.exit != 0 && (p.MaximumRetryCount == 0 || b.restarts < p.MaximumRetryCount)
	case container.RestartPolicyDisabled, "":
	}
	return false
}

// exitCode is a process's exit status as an engine reports it.
func exitCode(err error) int {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0
	}
	if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal())
	}
	return exit.ExitCode()
}

// stop asks the process to end, and kills it after the grace time.
func (e *Engine) stop(ctx context.Context, ref string, grace time.Duration) (already bool, err error) {
	e.mu.Lock()
	b, err := e.get(ref)
	if err != nil {
		e.mu.Unlock()
		return false, err
	}
	b.wanted = false
	p, ended := b.process, b.ended
	if p == nil && b.state == container.StateRestarting {
		b.state = container.StateExited
	}
	e.mu.Unlock()
	if p == nil {
		return true, nil
	}
	_ = p.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-ctx.Done():
		return false, ctx.Err()
	case <-timer.C:
		_ = p.Kill()
		<-ended
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.emit(events.ActionStop, b)
	return false, nil
}

func (e *Engine) rename(ref, name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, err := e.get(ref)
	if err != nil {
		return err
	}
	if other := e.find(name); other != nil && other != b {
		return errorf(http.StatusConflict, "Conflict. The container name %q is already in use by container %q.", "/"+name, other.id)
	}
	b.name = name
	e.emit(events.ActionRename, b)
	return nil
}

func (e *Engine) remove(ref string, force bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, err := e.get(ref)
	if err != nil {
		return err
	}
	if b.process != nil {
		if !force {
			return errorf(http.StatusConflict, "cannot remove a running container %s", b.id)
		}
		b.wanted = false
		_ = b.process.Kill()
	}
	delete(e.containers, b.id)
	e.emit(events.ActionDestroy, b)
	return nil
}

// inspect is GET /containers/{id}/json.
func (e *Engine) inspect(ref string) (container.InspectResponse, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b, err := e.get(ref)
	if err != nil {
		return container.InspectResponse{}, err
	}
	pid := 0
	if b.process != nil {
		pid = b.process.Pid
	}
	config, host := *b.config, *b.host
	return container.InspectResponse{
		ID: b.id, Name: "/" + b.name, Created: b.created.Format(time.RFC3339Nano), Image: b.image.id,
		Path: e.opt.Program, Args: b.config.Cmd, RestartCount: b.restarts, Driver: "sim", Platform: "linux",
		Config: &config, HostConfig: &host, Mounts: []container.MountPoint{},
		State: &container.State{
			Status: b.state, Running: b.process != nil, Restarting: b.state == container.StateRestarting, Pid: pid,
			ExitCode: b.exit, StartedAt: b.started.Format(time.RFC3339Nano), FinishedAt: b.finished.Format(time.RFC3339Nano),
		},
		NetworkSettings: &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{
			string(b.host.NetworkMode): {},
		}},
	}, nil
}

func (b *box) summary() container.Summary {
	return container.Summary{
		ID: b.id, Names: []string{"/" + b.name}, Image: b.config.Image, ImageID: b.image.id, Labels: b.config.Labels,
		Created: b.created.Unix(), State: b.state, Status: fmt.Sprintf("%s (%d)", b.state, b.exit),
	}
}
