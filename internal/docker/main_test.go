package docker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// One engine and one registry serve the tests that do not harm them; each test
// has containers of its own names. The engine starts when it is first needed.
var (
	engine = sync.OnceValues(func() (*dockertest.Engine, error) {
		return dockertest.NewEngine("--add-runtime", secondRuntime+"=runc")
	})
	began  atomic.Bool
	images *dockertest.Registry
)

// secondRuntime is a runtime beside the default one; the same program.
const secondRuntime = "second"

func shared(t testing.TB) *dockertest.Engine {
	t.Helper()
	began.Store(true)
	e, err := engine()
	require.NoError(t, err)
	return e
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	images = dockertest.NewRegistry()
	code := m.Run()
	images.Close()
	if began.Load() {
		e, err := engine()
		if err == nil {
			err = e.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// rig is one robot's container on the shared engine.
type rig struct {
	t    testing.TB
	api  *client.Client // straight to the engine
	c    *Client        // under test
	repo string
	t1   rollout.Target // to version 2
	dir  string         // on the host, mounted nowhere unless asked
}

func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func newRig(t testing.TB, v1, v2 dockertest.Image) *rig {
	return newRigAt(t, shared(t), shared(t).URL(), v1, v2)
}

// newRigAt makes a rig whose client under test goes through url.
func newRigAt(t testing.TB, e *dockertest.Engine, url string, v1, v2 dockertest.Image) *rig {
	t.Helper()
	api, err := client.New(client.WithHost(e.URL()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = api.Close() })
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-", "#", "-", "=", "-", ",", "-").Replace(t.Name()))
	r := &rig{t: t, api: api, repo: images.Host + "/" + name, dir: t.TempDir()}
	d1 := dockertest.PushImage(t, images, name, "1", v1)
	if v2.Files == nil {
		v2.Files = map[string][]byte{"/v2": []byte("2")}
	}
	d2 := dockertest.PushImage(t, images, name, "2", v2)
	r.pull(r.repo + "@" + d1)
	_, err = api.ImageTag(r.ctx(), client.ImageTagOptions{Source: r.repo + "@" + d1, Target: r.repo + ":1"})
	require.NoError(t, err)
	r.c = r.client(url)
	r.t1 = rollout.Target{
		Rollout: "ro-1", Generation: 7, Robot: "r1", Namespace: "/r1", Engine: "e", Container: name,
		Image: rollout.PinnedImage{Ref: r.repo + ":2", Repository: r.repo, Digest: d2},
	}
	t.Cleanup(r.clean)
	return r
}

func (r *rig) client(url string) *Client {
	c, err := NewClient(Endpoint{Name: "e", URL: url}, Options{}, testLog(r.t))
	require.NoError(r.t, err)
	r.t.Cleanup(c.Close)
	return c
}

// ctx bounds one act of a test.
func (r *rig) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	r.t.Cleanup(cancel)
	return ctx
}

func (r *rig) pull(ref string) {
	resp, err := r.api.ImagePull(r.ctx(), ref, client.ImagePullOptions{})
	require.NoError(r.t, err)
	require.NoError(r.t, resp.Wait(r.ctx()))
}

// run creates and starts the robot's container as a user would. Host network
// unless the options say otherwise.
func (r *rig) run(o client.ContainerCreateOptions) string {
	r.t.Helper()
	id := r.create(o)
	_, err := r.api.ContainerStart(r.ctx(), id, client.ContainerStartOptions{})
	require.NoError(r.t, err)
	return id
}

func (r *rig) create(o client.ContainerCreateOptions) string {
	r.t.Helper()
	if o.Config == nil {
		o.Config = new(container.Config)
	}
	if o.HostConfig == nil {
		o.HostConfig = new(container.HostConfig)
	}
	if o.Config.Image == "" {
		o.Config.Image = r.repo + ":1"
	}
	if o.HostConfig.NetworkMode == "" {
		o.HostConfig.NetworkMode = "host"
	}
	if o.Name == "" {
		o.Name = r.t1.Container
	}
	res, err := r.api.ContainerCreate(r.ctx(), o)
	require.NoError(r.t, err)
	return res.ID
}

// agent is an option to run the agent with arguments and a restart policy.
func agent(args ...string) client.ContainerCreateOptions {
	return client.ContainerCreateOptions{
		Config:     &container.Config{Cmd: args},
		HostConfig: &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "unless-stopped"}},
	}
}

func (r *rig) inspect(name string) client.ContainerInspectResult {
	r.t.Helper()
	res, err := r.api.ContainerInspect(r.ctx(), name, client.ContainerInspectOptions{})
	require.NoError(r.t, err)
	return res
}

// family lists the robot's containers as name → state.
func (r *rig) family() map[string]string {
	r.t.Helper()
	list, err := r.api.ContainerList(r.ctx(), client.ContainerListOptions{All: true})
	require.NoError(r.t, err)
	out := make(map[string]string)
	for _, s := range list.Items {
		n := engineName(s.Names[0])
		if c, _, _ := parseName(n); c == r.t1.Container {
			out[strings.TrimPrefix(n, r.t1.Container)] = string(s.State)
		}
	}
	return out
}

func (r *rig) clean() {
	list, err := r.api.ContainerList(r.ctx(), client.ContainerListOptions{All: true})
	if err != nil {
		return
	}
	for _, s := range list.Items {
		if c, _, _ := parseName(engineName(s.Names[0])); c == r.t1.Container {
			_, _ = r.api.ContainerRemove(r.ctx(), s.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		}
	}
}

// since skips the test where the engine speaks an older API.
func (r *rig) since(version string) {
	r.t.Helper()
	info, err := r.api.ServerVersion(r.ctx(), client.ServerVersionOptions{})
	require.NoError(r.t, err)
	if versions.LessThan(info.APIVersion, version) {
		r.t.Skipf("of API %s, the engine speaks %s", version, info.APIVersion)
	}
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// isReady answers Replace that the robot may be touched.
func isReady() error { return nil }

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
