package docker

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
)

// sshd is OpenSSH's server on a loopback port, whose users' docker command
// finds the shared engine.
type sshd struct {
	t    *testing.T
	dir  string
	addr string
	user string
}

func startSSHD(t *testing.T) *sshd {
	t.Helper()
	program, err := exec.LookPath("sshd")
	if err != nil {
		program = "/usr/sbin/sshd"
	}
	require.FileExists(t, program, "this test starts an ssh server (Debian package openssh-server)")
	me, err := user.Current()
	require.NoError(t, err)
	s := &sshd{t: t, dir: t.TempDir(), user: me.Username}
	hostKey, clientKey := s.key("host"), s.key("client")
	s.key("stranger")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.addr = l.Addr().String()
	require.NoError(t, l.Close())
	host, port, err := net.SplitHostPort(s.addr)
	require.NoError(t, err)
	s.write("authorized_keys", ssh.MarshalAuthorizedKey(clientKey))
	s.write("known_hosts", fmt.Appendf(nil, "[%s]:%s %s", host, port, ssh.MarshalAuthorizedKey(hostKey)))
	s.write("sshd_config", fmt.Appendf(nil, `
ListenAddress %s
Port %s
HostKey %s
AuthorizedKeysFile %s
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
SetEnv DOCKER_HOST=%s
`, host, port, s.path("host"), s.path("authorized_keys"), shared(t).URL()))
	_ = os.MkdirAll("/run/sshd", 0o755) // where it gives up its rights; it is gone after a boot
	cmd := exec.Command(program, "-D", "-e", "-f", s.path("sshd_config"))
	log, err := os.Create(s.path("log"))
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
	})
	eventually(t, "the ssh server listens", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return s
}

func (s *sshd) path(name string) string { return filepath.Join(s.dir, name) }

func (s *sshd) write(name string, b []byte) {
	require.NoError(s.t, os.WriteFile(s.path(name), b, 0o600))
}

// key writes a private key and returns its public one.
func (s *sshd) key(name string) ssh.PublicKey {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(s.t, err)
	block, err := ssh.MarshalPrivateKey(private, name)
	require.NoError(s.t, err)
	s.write(name, pem.EncodeToMemory(block))
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(s.t, err)
	return signer.PublicKey()
}

func (s *sshd) endpoint(name, path string) Endpoint {
	return Endpoint{
		Name: name, URL: "ssh://" + s.user + "@" + s.addr + path,
		SSH: SSH{Key: s.path("client"), KnownHosts: s.path("known_hosts")},
	}
}

func TestEngineOverSSH(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.run(agent())
	for i, path := range []string{"", shared(t).Socket()} {
		t.Run([]string{"by the docker command", "by the socket"}[i], func(t *testing.T) {
			c, err := NewClient(s.endpoint("e", path), Options{}, testLog(t))
			require.NoError(t, err)
			defer c.Close()
			target := r.t1
			target.Generation += uint64(i)
			require.NoError(t, c.Pull(r.ctx(), target, noReport))
			require.NoError(t, c.Replace(r.ctx(), target, isReady))
			require.Equal(t, rollout.Pass, c.Probe(r.ctx(), target, rollout.Check{Name: "x", Command: []string{"/agent", "-exit", "0"}}).Outcome)
			p, err := c.Preview(r.ctx(), target)
			require.NoError(t, err)
			require.EqualValues(t, unknownFree, p.Free, "the far disk is not ours to look at")
			require.NoError(t, c.Commit(r.ctx(), target))
		})
	}

	stranger, unknown, lost := s.endpoint("stranger", ""), s.endpoint("unknown", ""), s.endpoint("lost", "/nowhere.sock")
	stranger.SSH.Key = s.path("stranger")
	s.write("others", fmt.Appendf(nil, "[127.0.0.1]:%s %s", s.addr[len("127.0.0.1:"):], ssh.MarshalAuthorizedKey(s.key("other"))))
	unknown.SSH.KnownHosts = s.path("others")
	f := follow(t, Options{}, s.endpoint("good", ""), stranger, unknown, lost)
	f.state("good", fleet.EngineUp)
	f.state("stranger", fleet.EngineDown)
	f.state("unknown", fleet.EngineDown)
	f.state("lost", fleet.EngineDown)
	require.Contains(t, f.engine("stranger").Error, "unable to authenticate")
	require.Contains(t, f.engine("unknown").Error, "key mismatch")
	require.Contains(t, f.engine("lost").Error, "socket /nowhere.sock")

	nobody := s.endpoint("nobody", "")
	s.write("nobody", nil)
	nobody.SSH.KnownHosts = s.path("nobody")
	_, err := NewClient(nobody, Options{}, testLog(t))
	require.ErrorContains(t, err, "is not in it")
}
