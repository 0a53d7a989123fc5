package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/sim/robot"
)

// robotState is what a robot runs.
type robotState struct {
	id      string // of its container
	digest  string
	started string
}

// look sees what every robot runs, which must be one container.
func (s *site) look(t testing.TB) (all []robotState) {
	t.Helper()
	for _, r := range s.robots {
		c := r.containers(t)
		require.Len(t, c, 1, "containers of %s", r.id)
		require.True(t, c[0].State.Running, "%s runs", r.id)
		_, digest, _ := strings.Cut(c[0].Config.Image, "@")
		all = append(all, robotState{c[0].ID, digest, c[0].State.StartedAt})
	}
	return all
}

// sameEnd insists on the one end that a rollout has, whatever went wrong on the
// way: each robot runs one container, of the new image or, when that was rolled
// back, the very one it had, with the restart policy that it had; nothing is left
// over on the engines and in etcd; and at no moment did two containers of a robot
// run, or more than one robot stand still.
func (y *trial) sameEnd(end rollout.Report) {
	y.t.Helper()
	state, steps := y.planned()
	assert.Equal(y.t, state, end.State, end.Reason)
	require.Len(y.t, end.Robots, len(steps))
	generation := fmt.Sprint(y.site.generation(y.t, end.ID))
	for i, r := range y.site.robots {
		assert.Equal(y.t, steps[i], end.Robots[i].Step, "%s: %s", r.id, end.Robots[i].Reason)
		all := y.withoutStray(r.containers(y.t), generation)
		if !assert.Len(y.t, all, 1, "containers of %s: %s", r.id, names(all)) {
			continue
		}
		y.sameRobot(i, all[0], steps[i], generation)
	}
	y.survivor.eventually("no lock is left in etcd", func() bool { return y.site.locks(y.t) == 0 })
	y.witness()
}

// withoutStray leaves out the one thing that a manager from beyond its lease can
// leave behind: a successor that it had asked for before, which the engine creates
// when the rollout has ended and the name is free again. Nobody starts it.
func (y *trial) withoutStray(all []container.InspectResponse, generation string) []container.InspectResponse {
	if !y.late || !strings.HasSuffix(y.point.call.path, "create$") || y.point.call.when != dockertest.BeforeEngine {
		return all
	}
	return slices.DeleteFunc(all, func(c container.InspectResponse) bool {
		stray := strings.HasSuffix(c.Name, ".muster-g"+generation) && c.State.Status == container.StateCreated
		y.stray = y.stray || stray
		return stray
	})
}

func (y *trial) sameRobot(i int, c container.InspectResponse, s rollout.Step, generation string) {
	y.t.Helper()
	robot, before := y.site.robots[i].id, y.before[i]
	assert.Equal(y.t, "/amr-"+robot, c.Name)
	assert.True(y.t, c.State.Running, "%s runs", robot)
	assert.Equal(y.t, container.RestartPolicyUnlessStopped, c.HostConfig.RestartPolicy.Name, "restart policy of %s", robot)
	if s == rollout.StepDone {
		assert.Contains(y.t, c.Config.Image, y.digest, "%s runs the new image", robot)
		assert.Equal(y.t, generation, c.Config.Labels["muster.generation"], "generation of %s", robot)
		return
	}
	assert.Equal(y.t, before.id, c.ID, "%s has the container it had", robot)
	if s == rollout.StepSkipped {
		assert.Equal(y.t, before.started, c.State.StartedAt, "%s was never touched", robot)
	}
}

// witness reads in the robots' own journal that no two containers of one robot
// ran at one time, and that no two robots stood still at one time.
func (y *trial) witness() {
	y.t.Helper()
	var w testimony
	y.survivor.eventually("every robot's process has begun", func() bool { // after its container, on a busy machine
		all, err := robot.ReadJournal(y.site.journal)
		require.NoError(y.t, err)
		w = witnessed(all, y.began)
		return len(w.still) == 0
	})
	assert.Empty(y.t, w.overlaps, "robots with two containers at one time")
	assert.LessOrEqual(y.t, w.most, 1, "robots that stood still at one time")
	y.site.dead = max(y.site.dead, w.longest)
}

// testimony is what the robots' journal says of a time.
type testimony struct {
	overlaps []string // robots of which two processes ran
	most     int      // robots without a process at one time
	longest  time.Duration
	still    []string // robots without a process at the end
}

func witnessed(all []robot.Entry, since time.Time) (w testimony) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b robot.Entry) int { return a.At.Compare(b.At) })
	down := make(map[string]time.Time)
	for _, e := range all {
		if e.At.Before(since) {
			continue
		}
		switch e.Word {
		case robot.WordOverlap:
			w.overlaps = append(w.overlaps, e.Robot)
		case robot.WordBegin:
			if at, ok := down[e.Robot]; ok {
				w.longest = max(w.longest, e.At.Sub(at))
			}
			delete(down, e.Robot)
		case robot.WordEnd:
			down[e.Robot] = e.At
			w.most = max(w.most, len(down))
		}
	}
	w.still = slices.Sorted(maps.Keys(down))
	return w
}

func TestTheJournalIsAWitness(t *testing.T) {
	t0 := time.Unix(1000, 0)
	at := func(second int, r string, w robot.Word) robot.Entry {
		return robot.Entry{At: t0.Add(time.Duration(second) * time.Second), Robot: r, Word: w}
	}
	const begin, overlap, end = robot.WordBegin, robot.WordOverlap, robot.WordEnd
	for name, c := range map[string]struct {
		journal []robot.Entry
		want    testimony
	}{
		"one after the other": {
			[]robot.Entry{at(-1, "r1", end), at(1, "r1", end), at(3, "r1", begin), at(4, "r2", end), at(5, "r2", begin)},
			testimony{most: 1, longest: 2 * time.Second},
		},
		"two at once": {
			[]robot.Entry{at(1, "r1", end), at(2, "r2", end), at(3, "r1", begin), at(4, "r2", begin)},
			testimony{most: 2, longest: 2 * time.Second},
		},
		"two containers": {[]robot.Entry{at(1, "r1", overlap)}, testimony{overlaps: []string{"r1"}}},
		"stands still":   {[]robot.Entry{at(1, "r1", end)}, testimony{most: 1, still: []string{"r1"}}},
	} {
		assert.Equal(t, c.want, witnessed(c.journal, t0), name)
	}
}

func names(all []container.InspectResponse) (n []string) {
	for _, c := range all {
		n = append(n, c.Name+" ("+string(c.State.Status)+")")
	}
	return n
}

// ask calls the JSON gateway of an etcd that answers.
func (s *site) ask(t testing.TB, m *memberHost, path string, in map[string]any, out any) error {
	b, err := json.Marshal(in)
	require.NoError(t, err)
	c := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DialContext: s.hub.Dial, DisableKeepAlives: true}}
	resp, err := c.Post(m.Endpoint+path, "application/json", bytes.NewReader(b))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// leader is the etcd that leads the cluster.
func (s *site) leader() (leader *memberHost) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		for _, m := range s.members {
			var st struct {
				Header struct {
					ID string `json:"member_id"`
				}
				Leader string
			}
			if s.ask(s.t, m, "/v3/maintenance/status", map[string]any{}, &st) == nil && st.Leader == st.Header.ID {
				leader = m
				return true
			}
		}
		return false
	}, patience, 50*time.Millisecond, "no etcd leads")
	return leader
}

// values reads a range of etcd.
func (s *site) values(t testing.TB, from, to string) (values []string) {
	t.Helper()
	var got struct{ Kvs []struct{ Value []byte } }
	in := map[string]any{"key": base64.StdEncoding.EncodeToString([]byte(from))}
	if to != "" {
		in["range_end"] = base64.StdEncoding.EncodeToString([]byte(to))
	}
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(s.members, func(m *memberHost) bool { return s.ask(t, m, "/v3/kv/range", in, &got) == nil })
	}, patience, 50*time.Millisecond, "no etcd answers")
	for _, kv := range got.Kvs {
		values = append(values, string(kv.Value))
	}
	return values
}

func (s *site) locks(t testing.TB) int { return len(s.values(t, "/muster/locks/", "/muster/locks0")) }

func (s *site) generation(t testing.TB, id string) uint64 {
	t.Helper()
	plans := s.values(t, "/muster/rollouts/"+id+"/plan", "")
	require.Len(t, plans, 1)
	var p rollout.Plan
	require.NoError(t, json.Unmarshal([]byte(plans[0]), &p))
	return p.Generation
}
