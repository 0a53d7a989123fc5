package dockertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// Variables of the environment: the directory with the dockerd, containerd, shim
// and runc that are tested instead of those in PATH, and further flags of that
// dockerd.
const (
	variable      = "MUSTER_TEST_ENGINE"
	variableFlags = "MUSTER_TEST_ENGINE_FLAGS"
)

// Engine is a dockerd of its own: socket, images, containers and containerd are
// shared with no other.
type Engine struct {
	dir  string
	lock *os.File // held on the directory while the test lives
	line []string
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
	log  *os.File
}

// StartEngine starts an engine that ends with the test.
func StartEngine(t testing.TB, flags ...string) *Engine {
	t.Helper()
	return StartEngineAt(t, nil, flags...)
}

// StartEngineAt starts an engine behind the words of a command that puts it
// somewhere, as into a network namespace, and becomes it.
func StartEngineAt(t testing.TB, enter []string, flags ...string) *Engine {
	t.Helper()
	e, err := newEngine(enter, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// NewEngine starts an engine; the caller ends it with Close. Further flags are
// given to dockerd as they are.
func NewEngine(flags ...string) (*Engine, error) { return newEngine(nil, flags) }

func newEngine(enter, flags []string) (*Engine, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("these tests start a Docker Engine, which needs root")
	}
	dockerd, err := program()
	if err != nil {
		return nil, err
	}
	sweep()
	// A short directory: the path of a Unix socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", dirPrefix)
	if err != nil {
		return nil, err
	}
	e := &Engine{dir: dir}
	if e.lock, err = lock(dir); err != nil {
		return nil, err
	}
	if err := os.WriteFile(e.path("daemon.json"), []byte("{}"), 0o600); err != nil {
		return nil, err
	}
	e.line = slices.Concat(enter, []string{
		dockerd, "--config-file", e.path("daemon.json"), "--host", e.URL(),
		"--data-root", e.path("data"), "--exec-root", e.path("exec"), "--pidfile", e.path("pid"),
		"--cgroup-parent", "/" + filepath.Base(dir),
		"--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
	}, strings.Fields(os.Getenv(variableFlags)), flags)
	if e.log, err = os.Create(e.path("log")); err != nil {
		return nil, err
	}
	if err := e.Start(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// program is the path of dockerd: Debian's or another one that is in PATH, or
// that of the directory which the environment names.
func program() (string, error) {
	if dir := os.Getenv(variable); dir != "" {
		return exec.LookPath(filepath.Join(dir, "dockerd"))
	}
	path, err := exec.LookPath("dockerd")
	if err != nil {
		return "", fmt.Errorf("these tests start a Docker Engine (Debian package docker.io): %w", err)
	}
	return path, nil
}

// environment lets dockerd find the containerd and the runc that belong to it.
func environment() []string {
	env := os.Environ()
	if dir := os.Getenv(variable); dir != "" {
		env = append(env, "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	return env
}

// URL is the engine's address, unix:///….
func (e *Engine) URL() string { return "unix://" + e.Socket() }

// Socket is the path of the engine's socket.
func (e *Engine) Socket() string { return e.path("sock") }

// Start starts the engine again after Kill or Stop and waits until it answers.
func (e *Engine) Start() error {
	if err := e.forgetPids(); err != nil {
		return err
	}
	e.cmd = exec.Command(e.line[0], e.line[1:]...)
	e.cmd.Stdout, e.cmd.Stderr = e.log, e.log
	e.cmd.Env = environment()
	// A session of its own, so that an interrupt of the test does not end the
	// engine before its containers are removed. When the test is killed the
	// engine ends, and its containers with it.
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	if err := e.cmd.Start(); err != nil {
		return fmt.Errorf("start dockerd: %w", err)
	}
	e.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait()
		close(done)
	}(e.cmd, e.done)
	return e.await(30 * time.Second)
}

// forgetPids removes the pid files that a killed dockerd leaves. It takes its
// containerd along; where nobody reaps that one, a dockerd that reads its pid
// takes it for alive and waits for it in vain.
func (e *Engine) forgetPids() error {
	const containerd = "exec/containerd/containerd.pid"
	if pid, err := os.ReadFile(e.path(containerd)); err == nil {
		deadline := time.Now().Add(5 * time.Second)
		for {
			// Empty for a process that has ended and is not reaped.
			line, _ := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(pid)), "cmdline"))
			if !bytes.Contains(line, []byte(e.dir)) {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("containerd %s outlives its dockerd", pid)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	for _, name := range []string{"pid", containerd} {
		if err := os.Remove(e.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (e *Engine) await(limit time.Duration) error {
	cli, err := client.New(client.WithHost(e.URL()))
	if err != nil {
		return err
	}
	defer func() { _ = cli.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := cli.Ping(ctx, client.PingOptions{}); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-e.done:
			return fmt.Errorf("dockerd ended: %s", e.tail())
		case <-ctx.Done():
			return fmt.Errorf("dockerd does not answer within %v: %s", limit, e.tail())
		}
	}
}

// Kill ends dockerd at once, as a crash would; its containers go on.
func (e *Engine) Kill() { e.signal(syscall.SIGKILL); <-e.done }

// Stop ends dockerd in good order, as a reboot would: its containers end, too.
func (e *Engine) Stop() { e.signal(syscall.SIGTERM); <-e.done }

// Freeze stops dockerd without ending it: connections are accepted by the
// kernel and never answered. Thaw lets it go on.
func (e *Engine) Freeze() { e.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (e *Engine) Thaw() { e.signal(syscall.SIGCONT) }

func (e *Engine) signal(s syscall.Signal) { _ = e.cmd.Process.Signal(s) }

// Close removes all containers, ends the engine and its files.
func (e *Engine) Close() error {
	e.Thaw()
	var errs []error
	if e.ended() && e.hasContainers() {
		errs = append(errs, e.Start()) // its containers still run
	}
	if !e.ended() {
		errs = append(errs, e.removeAll())
		e.signal(syscall.SIGTERM)
		select {
		case <-e.done:
		case <-time.After(20 * time.Second):
			errs = append(errs, fmt.Errorf("dockerd does not end: %s", e.tail()))
			e.Kill()
		}
	}
	_ = e.log.Close()
	defer func() { _ = e.lock.Close() }()
	return errors.Join(append(errs, removeLeftovers(e.dir))...)
}

func (e *Engine) removeAll() error {
	cli, err := client.New(client.WithHost(e.URL()))
	if err != nil {
		return err
	}
	defer func() { _ = cli.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	all, err := cli.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return err
	}
	for _, c := range all.Items {
		if _, err := cli.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) ended() bool {
	if e.done == nil {
		return true
	}
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

func (e *Engine) hasContainers() bool {
	all, _ := os.ReadDir(e.path("data/containers"))
	return len(all) > 0
}

func (e *Engine) path(name string) string { return filepath.Join(e.dir, name) }

func (e *Engine) tail() string {
	b, _ := os.ReadFile(e.path("log"))
	return string(b[max(0, len(b)-2000):])
}
