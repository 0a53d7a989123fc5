package docker

import (
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/require"
)

func TestSubtract(t *testing.T) {
	five, ten := 5, 10
	port := network.MustParsePort("80/tcp")
	for name, c := range map[string]struct{ merged, image, want container.Config }{
		"environment": {
			merged: container.Config{Env: []string{"PATH=/bin", "MODE=fast", "A=user", "MINE=1"}},
			image:  container.Config{Env: []string{"PATH=/bin", "MODE=fast", "A=image"}},
			want:   container.Config{Env: []string{"A=user", "MINE=1"}},
		},
		"labels": {
			merged: container.Config{Labels: map[string]string{"v": "1", "over": "user", "mine": "x"}},
			image:  container.Config{Labels: map[string]string{"v": "1", "over": "image"}},
			want:   container.Config{Labels: map[string]string{"over": "user", "mine": "x"}},
		},
		"user, directory, signal": {
			merged: container.Config{User: "ros", WorkingDir: "/mine", StopSignal: "SIGINT"},
			image:  container.Config{User: "ros", WorkingDir: "/ws", StopSignal: "SIGINT"},
			want:   container.Config{WorkingDir: "/mine"},
		},
		"stop timeout of the image": {
			merged: container.Config{StopTimeout: &five}, image: container.Config{StopTimeout: &five},
		},
		"stop timeout of the user": {
			merged: container.Config{StopTimeout: &ten}, image: container.Config{StopTimeout: &five},
			want: container.Config{StopTimeout: &ten},
		},
		"ports and volumes": {
			merged: container.Config{ExposedPorts: network.PortSet{port: {}}, Volumes: map[string]struct{}{"/a": {}, "/b": {}}},
			image:  container.Config{ExposedPorts: network.PortSet{port: {}}, Volumes: map[string]struct{}{"/a": {}}},
			want:   container.Config{Volumes: map[string]struct{}{"/b": {}}},
		},
		"command of the image": {
			merged: container.Config{Entrypoint: []string{"/e"}, Cmd: []string{"a"}},
			image:  container.Config{Entrypoint: []string{"/e"}, Cmd: []string{"a"}},
		},
		"command of the user": {
			merged: container.Config{Entrypoint: []string{"/e"}, Cmd: []string{"b"}},
			image:  container.Config{Entrypoint: []string{"/e"}, Cmd: []string{"a"}},
			want:   container.Config{Cmd: []string{"b"}},
		},
		"entrypoint of the user": {
			merged: container.Config{Entrypoint: []string{"/u"}, Cmd: []string{"a"}},
			image:  container.Config{Entrypoint: []string{"/e"}, Cmd: []string{"a"}},
			want:   container.Config{Entrypoint: []string{"/u"}, Cmd: []string{"a"}},
		},
		"entrypoint of the user, without a command": {
			merged: container.Config{Entrypoint: []string{"/e"}},
			image:  container.Config{Entrypoint: []string{"/e"}, Cmd: []string{"a"}},
			want:   container.Config{Entrypoint: []string{"/e"}},
		},
		"entrypoint cleared by the user": {
			merged: container.Config{Cmd: []string{"/bin/sh"}},
			image:  container.Config{Entrypoint: []string{"/e"}},
			want:   container.Config{Entrypoint: []string{""}, Cmd: []string{"/bin/sh"}},
		},
		"health check of the image": {
			merged: container.Config{Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/ok"}, Retries: 3}},
			image:  container.Config{Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/ok"}, Retries: 3}},
		},
		"health check of the image, retries of the user": {
			merged: container.Config{Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/ok"}, Retries: 9}},
			image:  container.Config{Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/ok"}, Retries: 3}},
			want:   container.Config{Healthcheck: &container.HealthConfig{Retries: 9}},
		},
		"health check turned off by the user": {
			merged: container.Config{Healthcheck: &container.HealthConfig{Test: []string{"NONE"}}},
			image:  container.Config{Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/ok"}}},
			want:   container.Config{Healthcheck: &container.HealthConfig{Test: []string{"NONE"}}},
		},
		"what no image sets is the user's": {
			merged: container.Config{Hostname: "amr", Tty: true, Domainname: "d"},
			want:   container.Config{Hostname: "amr", Tty: true, Domainname: "d"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := subtract(c.merged, c.image)
			if len(got.Env) == 0 {
				got.Env = nil
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestNamesAndPoliciesReadBack(t *testing.T) {
	for _, s := range []slot{slotPlace, slotNext, slotPrevious, slotUndone} {
		name, slot, g := parseName(nameOf("amr.muster", s, 7))
		require.Equal(t, "amr.muster", name)
		require.Equal(t, s, slot)
		if s != slotPlace {
			require.EqualValues(t, 7, g)
		}
	}
	for _, s := range []string{"no", "always", "unless-stopped", "on-failure", "on-failure:3"} {
		p, err := parseRestart(s)
		require.NoError(t, err)
		for _, found := range []string{foundRunning, foundStopped} {
			memory := map[string]string{labelRestart: s, labelFound: found}
			old := previousName("amr", 7, memory)
			name, slot, g := parseName(old)
			require.Equal(t, []any{"amr", slotPrevious, uint64(7)}, []any{name, slot, g}, old)
			require.Equal(t, memory, remembered(old))
		}
		require.Equal(t, s, formatRestart(p))
	}
	for _, s := range []string{"", "sometimes", "always:2", "on-failure:x", ":1"} {
		_, err := parseRestart(s)
		require.Error(t, err, s)
	}
}
