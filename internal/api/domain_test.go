package api

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/dynamic"
	humble "github.com/muster-fleet/muster/msgs/humble/sensor_msgs"
	"github.com/muster-fleet/muster/msgs/idl"
	"github.com/muster-fleet/muster/msgs/lifecycle_msgs"
	"github.com/muster-fleet/muster/msgs/nav_msgs"
	"github.com/muster-fleet/muster/msgs/rcl_interfaces"
	"github.com/muster-fleet/muster/msgs/sensor_msgs"
	"github.com/muster-fleet/muster/msgs/std_srvs"
	"github.com/muster-fleet/muster/msgs/type_description_interfaces"
)

var services = ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, History: ros.KeepLast, Depth: 10}

type marshaler interface {
	MarshalCDR([]byte) ([]byte, error)
}

// driver is a robot's participant in a domain in memory.
type driver struct {
	t       testing.TB
	p       *rostest.Participant
	answers map[ros.ReaderID]func([]byte)
}

func (d *driver) serve(service, typ string, reply func() marshaler) {
	w, err := d.p.Advertise(ros.Publication{Topic: "rr/r1/" + service + "Reply", Type: typ + "_Response", RawName: true, QoS: services})
	require.NoError(d.t, err)
	id, err := d.p.Subscribe(ros.Subscription{Topic: "rq/r1/" + service + "Request", Type: typ + "_Request", RawName: true, QoS: services})
	require.NoError(d.t, err)
	d.answers[id] = func(cdr []byte) {
		b, err := reply().MarshalCDR(nil)
		assert.NoError(d.t, err)
		assert.NoError(d.t, w.Write(append(append(append([]byte{}, b[:4]...), cdr[4:20]...), b[4:]...)))
	}
}

// withDomain gives a world a follower of domain 0 and a driver in it.
func withDomain(t *testing.T) (*world, *driver) {
	t.Helper()
	domain := rostest.NewDomain(0)
	follower := ros.NewFollower(domain.Join(), func(time.Time, ...fleet.Observation) {}, ros.FollowerOptions{})
	d := &driver{t, domain.Join(), make(map[ros.ReaderID]func([]byte))}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = follower.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	odom, err := d.p.Advertise(ros.Publication{
		Topic: "/r1/odom", Type: "nav_msgs/msg/Odometry",
		QoS: ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, Depth: 1},
	})
	require.NoError(t, err)
	m := nav_msgs.NewOdometry()
	m.Header.FrameID = "map"
	b, err := m.MarshalCDR(nil)
	require.NoError(t, err)
	require.NoError(t, odom.Write(b))
	d.serve("reset", "std_srvs/srv/Trigger", func() marshaler { return &std_srvs.TriggerResponse{Success: true, Message: "ok"} })
	d.serve("driver/list_parameters", "rcl_interfaces/srv/ListParameters", func() marshaler {
		return &rcl_interfaces.ListParametersResponse{Result: rcl_interfaces.ListParametersResult{Names: []string{"speed"}}}
	})
	d.serve("driver/get_parameters", "rcl_interfaces/srv/GetParameters", func() marshaler {
		return &rcl_interfaces.GetParametersResponse{Values: []rcl_interfaces.ParameterValue{{Type: 3, DoubleValue: 0.5}}}
	})
	d.serve("driver/set_parameters", "rcl_interfaces/srv/SetParameters", func() marshaler {
		return &rcl_interfaces.SetParametersResponse{Results: []rcl_interfaces.SetParametersResult{{Reason: "too fast"}}}
	})
	d.serve("driver/get_state", "lifecycle_msgs/srv/GetState", func() marshaler {
		return &lifecycle_msgs.GetStateResponse{CurrentState: lifecycle_msgs.State{Label: "active"}}
	})
	d.serve("driver/change_state", "lifecycle_msgs/srv/ChangeState", func() marshaler {
		return &lifecycle_msgs.ChangeStateResponse{Success: true}
	})
	_, err = d.p.Subscribe(ros.Subscription{Topic: "/r1/say", Type: "std_msgs/msg/String", QoS: services})
	require.NoError(t, err)
	info, err := d.p.Advertise(ros.Publication{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoWriterQoS()})
	require.NoError(t, err)
	nodes, err := ros.EncodeInfo(ros.NodesFact{Participant: d.p.Participant(), Nodes: []ros.NodeEntities{
		{Namespace: "/r1", Name: "driver", Writers: []ros.GUID{odom.GUID()}}, {Namespace: "/r2", Name: "other"},
	}}, ros.GIDIron)
	require.NoError(t, err)
	require.NoError(t, info.Write(nodes))
	running.Go(func() {
		var b ros.Batch
		for d.p.Take(ctx, &b) == nil {
			for _, s := range b.Samples {
				if answer := d.answers[s.Reader]; answer != nil {
					answer(s.CDR)
				}
			}
		}
	})
	require.Eventually(t, func() bool {
		_, offered := follower.ServiceType("/r1/driver/change_state")
		return offered && len(follower.Nodes()) == 2
	}, 10*time.Second, time.Millisecond)
	return newWorld(t, func(o *Options) {
		o.Domain = func(id int) *ros.Follower {
			if id == 0 {
				return follower
			}
			return nil
		}
	}), d
}

func TestARobotsGraphIsShownAndActedOn(t *testing.T) {
	w, _ := withDomain(t)
	document := readDocument(t)
	for _, c := range []struct {
		role, method, path, body, schema, want string
	}{
		{"viewer", "GET", "/nodes", "", "NodeList", `"name":"/r1/driver"`},
		{"viewer", "GET", "/echo?topic=odom", "", "TopicSample", `"frame_id":"map"`},
		{"engineer", "POST", "/publish", `{"topic":"say","type":"std_msgs/msg/String","message":{"data":"hi"}}`, "", "/r1/say"},
		{"engineer", "POST", "/call", `{"service":"/r1/reset"}`, "CallReply", `"message":"ok"`},
		{"viewer", "GET", "/parameters?node=driver", "", "ParameterList", `"speed":0.5`},
		{"viewer", "GET", "/lifecycle?node=driver", "", "LifecycleState", `"state":"active"`},
		{"engineer", "POST", "/lifecycle", `{"node":"driver","transition":"deactivate"}`, "LifecycleState", `"state":"active"`},
	} {
		got := w.call(c.role, c.method, "/api/v1/robots/r1"+c.path, c.body)
		require.Equal(t, http.StatusOK, got.Code, "%s: %s", c.path, got.Body)
		assert.Contains(t, got.Body.String(), c.want)
		assert.NotContains(t, got.Body.String(), "/r2/", "another robot's nodes are not shown")
		if c.schema != "" {
			var v any
			require.NoError(t, json.Unmarshal(got.Body.Bytes(), &v))
			assert.Empty(t, document.check(c.schema, document.Components.Schemas[c.schema], v))
		}
	}
}

// What a peer sends is read by the definition that it has: a user's own type by
// that of a configured folder, Humble's Range, of which no hash is told, by
// Humble's, and Jazzy's by Jazzy's.
func TestSamplesAreReadByThePeersDefinition(t *testing.T) {
	w, d := withDomain(t)
	set, err := idl.Load(os.DirFS("../../msgs/gen/testdata/in"))
	require.NoError(t, err)
	w.opt.Types, err = msgs.NewLibrary(set)
	require.NoError(t, err)
	everything, err := w.opt.Types.Find("robot_msgs/msg/Everything", "")
	require.NoError(t, err)
	c, err := dynamic.New(everything[0].Set, "robot_msgs/msg/Everything")
	require.NoError(t, err)
	own, err := c.EncodeJSON(nil, []byte(`{"label":"gripper","parts":[{"id":"a"}]}`))
	require.NoError(t, err)
	jazzy, err := (&sensor_msgs.Range{Range: 1.5, Variance: 0.25}).MarshalCDR(nil)
	require.NoError(t, err)
	older, err := (&humble.Range{Range: 1.5}).MarshalCDR(nil)
	require.NoError(t, err)
	hash := (&sensor_msgs.Range{}).TypeHash()
	for _, p := range []struct {
		topic, typ, hash string
		sample           []byte
		status           int
		want, not        string
	}{
		{"everything", "robot_msgs/msg/Everything", everything[0].Hash, own, 200, `"label":"gripper"`, ""},
		{"everything_humble", "robot_msgs/msg/Everything", "", own, 200, `"parts":[{"id":"a"}]`, ""},
		{"range", "sensor_msgs/msg/Range", hash, jazzy, 200, `"variance":0.25`, ""},
		{"range_humble", "sensor_msgs/msg/Range", "", older, 200, `"range":1.5`, "variance"},
		{"range_hashless", "sensor_msgs/msg/Range", "", jazzy, 200, `"variance":0.25`, ""},
		{"range_later", "sensor_msgs/msg/Range", "RIHS01_00", jazzy, 400, "another definition here: the hash is RIHS01_00 there", ""},
		{"range_short", "sensor_msgs/msg/Range", "", older[:12], 409, "no definition here reads a sample of sensor_msgs/msg/Range", ""},
		{"tool", "odd_msgs/msg/Tool", "", own, 400, "odd_msgs/msg/Tool has no definition here: list a folder that has it, like a ROS share folder, under messages", ""},
	} {
		out, err := d.p.Advertise(ros.Publication{
			Topic: "/r1/" + p.topic, Type: p.typ, TypeHash: p.hash,
			QoS: ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, Depth: 1},
		})
		require.NoError(t, err)
		require.NoError(t, out.Write(p.sample))
		require.Eventually(t, func() bool {
			_, _, known := w.opt.Domain(0).PublishedType("/r1/" + p.topic)
			return known
		}, 10*time.Second, time.Millisecond)
		got := w.call("viewer", "GET", "/api/v1/robots/r1/echo?topic="+p.topic, "")
		for range 5 { // a loaded machine may be too slow for the first
			if got.Code != http.StatusServiceUnavailable {
				break
			}
			got = w.call("viewer", "GET", "/api/v1/robots/r1/echo?topic="+p.topic, "")
		}
		assert.Equal(t, p.status, got.Code, "%s: %s", p.topic, got.Body)
		assert.Contains(t, got.Body.String(), p.want)
		if p.not != "" {
			assert.NotContains(t, got.Body.String(), p.not)
		}
	}
}

// A type of which there is no definition is asked of the node that publishes it.
func TestANodeIsAskedForItsType(t *testing.T) {
	w, d := withDomain(t)
	const typ = "robot_msgs/msg/Part"
	set, err := idl.Load(os.DirFS("../../msgs/gen/testdata/in"))
	require.NoError(t, err)
	part, err := msgs.TypeIn(set, typ)
	require.NoError(t, err)
	d.serve("driver/get_type_description", "type_description_interfaces/srv/GetTypeDescription", func() marshaler {
		return &type_description_interfaces.GetTypeDescriptionResponse{Successful: true, TypeDescription: rostest.TypeDescription(t, set, typ)}
	})
	out, err := d.p.Advertise(ros.Publication{
		Topic: "/r1/part", Type: typ, TypeHash: part.Hash, QoS: ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, Depth: 1},
	})
	require.NoError(t, err)
	c, err := dynamic.New(set, typ)
	require.NoError(t, err)
	sample, err := c.EncodeJSON(nil, []byte(`{"id":"jaw"}`))
	require.NoError(t, err)
	require.NoError(t, out.Write(sample))
	echo := "/api/v1/robots/r1/echo?topic=part"
	require.Eventually(t, func() bool {
		_, _, known := w.opt.Domain(0).PublishedType("/r1/part")
		return known
	}, 10*time.Second, time.Millisecond)
	got := w.call("viewer", "GET", echo, "")
	assert.Equal(t, http.StatusBadRequest, got.Code)
	assert.Contains(t, got.Body.String(), "(its nodes do not tell it: ask for the type of /r1/part: no node at its ends is known)")

	info, err := d.p.Advertise(ros.Publication{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoWriterQoS()})
	require.NoError(t, err)
	nodes, err := ros.EncodeInfo(ros.NodesFact{Participant: d.p.Participant(), Nodes: []ros.NodeEntities{
		{Namespace: "/r1", Name: "driver", Writers: []ros.GUID{out.GUID()}},
	}}, ros.GIDIron)
	require.NoError(t, err)
	require.NoError(t, info.Write(nodes))
	require.Eventually(t, func() bool {
		got = w.call("viewer", "GET", echo, "")
		return got.Code == http.StatusOK
	}, 10*time.Second, 10*time.Millisecond)
	assert.Contains(t, got.Body.String(), `"message":{"id":"jaw"}`)
	_, err = w.opt.Types.Find(typ, part.Hash)
	require.NoError(t, err, "it is asked once")
}

func TestAWholeDomainIsShown(t *testing.T) {
	w, d := withDomain(t)
	document := readDocument(t)
	require.Eventually(t, func() bool { return len(w.opt.Domain(0).AllTopics()) == 2 }, 10*time.Second, time.Millisecond)
	for _, c := range []struct{ path, schema, want string }{
		{"/nodes", "NodeList", `"name":"/r2/other"`},
		{"/topics", "TopicList", `{"name":"/r1/odom","types":["nav_msgs/msg/Odometry"],"publishers":1,"subscriptions":0}`},
		{"/topics", "TopicList", `{"name":"/r1/say","types":["std_msgs/msg/String"],"publishers":0,"subscriptions":1}`},
		{"/topic?name=/r1/odom", "TopicInfo", `"node":"/r1/driver","type":"nav_msgs/msg/Odometry"`},
		{"/topic?name=r1/odom", "TopicInfo", `"durability":"transient_local"`},
		{"/topic?name=/r1/say", "TopicInfo", `"node":"","type":"std_msgs/msg/String"`},
	} {
		got := w.call("viewer", "GET", "/api/v1/domains/0"+c.path, "")
		require.Equal(t, http.StatusOK, got.Code, "%s: %s", c.path, got.Body)
		assert.Contains(t, got.Body.String(), c.want)
		var v any
		require.NoError(t, json.Unmarshal(got.Body.Bytes(), &v))
		assert.Empty(t, document.check(c.schema, document.Components.Schemas[c.schema], v))
	}
	for path, status := range map[string]int{
		"/domains/0/topic?name=/none": http.StatusNotFound, "/domains/0/topic": http.StatusBadRequest,
		"/domains/9/nodes": http.StatusNotFound, "/domains/x/topics": http.StatusBadRequest,
	} {
		assert.Equal(t, status, w.call("viewer", "GET", "/api/v1"+path, "").Code, path)
	}
	d.p.Leave()
	require.Eventually(t, func() bool { return len(w.opt.Domain(0).AllTopics()) == 0 }, 10*time.Second, time.Millisecond)
	assert.JSONEq(t, `{"topics":[]}`, w.call("viewer", "GET", "/api/v1/domains/0/topics", "").Body.String())
}

func TestActionsOnARobotsGraphAreRefusedInWords(t *testing.T) {
	w, _ := withDomain(t)
	for _, c := range []struct {
		role, method, path, body string
		status                   int
		want                     string
	}{
		{"viewer", "POST", "/publish", `{}`, http.StatusForbidden, "engineer"},
		{"operator", "POST", "/call", `{}`, http.StatusForbidden, "engineer"},
		{"engineer", "POST", "/publish", `{"topic":"/r2/cmd_vel","type":"std_msgs/msg/String"}`, http.StatusBadRequest, "not in /r1"},
		{"engineer", "POST", "/publish", `{"topic":"a b","type":"std_msgs/msg/String"}`, http.StatusBadRequest, `"field":"topic"`},
		{"engineer", "POST", "/publish", `{"topic":"say","type":"site_msgs/msg/None"}`, http.StatusBadRequest, `"field":"type"`},
		{"engineer", "POST", "/publish", `{"topic":"say","type":"std_msgs/msg/String","message":{"dta":1}}`, http.StatusBadRequest, "dta"},
		{"engineer", "POST", "/call", `{"service":"none"}`, http.StatusNotFound, "/r1/none"},
		{"engineer", "POST", "/call", `{"service":"reset","request":{"x":1}}`, http.StatusBadRequest, `"field":"request"`},
		{"engineer", "POST", "/parameters", `{"node":"driver","name":"speed","value":9}`, http.StatusBadRequest, "too fast"},
		{"engineer", "POST", "/parameters", `{"node":"driver","name":"speed","value":{}}`, http.StatusBadRequest, `"field":"value"`},
		{"engineer", "POST", "/lifecycle", `{"node":"driver","transition":"jump"}`, http.StatusBadRequest, `"field":"transition"`},
		{"viewer", "GET", "/echo?topic=none", "", http.StatusNotFound, "nobody publishes"},
		{"viewer", "GET", "/echo", "", http.StatusBadRequest, `"field":"topic"`},
		{"viewer", "GET", "/parameters?node=none", "", http.StatusNotFound, "no server"},
	} {
		got := w.call(c.role, c.method, "/api/v1/robots/r1"+c.path, c.body)
		assert.Equal(t, c.status, got.Code, "%s %s: %s", c.path, c.body, got.Body)
		assert.Contains(t, got.Body.String(), c.want)
	}
	assert.Equal(t, http.StatusNotFound, w.call("viewer", "GET", "/api/v1/robots/none/nodes", "").Code)
	bare := newWorld(t)
	assert.Equal(t, http.StatusServiceUnavailable, bare.call("viewer", "GET", "/api/v1/robots/r1/nodes", "").Code)
}
