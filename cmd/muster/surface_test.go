package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os/exec"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
)

// surface is a way by which operators steer. A refusal is an error.
type surface interface {
	start(m *manager, s rollout.Spec) (id string)
	// act gives what was answered, and the rollout that it is about: that of a
	// rollback is another one when the rollout has ended.
	act(m *manager, id string, w rollout.Wish) (said, about string, err error)
	lock(m *manager, robot, reason string) (said string, err error)
	unlock(m *manager, robot string) (said string, err error)
	locks(m *manager) string
	// tell is what an operator reads of a rollout.
	tell(m *manager, id string) string
}

// byAPI is the HTTP API.
type byAPI struct{}

func (byAPI) start(m *manager, s rollout.Spec) string { return m.rollOut(s) }

func (byAPI) act(m *manager, id string, w rollout.Wish) (said, about string, err error) {
	var r rollout.Report
	body := map[string]any{"reason": w.Reason, "robot": w.Robot, "wave": w.Wave}
	said, err = done(m.call(http.MethodPost, "/rollouts/"+id+"/"+string(w.Action), body, &r))
	return said, r.ID, err
}

func (byAPI) lock(m *manager, robot, reason string) (string, error) {
	return done(m.call(http.MethodPost, "/robots/"+robot+"/lock", map[string]string{"reason": reason}, nil))
}

func (byAPI) unlock(m *manager, robot string) (string, error) {
	return done(m.call(http.MethodPost, "/robots/"+robot+"/unlock", nil, nil))
}

func (byAPI) locks(m *manager) string { return get(m, "/locks") }

func (byAPI) tell(m *manager, id string) string { return get(m, "/rollouts/"+id) }

func done(status int, body string) (string, error) {
	if status >= 300 {
		return "", errors.New(body)
	}
	return body, nil
}

// byCommand is the command line, in processes of its own.
type byCommand struct{}

func (byCommand) run(m *manager, stdin []byte, args ...string) (string, error) {
	cmd := exec.Command(program(m.t, "muster"), append([]string{"rollout", "--server", m.url}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return string(out), nil
}

func (c byCommand) start(m *manager, s rollout.Spec) string {
	spec, err := json.Marshal(s)
	require.NoError(m.t, err)
	out, err := c.run(m, spec, "start", "-f", "-", "--json")
	require.NoError(m.t, err)
	var r rollout.Report
	require.NoError(m.t, json.Unmarshal([]byte(out), &r))
	return r.ID
}

func (c byCommand) act(m *manager, id string, w rollout.Wish) (said, about string, err error) {
	args := []string{string(w.Action), id, "--reason", w.Reason}
	switch {
	case w.Robot != "" && w.Action == rollout.ActionRollback:
		args = append(args, "--robot", w.Robot)
	case w.Robot != "":
		args = append(args, w.Robot)
	case w.Wave != nil:
		args = append(args, "--wave", string(rune('0'+*w.Wave)))
	}
	if said, err = c.run(m, nil, args...); err != nil {
		return "", "", err
	}
	about = strings.Fields(said)[1] // rollout ID …
	return said, strings.TrimSuffix(about, ":"), nil
}

func (c byCommand) lock(m *manager, robot, reason string) (string, error) {
	return c.run(m, nil, "lock", robot, "--reason", reason)
}

func (c byCommand) unlock(m *manager, robot string) (string, error) {
	return c.run(m, nil, "unlock", robot)
}

func (c byCommand) locks(m *manager) string {
	out, err := c.run(m, nil, "locks")
	require.NoError(m.t, err)
	return out
}

func (c byCommand) tell(m *manager, id string) string {
	out, err := c.run(m, nil, "show", id)
	require.NoError(m.t, err)
	return out
}
