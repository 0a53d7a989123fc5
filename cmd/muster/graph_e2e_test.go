package main_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/dynamic"
	"github.com/muster-fleet/muster/msgs/idl"
	"github.com/muster-fleet/muster/msgs/nav_msgs"
	"github.com/muster-fleet/muster/msgs/type_description_interfaces"
)

// simulate runs a fleet of one robot, robot1 when index is 0, until the test ends.
func simulate(t testing.TB, domain, index int, env ...string) {
	t.Helper()
	cmd := exec.Command(program(t, "muster-sim"), "fleet", "--robots", "1", "--first", strconv.Itoa(index), "--domain", strconv.Itoa(domain))
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
}

// definitions makes a folder with the package robot_msgs, which Muster does not have.
func definitions(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "robot_msgs", "msg"), 0o755))
	for name, text := range map[string]string{
		"Gripper.msg": "std_msgs/Header header\nstring<=8 label \"none\"  # whose\nuint64[] counters\nPart[<=2] parts\n",
		"Part.msg":    "uint8 JAW=1\nuint8 kind\nfloat64[3] at\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "robot_msgs", "msg", name), []byte(text), 0o600))
	}
	return dir
}

// gripper publishes robot1's gripper, in a type of its own, and the domain's map.
func gripper(t testing.TB, domain int, folder string) {
	t.Helper()
	set, err := idl.Load(os.DirFS(folder))
	require.NoError(t, err)
	types, err := msgs.NewLibrary(set)
	require.NoError(t, err)
	found, err := types.Find("robot_msgs/msg/Gripper", "")
	require.NoError(t, err)
	codec, err := dynamic.New(found[0].Set, found[0].Name)
	require.NoError(t, err)
	sample, err := codec.EncodeJSON(nil, []byte(`{"label":"left","counters":[7],"parts":[{"kind":1,"at":[1,2,3.5]}]}`))
	require.NoError(t, err)
	grid := nav_msgs.NewOccupancyGrid()
	grid.Header.FrameID, grid.Info.Width, grid.Info.Height, grid.Data = "hall", 2, 1, []int8{0, 100}
	hall, err := grid.MarshalCDR(nil)
	require.NoError(t, err)
	p := ddstest.Join(t, domain)
	latched := ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1, Liveliness: ros.Automatic}
	for _, out := range []struct {
		topic, typ, hash string
		sample           []byte
	}{
		{"/robot1/gripper", found[0].Name, found[0].Hash, sample},
		{"/map", grid.TypeName(), grid.TypeHash(), hall},
	} {
		w, err := p.Advertise(ros.Publication{Topic: out.topic, Type: out.typ, TypeHash: out.hash, QoS: latched})
		require.NoError(t, err)
		require.NoError(t, w.Write(out.sample))
	}
}

// teller is a node of robot1 on Cyclone DDS that publishes a type of which there is
// no definition, and tells it, as nodes from Jazzy on do.
func teller(t testing.TB, domain int) {
	t.Helper()
	const typ, service = "tool_msgs/msg/Jaw", "type_description_interfaces/srv/GetTypeDescription"
	m, err := idl.ParseMessage("tool_msgs", "Jaw", "Jaw.msg", "float64 opening\nbool closed\n")
	require.NoError(t, err)
	set := idl.NewSet([]*idl.Message{m}, nil)
	jaw, err := msgs.TypeIn(set, typ)
	require.NoError(t, err)
	codec, err := dynamic.New(set, typ)
	require.NoError(t, err)
	sample, err := codec.EncodeJSON(nil, []byte(`{"opening":0.25}`))
	require.NoError(t, err)
	answer := type_description_interfaces.GetTypeDescriptionResponse{Successful: true, TypeDescription: rostest.TypeDescription(t, set, typ)}
	reply, err := answer.MarshalCDR(nil)
	require.NoError(t, err)

	p := ddstest.Join(t, domain)
	latched := ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1, Liveliness: ros.Automatic}
	calls := latched
	calls.Durability, calls.Depth = ros.Volatile, 10
	out, err := p.Advertise(ros.Publication{Topic: "/robot1/jaw", Type: typ, TypeHash: jaw.Hash, QoS: latched})
	require.NoError(t, err)
	require.NoError(t, out.Write(sample))
	replies, err := p.Advertise(ros.Publication{Topic: "rr/robot1/teller/get_type_descriptionReply", Type: service + "_Response", RawName: true, QoS: calls})
	require.NoError(t, err)
	requests, err := p.Subscribe(ros.Subscription{Topic: "rq/robot1/teller/get_type_descriptionRequest", Type: service + "_Request", RawName: true, QoS: calls, Commands: true})
	require.NoError(t, err)
	info, err := p.Advertise(ros.Publication{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoWriterQoS()})
	require.NoError(t, err)
	list, err := ros.EncodeInfo(ros.NodesFact{Participant: p.Participant(), Nodes: []ros.NodeEntities{
		{Namespace: "/robot1", Name: "teller", Writers: []ros.GUID{out.GUID(), replies.GUID()}},
	}}, ros.GIDIron)
	require.NoError(t, err)
	require.NoError(t, info.Write(list))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		var b ros.Batch
		for p.Take(ctx, &b) == nil {
			for _, s := range b.Samples {
				if s.Reader == requests { // the request's header goes back with the reply
					assert.NoError(t, replies.Write(slices.Concat(reply[:4], s.CDR[4:20], reply[4:])))
				}
			}
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

// What a ROS 2 developer asks of a domain: its nodes, its topics with both ends, the
// messages of their own types; by the commands, and with Foxglove's own client.
func TestTheWholeGraphIsToBeSeen(t *testing.T) {
	w := &world{t: t, domain: ddstest.FreeDomain(t)}
	folder := definitions(t)
	simulate(t, w.domain, 0)
	gripper(t, w.domain, folder)
	teller(t, w.domain)
	m := w.manager(settings{"engines": []settings{}, "messages": []string{folder}})
	muster := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(program(t, "muster"), append(args, "--server", m.url)...).CombinedOutput()
		require.NoError(t, err, "%v: %s", args, out)
		return string(out)
	}
	m.eventually("robot1 and its gripper are known", func() bool {
		r, known := m.robot("robot1")
		_, published := r.Topic("/robot1/gripper")
		return known && published && len(r.Nodes) == 4
	})
	assert.Equal(t, "/robot1/battery_monitor\n/robot1/driver\n/robot1/localization\n/robot1/teller\n", muster("node", "list"))
	assert.Contains(t, muster("topic", "list", "--domain", strconv.Itoa(w.domain)), "/robot1/gripper [robot_msgs/msg/Gripper]\n")
	info := muster("topic", "info", "/robot1/odom")
	odom, _ := msgs.Lookup("nav_msgs/msg/Odometry")
	for _, line := range []string{
		"Type: nav_msgs/msg/Odometry", "Publisher count: 1", "Node name: localization", "Node namespace: /robot1",
		"Topic type hash: " + odom.Hash, "Endpoint type: PUBLISHER", "Reliability: RELIABLE", "Durability: VOLATILE",
	} {
		assert.Contains(t, info, line)
	}
	assert.Regexp(t, `GID: 01\.10(\.[0-9a-f]{2}){14}\n`, info)

	echo := muster("topic", "echo", "robot1", "gripper")
	assert.Contains(t, echo, `"label": "left"`)
	assert.Contains(t, echo, `"kind": 1`)
	m.eventually("the teller's service is known, and tells its type", func() bool {
		out, err := exec.Command(program(t, "muster"), "topic", "echo", "robot1", "jaw", "--server", m.url).CombinedOutput()
		return err == nil && strings.Contains(string(out), `"opening": 0.25`)
	})

	client := exec.Command("node", "foxglove.mjs", "ws"+strings.TrimPrefix(m.url, "http")+"/foxglove/robots/robot1",
		"/robot1/odom", "/robot1/gripper", "/map")
	client.Dir = "../../web/e2e"
	var problems strings.Builder
	client.Stderr = &problems
	out, err := client.Output()
	require.NoError(t, err, "%s", &problems)
	var read struct {
		Odom    nested `json:"/robot1/odom"`
		Gripper nested `json:"/robot1/gripper"`
		Map     nested `json:"/map"`
	}
	require.NoError(t, json.Unmarshal(out, &read))
	assert.Equal(t, "base_link", read.Odom["child_frame_id"])
	assert.Equal(t, "left", read.Gripper["label"])
	assert.Equal(t, []any{map[string]any{"kind": float64(1), "at": []any{1.0, 2.0, 3.5}}}, read.Gripper["parts"])
	assert.Equal(t, []any{float64(0), float64(100)}, read.Map["data"])
}

type nested map[string]any
