package docker

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
)

// project is a robot's container that Docker Compose made.
type project struct {
	*rig
	args []string
}

func newProject(t *testing.T) *project {
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	p := &project{rig: r, args: []string{"--project-name", r.t1.Container, "--file", r.path("compose.yaml")}}
	p.write(r.repo + ":1")
	p.compose("up", "--detach")
	return p
}

// write writes the file as docker-compose.robots.yml shows it.
func (p *project) write(image string) {
	text := fmt.Sprintf(`services:
  amr:
    image: %s
    container_name: %s
    network_mode: host
    restart: unless-stopped
    environment: {ROBOT_ID: r1}
    devices: ["/dev/null:/dev/ttyMotor"]
    volumes: ["%s:/data"]
`, image, p.t1.Container, p.dir)
	require.NoError(p.t, os.WriteFile(p.path("compose.yaml"), []byte(text), 0o600))
}

// compose runs a command of Docker Compose and returns its output.
func (p *project) compose(args ...string) string {
	p.t.Helper()
	cmd := exec.Command("docker-compose", append(p.args, args...)...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+shared(p.t).URL())
	out, err := cmd.CombinedOutput()
	require.NoError(p.t, err, "docker-compose %v: %s", args, out)
	return string(out)
}

func (p *project) running() []string {
	return strings.Fields(p.compose("ps", "--format", "{{.Name}}"))
}

// Compose goes on with a container that was replaced as with its own: it finds it
// by its labels.
func TestComposeGoesOnWithTheSuccessor(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	require.NoError(t, p.c.Replace(p.ctx(), p.t1, isReady))
	require.Equal(t, []string{p.t1.Container}, p.running(), "while it soaks the old one is there, too, and does not run")
	require.NoError(t, p.c.Commit(p.ctx(), p.t1))
	id := p.inspect(p.t1.Container).Container.ID

	p.compose("stop")
	require.Equal(t, map[string]string{"": "exited"}, p.family())
	p.compose("start")
	p.compose("restart")
	require.Equal(t, []string{p.t1.Container}, p.running())
	require.Equal(t, id, p.inspect(p.t1.Container).Container.ID)

	// The file is the user's: when it names the new image compose makes the
	// container once more, with the same of everything, and then leaves it alone.
	p.write(p.t1.Image.ByDigest())
	p.compose("up", "--detach")
	now := p.inspect(p.t1.Container).Container
	require.Equal(t, p.inspectImage(p.t1.Image.ByDigest()), now.Image)
	require.Equal(t, "/dev/ttyMotor", now.HostConfig.Devices[0].PathInContainer)
	p.compose("up", "--detach")
	require.Equal(t, now.ID, p.inspect(p.t1.Container).Container.ID)
	require.Equal(t, map[string]string{"": "running"}, p.family())

	p.compose("down")
	require.Empty(t, p.family())
}

// Compose takes the old container that is kept for the way back for its own, too.
// The README says that a robot's compose file is to be left alone meanwhile; this
// is why.
func TestComposeStartsBothWhileARobotSoaks(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	require.NoError(t, p.c.Replace(p.ctx(), p.t1, isReady))
	p.compose("stop")
	p.compose("start")
	require.Equal(t, map[string]string{"": "running", ".muster-previous-g7.unless-stopped": "running"}, p.family())
}

func (p *project) inspectImage(ref string) string {
	p.t.Helper()
	got, err := p.api.ImageInspect(p.ctx(), ref)
	require.NoError(p.t, err)
	return got.ID
}

// Compose finds its containers by these labels, and leaves one alone as long as
// the hash of its configuration is the same.
func TestComposeKnowsTheSuccessor(t *testing.T) {
	t.Parallel()
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	compose := map[string]string{
		"com.docker.compose.project": "robot", "com.docker.compose.service": "amr", "com.docker.compose.oneoff": "False",
		"com.docker.compose.container-number": "1", "com.docker.compose.config-hash": "0123abcd",
		"com.docker.compose.project.working_dir": "/srv/robot", "com.docker.compose.project.config_files": "/srv/robot/compose.yaml",
		"com.docker.compose.depends_on": "", "com.docker.compose.version": "5.6.0",
		"com.docker.compose.image": "sha256:of-the-old-one",
	}
	o := agent()
	o.Config.Labels = maps.Clone(compose)
	r.run(o)
	require.NoError(t, r.c.Replace(r.ctx(), r.t1, isReady))
	now := r.inspect(r.t1.Container).Container
	compose["com.docker.compose.image"] = now.Image // compose compares it with the image of the file
	for k, v := range compose {
		require.Equal(t, v, now.Config.Labels[k], k)
	}
	list, err := r.api.ContainerList(r.ctx(), client.ContainerListOptions{Filters: make(client.Filters).Add("label",
		"com.docker.compose.project=robot", "com.docker.compose.service=amr", "com.docker.compose.oneoff=False")})
	require.NoError(t, err)
	require.Len(t, list.Items, 1, "the old one does not run")
	require.Equal(t, now.ID, list.Items[0].ID)
}
