package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/sim/images"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// built is where binaries puts them.
var built string

// binaries are the programs under test, built once.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "muster-e2e-")
	if err != nil {
		return "", err
	}
	built = dir
	out, err := exec.Command("go", "build", "-o", dir+"/", "../muster", "../muster-sim").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

func program(t testing.TB, name string) string {
	t.Helper()
	dir, err := binaries()
	require.NoError(t, err)
	return filepath.Join(dir, name)
}

// world is a site: a Docker Engine with robots in containers, a registry with
// three versions of their software, and a ROS domain.
type world struct {
	t        testing.TB
	engine   *dockertest.Engine
	registry *dockertest.Registry
	docker   *client.Client
	domain   int
	robots   []string
	odometry *odometry
	digests  map[string]string // by tag
	hz       int               // of the robots' odometry; 0 is the usual 10
}

func newWorld(t testing.TB, robots int) *world {
	t.Helper()
	return newWorldAt(t, robots, 0)
}

// newWorldAt makes a world whose robots publish their odometry so often a second.
func newWorldAt(t testing.TB, robots, hz int) *world {
	t.Helper()
	w := &world{
		hz: hz, t: t, engine: dockertest.StartEngine(t), registry: dockertest.StartRegistry(t), domain: ddstest.FreeDomain(t),
		digests: make(map[string]string),
	}
	w.push()
	var err error
	w.docker, err = client.New(client.WithHost(w.engine.URL()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.docker.Close() })
	for i := range robots {
		w.robots = append(w.robots, fmt.Sprintf("robot%d", i+1))
	}
	w.odometry = listen(t, w.domain, w.robots)
	for i := range w.robots {
		w.startRobot(i)
	}
	return w
}

// push offers v1 and v2, which work, and v3, which never publishes.
func (w *world) push() {
	layer, err := images.Layer(program(w.t, "muster-sim"))
	require.NoError(w.t, err)
	for tag, fault := range map[string]string{"v1": "", "v2": "", "v3": "silent"} {
		img, err := images.Image(layer, tag, fault)
		require.NoError(w.t, err)
		w.digests[tag], err = images.Push(w.t.Context(), w.image(tag), img)
		require.NoError(w.t, err)
	}
}

func (w *world) image(tag string) string { return w.registry.Host + "/site/robot:" + tag }

// startRobot starts a container as a user's compose file would.
func (w *world) startRobot(index int) {
	ctx, id := w.t.Context(), w.robots[index]
	pull, err := w.docker.ImagePull(ctx, w.image("v1"), client.ImagePullOptions{})
	require.NoError(w.t, err)
	require.NoError(w.t, pull.Wait(ctx))
	c, err := w.docker.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: "amr-" + id,
		Config: &container.Config{Image: w.image("v1"), Env: []string{
			"ROBOT_ID=" + id, "ROBOT_NAMESPACE=/" + id, fmt.Sprintf("ROS_DOMAIN_ID=%d", w.domain), fmt.Sprintf("SIM_INDEX=%d", index),
			fmt.Sprintf("SIM_HZ=%d", w.hz),
		}},
		HostConfig: &container.HostConfig{
			NetworkMode: "host", RestartPolicy: container.RestartPolicy{Name: "unless-stopped"},
			Resources: container.Resources{Devices: []container.DeviceMapping{
				{PathOnHost: "/dev/null", PathInContainer: "/dev/ttyMotor", CgroupPermissions: "rw"},
				{PathOnHost: "/dev/zero", PathInContainer: "/dev/lidar", CgroupPermissions: "rwm"},
			}, DeviceCgroupRules: []string{"c 13:* rmw"}},
		},
	})
	require.NoError(w.t, err)
	_, err = w.docker.ContainerStart(ctx, c.ID, client.ContainerStartOptions{})
	require.NoError(w.t, err)
}

// containers lists all containers of a robot, whatever their state.
func (w *world) containers(robot string) []container.InspectResponse {
	w.t.Helper()
	list, err := w.docker.ContainerList(w.t.Context(), client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("name", "^/amr-"+robot+"(\\.|$)"),
	})
	require.NoError(w.t, err)
	var all []container.InspectResponse
	for _, c := range list.Items {
		got, err := w.docker.ContainerInspect(w.t.Context(), c.ID, client.ContainerInspectOptions{})
		require.NoError(w.t, err)
		all = append(all, got.Container)
	}
	return all
}

// only is the one container of a robot, which must run.
func (w *world) only(robot string) container.InspectResponse {
	w.t.Helper()
	all := w.containers(robot)
	require.Len(w.t, all, 1, "containers of %s", robot)
	require.True(w.t, all[0].State.Running, "%s runs", robot)
	return all[0]
}

// manager is a manager in a process of its own.
type manager struct {
	t     testing.TB
	url   string
	http  *http.Client
	enter []string // the words that run a command where the manager is
	file  string
	log   *output
	cmd   *exec.Cmd
	done  chan struct{}
}

// settings are what a test sets in a manager's configuration.
type settings map[string]any

// manager starts a manager over the world; s goes over the usual settings.
func (w *world) manager(s settings) *manager {
	w.t.Helper()
	listen := freeAddress(w.t)
	cfg := settings{
		"listen": listen, "log": settings{"level": "debug", "format": "text"},
		"domains": []settings{{"id": w.domain, "cyclone": dds.LoopbackConfig()}},
		"etcd":    settings{"dir": filepath.Join(w.t.TempDir(), "etcd"), "lease_ttl": "2s"},
	}
	if w.engine != nil {
		cfg["engines"] = []settings{{"name": "engine", "url": w.engine.URL()}}
	}
	maps.Copy(cfg, s)
	m := &manager{t: w.t, url: "http://" + listen, http: http.DefaultClient}
	m.configure(cfg)
	m.start()
	return m
}

// configure writes the manager's configuration and has it stopped with the test.
func (m *manager) configure(cfg settings) {
	m.t.Helper()
	text, err := json.MarshalIndent(cfg, "", " ")
	require.NoError(m.t, err)
	m.file = filepath.Join(m.t.TempDir(), "muster.yaml")
	require.NoError(m.t, os.WriteFile(m.file, text, 0o600))
	m.log = &output{}
	t := m.t // m.t may be another by then
	t.Cleanup(func() {
		m.t = t
		m.stop()
		if t.Failed() {
			t.Logf("the log of %s:\n%s", m.url, m.log)
		}
	})
}

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// start starts the manager, again with the same configuration after an end.
func (m *manager) start() {
	m.t.Helper()
	m.launch()
	m.awaitReady()
}

// launch starts the manager's process.
func (m *manager) launch() {
	m.t.Helper()
	line := append(slices.Clone(m.enter), program(m.t, "muster"), "serve", "--config", m.file)
	m.cmd = exec.Command(line[0], line[1:]...)
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(m.t, m.cmd.Start())
	m.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait()
		close(done)
	}(m.cmd, m.done)
}

func (m *manager) awaitReady() {
	m.t.Helper()
	m.eventually("the manager is ready", func() bool {
		resp, err := m.http.Get(m.url + "/health/ready")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// kill ends the manager as a crash does.
func (m *manager) kill() {
	_ = m.cmd.Process.Kill()
	<-m.done
}

// stop ends the manager in order, and insists that it does.
func (m *manager) stop() {
	if m.done == nil {
		return // it never began
	}
	select {
	case <-m.done:
		return
	default:
	}
	_ = m.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-m.done:
	case <-time.After(25 * time.Second):
		m.t.Error("the manager does not stop")
		m.kill()
	}
}

func (m *manager) signal(s syscall.Signal) { require.NoError(m.t, m.cmd.Process.Signal(s)) }

func (m *manager) eventually(what string, ok func() bool) {
	m.t.Helper()
	// In this goroutine, unlike require.Eventually: the condition may fail the test.
	for end := time.Now().Add(patience); !ok(); <-time.After(20 * time.Millisecond) {
		require.True(m.t, time.Now().Before(end), what)
	}
}

// call does an API request; out gets the answer of a success.
func (m *manager) call(method, path string, in, out any) (status int, body string) {
	m.t.Helper()
	var send io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		require.NoError(m.t, err)
		send = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, m.url+"/api/v1"+path, send)
	require.NoError(m.t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := m.http.Do(req)
	require.NoError(m.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(m.t, err)
	if out != nil && resp.StatusCode < 300 {
		require.NoError(m.t, json.Unmarshal(b, out), "%s", b)
	}
	return resp.StatusCode, string(b)
}

func (m *manager) robot(id string) (r fleet.Robot, known bool) {
	m.t.Helper()
	status, _ := m.call(http.MethodGet, "/robots/"+id, nil, &r)
	return r, status == http.StatusOK
}

// awaitFleet waits until all robots are live, with containers, nodes and rates.
func (m *manager) awaitFleet(robots ...string) {
	m.t.Helper()
	for _, id := range robots {
		m.eventually(id+" is live with its container, nodes and rates", func() bool {
			r, known := m.robot(id)
			if !known || r.Quality != fleet.QualityLive || len(r.Containers) == 0 || len(r.Nodes) != 3 {
				return false
			}
			odom, _ := r.Topic("/" + id + "/odom")
			return odom.UsualHz > 8
		})
	}
}

// spec is a rollout to all robots with short windows.
func (w *world) spec(tag string) rollout.Spec {
	return rollout.Spec{
		Image: w.image(tag), Robots: "all",
		Before:    rollout.Before{Moving: true}, // these robots hardly ever stop
		After:     rollout.After{Window: new(rollout.Duration(time.Second))},
		Deadlines: rollout.Deadlines{Verify: rollout.Duration(20 * time.Second)},
	}
}

func (m *manager) rollOut(s rollout.Spec) string {
	m.t.Helper()
	var r rollout.Report
	status, body := m.call(http.MethodPost, "/rollouts", s, &r)
	require.Equal(m.t, http.StatusCreated, status, body)
	return r.ID
}

func (m *manager) rollout(id string) (r rollout.Report) {
	m.t.Helper()
	status, body := m.call(http.MethodGet, "/rollouts/"+id, nil, &r)
	require.Equal(m.t, http.StatusOK, status, body)
	return r
}

// awaitEnd waits until a rollout has ended and nothing of it is left to tidy.
func (m *manager) awaitEnd(id string) rollout.Report {
	m.t.Helper()
	for end := time.Now().Add(3 * patience); ; {
		r := m.rollout(id)
		if r.State.Terminal() {
			return r
		}
		require.True(m.t, time.Now().Before(end), "rollout %s does not end: %s\n%s", id, r.Reason, steps(r))
		<-time.After(50 * time.Millisecond)
	}
}

func steps(r rollout.Report) string {
	var b strings.Builder
	for _, robot := range r.Robots {
		fmt.Fprintf(&b, "%s: %s (%s)\n", robot.Robot, robot.Step, robot.Reason)
	}
	return b.String()
}
