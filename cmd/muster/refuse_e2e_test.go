package main_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
)

// Bad input gets a clear error and loses nothing.
func TestBadInput(t *testing.T) {
	w := newWorld(t, 1)
	m := w.manager(nil)
	m.awaitFleet("robot1")

	t.Run("unknown image", func(t *testing.T) {
		status, body := m.call(http.MethodPost, "/rollouts", w.spec("v99"), nil)
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Contains(t, body, `"field":"image"`)
		assert.Contains(t, body, "v99")
	})
	t.Run("wrong fields", func(t *testing.T) {
		for field, change := range map[string]map[string]any{
			"robots": {"robots": "nobody"}, "image": {"image": "not an image"}, "canary": {"canary": -1},
		} {
			spec := map[string]any{"image": w.image("v2"), "robots": "all"}
			for k, v := range change {
				spec[k] = v
			}
			status, body := m.call(http.MethodPost, "/rollouts", spec, nil)
			assert.Equal(t, http.StatusBadRequest, status, body)
			assert.Contains(t, body, `"field":"`+field+`"`)
		}
		status, body := m.call(http.MethodPost, "/rollouts", map[string]any{"imgae": "x"}, nil)
		assert.GreaterOrEqual(t, status, 400)
		assert.Contains(t, body, "imgae", "an unknown field is named")
	})
	t.Run("malformed CDR", func(t *testing.T) {
		p := ddstest.Join(t, w.domain)
		q := ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1, Liveliness: ros.Automatic}
		odom, err := p.Advertise(ros.Publication{Topic: "/broken/odom", Type: "nav_msgs/msg/Odometry", QoS: q})
		require.NoError(t, err)
		require.NoError(t, odom.Write([]byte{0, 1, 0, 0, 1, 2, 3, 4}))
		info, err := p.Advertise(ros.Publication{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoWriterQoS()})
		require.NoError(t, err)
		require.NoError(t, info.Write([]byte{0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff}))
		m.eventually("the topic says what is wrong", func() bool {
			r, _ := m.robot("broken")
			topic, _ := r.Topic("/broken/odom")
			return topic.Problem != ""
		})
		r, _ := m.robot("broken")
		topic, _ := r.Topic("/broken/odom")
		assert.Contains(t, topic.Problem, "nav_msgs/msg/Odometry")
		good, _ := m.robot("robot1")
		assert.Equal(t, fleet.QualityLive, good.Quality, "the others go on")
	})
	t.Run("the graph by the command", func(t *testing.T) {
		run := func(args ...string) string {
			out, err := exec.Command(program(t, "muster"), append(args, "--server", m.url)...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			return string(out)
		}
		assert.Contains(t, run("node", "list", "robot1"), `"/robot1/battery_monitor"`)
		assert.Contains(t, run("topic", "echo", "robot1", "odom"), `"frame_id": "map"`)
		out, err := exec.Command(program(t, "muster"), "service", "call", "robot1", "none", "{}", "--server", m.url).CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), "/robot1/none")
	})
	t.Run("dead engine", func(t *testing.T) {
		w.engine.Kill()
		engine := func() (e fleet.Engine) {
			var all struct{ Engines []fleet.Engine }
			m.call(http.MethodGet, "/engines", nil, &all)
			require.Len(t, all.Engines, 1)
			return all.Engines[0]
		}
		m.eventually("the engine is shown as down", func() bool { return engine().State == fleet.EngineDown })
		assert.NotEmpty(t, engine().Error)
		r, _ := m.robot("robot1")
		assert.Len(t, r.Containers, 1, "what was known stays")
		assert.Equal(t, fleet.QualityLive, r.Quality, "its telemetry does not need the engine")
		require.NoError(t, w.engine.Start())
		m.eventually("it is up again", func() bool { return engine().State == fleet.EngineUp })
	})
}

// A configuration that is wrong ends the start with all that is wrong.
func TestBadConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		want   []string
	}{
		"inventory": {
			`robots: [{id: "a b", namespace: robot1}, {id: amr, namespace: /x, engine: none}, {id: amr, namespace: /x}]`,
			[]string{"robot a b: id:", "robot a b: namespace:", "robot amr: engine:", "robot amr: id:", "robot amr: namespace:"},
		},
		"unknown key": {`lisen: 127.0.0.1:1`, []string{"lisen"}},
		"public":      {`listen: 0.0.0.0:0`, []string{"auth.tokens_file"}},
		"engine":      {`engines: [{name: e, url: "ftp://x"}]`, []string{"engines[0].url"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "muster.yaml")
			require.NoError(t, os.WriteFile(file, []byte(c.config), 0o600))
			out, err := exec.Command(program(t, "muster"), "serve", "--config", file).CombinedOutput()
			require.Error(t, err)
			for _, want := range c.want {
				assert.Contains(t, string(out), want)
			}
		})
	}
}

// What an offline robot's last state was survives the manager.
func TestAnOfflineRobotStaysOnTheMap(t *testing.T) {
	w := newWorld(t, 1)
	m := w.manager(nil)
	m.awaitFleet("robot1")
	m.stop()
	require.NoError(t, w.engine.Close())
	m.start()
	r, known := m.robot("robot1")
	require.True(t, known)
	require.NotNil(t, r.Pose)
	m.eventually("it is offline, with its last pose", func() bool {
		r, _ := m.robot("robot1")
		return r.Quality == fleet.QualityOffline && r.Pose != nil
	})
}
