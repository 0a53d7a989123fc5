package ros_test

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/ros"
)

// The node lists that real ROS 2 nodes of both gid sizes wrote.
func TestDecodeInfo(t *testing.T) {
	f, err := os.Open("testdata/ros_discovery_info.jsonl")
	require.NoError(t, err)
	defer f.Close()
	lines, sizes := bufio.NewScanner(f), map[ros.GIDSize]int{}
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var want struct {
			CDR         string
			GidBytes    ros.GIDSize `json:"gid_bytes"`
			Participant string
			Nodes       []struct {
				Namespace, Name  string
				Readers, Writers []string
			}
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &want))
		cdr, err := hex.DecodeString(want.CDR)
		require.NoError(t, err)
		got, size, err := ros.DecodeInfo(cdr)
		require.NoError(t, err)
		sizes[size]++
		assert.Equal(t, want.GidBytes, size)
		assert.Equal(t, want.Participant, got.Participant.String())
		require.Len(t, got.Nodes, len(want.Nodes))
		for i, n := range want.Nodes {
			assert.Equal(t, n.Namespace, got.Nodes[i].Namespace)
			assert.Equal(t, n.Name, got.Nodes[i].Name)
			assert.Equal(t, n.Readers, texts(got.Nodes[i].Readers))
			assert.Equal(t, n.Writers, texts(got.Nodes[i].Writers))
		}
		back, err := ros.EncodeInfo(got, size)
		require.NoError(t, err)
		assert.Equal(t, cdr, back, "we write what real peers write")
	}
	assert.Positive(t, sizes[ros.GIDHumble])
	assert.Positive(t, sizes[ros.GIDIron])
}

func texts(ids []ros.GUID) []string {
	s := make([]string, 0, len(ids))
	for _, id := range ids {
		s = append(s, id.String())
	}
	return s
}

func TestDecodeInfoRefuses(t *testing.T) {
	for name, cdr := range map[string][]byte{
		"nothing":  nil,
		"no body":  {0, 1, 0, 0},
		"too many": append(append([]byte{0, 1, 0, 0}, make([]byte, 16)...), 0xff, 0xff, 0xff, 0xff),
	} {
		_, _, err := ros.DecodeInfo(cdr)
		assert.ErrorContains(t, err, "ros_discovery_info", name)
	}
}

func FuzzDecodeInfo(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0})
	f.Fuzz(func(_ *testing.T, b []byte) { _, _, _ = ros.DecodeInfo(b) })
}

func TestNames(t *testing.T) {
	for dds, want := range map[string]struct {
		name string
		kind ros.Kind
	}{
		"rt/robot1/odom":               {"/robot1/odom", ros.KindTopic},
		"rq/a/b/get_parametersRequest": {"/a/b/get_parameters", ros.KindRequest},
		"rr/a/b/get_parametersReply":   {"/a/b/get_parameters", ros.KindReply},
		"ros_discovery_info":           {"ros_discovery_info", ros.KindOther},
		"rq/odd":                       {"rq/odd", ros.KindOther},
	} {
		name, kind := ros.ROSTopic(dds)
		assert.Equal(t, want.name, name)
		assert.Equal(t, want.kind, kind)
	}
	assert.Equal(t, "nav_msgs::msg::dds_::Odometry_", ros.DDSType("nav_msgs/msg/Odometry"))
	assert.Equal(t, "nav_msgs/msg/Odometry", ros.ROSType("nav_msgs::msg::dds_::Odometry_"))
	assert.Equal(t, "Foreign", ros.ROSType("Foreign"))
	assert.Equal(t, "/robot1/odom", ros.Join("/robot1", "odom"))
	assert.Equal(t, "/odom", ros.Join("/", "odom"))
	assert.Equal(t, "/odom", ros.Join("/robot1", "/odom"))
	assert.True(t, ros.ValidName("/robot1/odom"))
	for _, bad := range []string{"", "/", "odom", "/1a", "/a//b", "/a b", "/a__b"} {
		assert.False(t, ros.ValidName(bad), bad)
	}
}

func guid(participant, entity byte) ros.GUID {
	return ros.GUID{1, 0x0f, participant, 11: participant, 12: 0, 13: 0, 14: entity, 15: 3}
}

func fold(facts []ros.Fact) *ros.Graph {
	g := ros.NewGraph(ros.DefaultLimits())
	for _, f := range facts {
		g.Apply(f)
	}
	return g
}

func TestLimitsHold(t *testing.T) {
	l := ros.DefaultLimits()
	l.Participants, l.Endpoints, l.EndpointsPerPart, l.NodesPerParticipant, l.Early = 3, 5, 2, 2, 2
	g := ros.NewGraph(l)
	for p := range byte(10) {
		id := guid(p, 0).Participant()
		g.Apply(ros.NodesFact{Participant: id, Nodes: make([]ros.NodeEntities, 1)})
		g.Apply(ros.NodesFact{Participant: id, Nodes: []ros.NodeEntities{{Name: "a"}, {Name: "b"}, {Name: "c"}}})
		for e := range byte(4) {
			g.Apply(ros.EndpointFact{GUID: guid(p, e+1), Writer: true, Topic: fmt.Sprintf("rt/%d/%d", p, e)})
		}
		g.Apply(ros.EndpointFact{GUID: guid(p, 99), Topic: string(make([]byte, 300))})
	}
	for p := range byte(10) {
		g.Apply(ros.ParticipantFact{GUID: guid(p, 0).Participant()})
	}
	participants, endpoints := g.Counts()
	assert.Equal(t, 3, participants)
	assert.Equal(t, 5, endpoints)
	assert.Len(t, g.Nodes(), 6, "two of each participant that is known")
	for _, reason := range []string{"participants", "endpoints", "endpoints_per_participant", "nodes_per_participant", "early_nodes", "names"} {
		assert.Positive(t, g.Refused()[reason], reason)
	}
}

func TestNodesHaveTheirEndpoints(t *testing.T) {
	id, w, r := guid(1, 0).Participant(), guid(1, 1), guid(1, 2)
	service, client, action := guid(1, 3), guid(1, 4), guid(1, 5)
	g := fold([]ros.Fact{
		ros.ParticipantFact{GUID: id, UserData: "enclave=/e;", Host: "amr"},
		ros.EndpointFact{GUID: w, Writer: true, Topic: "rt/r/odom", Type: "nav_msgs::msg::dds_::Odometry_", UserData: "typehash=RIHS01_ab;"},
		ros.EndpointFact{GUID: r, Topic: "rt/r/cmd_vel", Type: "geometry_msgs::msg::dds_::Twist_"},
		ros.EndpointFact{GUID: service, Writer: true, Topic: "rr/r/n/get_parametersReply"},
		ros.EndpointFact{GUID: client, Writer: true, Topic: "rq/other/fooRequest"},
		ros.EndpointFact{GUID: action, Writer: true, Topic: "rr/r/go/_action/send_goalReply"},
		ros.NodesFact{Participant: id, Nodes: []ros.NodeEntities{{
			Namespace: "/r", Name: "n", Readers: []ros.GUID{r}, Writers: []ros.GUID{w, service, client, action},
		}}},
	})
	require.Len(t, g.Nodes(), 1)
	n := g.Nodes()[0]
	assert.Equal(t, "/r/n", n.FullName())
	assert.Equal(t, "/e", n.Enclave)
	assert.Equal(t, "amr", n.Host)
	assert.Equal(t, []string{"/r/go"}, n.ActionServers)
	assert.Equal(t, "/r/odom", n.Publishers[0].Name)
	assert.Equal(t, "nav_msgs/msg/Odometry", n.Publishers[0].Type)
	assert.Equal(t, "RIHS01_ab", n.Publishers[0].TypeHash)
	assert.Equal(t, "/r/cmd_vel", n.Subscriptions[0].Name)
	assert.Len(t, n.Services, 2)
	assert.Equal(t, "/other/foo", n.Clients[0].Name)
}

func TestFollowQoS(t *testing.T) {
	e := func(r ros.Reliability, d ros.Durability) ros.Endpoint {
		return ros.Endpoint{QoS: ros.QoS{Reliability: r, Durability: d}}
	}
	latched, plain, sensor := e(ros.Reliable, ros.TransientLocal), e(ros.Reliable, ros.Volatile), e(ros.BestEffort, ros.Volatile)
	for _, c := range []struct {
		publishers []ros.Endpoint
		r          ros.Reliability
		d          ros.Durability
		telemetry  ros.Reliability
	}{
		{[]ros.Endpoint{latched}, ros.Reliable, ros.TransientLocal, ros.Reliable},
		{[]ros.Endpoint{plain}, ros.Reliable, ros.Volatile, ros.BestEffort},
		{[]ros.Endpoint{latched, plain}, ros.Reliable, ros.Volatile, ros.BestEffort},
		{[]ros.Endpoint{plain, sensor}, ros.BestEffort, ros.Volatile, ros.BestEffort},
		{nil, ros.Reliable, ros.Volatile, ros.BestEffort},
	} {
		q := ros.Follow(c.publishers, 3)
		assert.Equal(t, c.r, q.Reliability)
		assert.Equal(t, c.d, q.Durability)
		assert.Equal(t, 3, q.Depth)
		assert.Equal(t, c.telemetry, ros.FollowTelemetry(c.publishers, 3).Reliability)
	}
}

func TestMismatchesAreNamed(t *testing.T) {
	writer := func(n byte, topic string, q ros.QoS, typ string) ros.Fact {
		return ros.EndpointFact{GUID: guid(1, n), Writer: true, Topic: "rt" + topic, Type: ros.DDSType(typ), QoS: q}
	}
	reader := func(n byte, topic string, q ros.QoS, typ string) ros.Fact {
		return ros.EndpointFact{GUID: guid(2, n), Topic: "rt" + topic, Type: ros.DDSType(typ), QoS: q}
	}
	offered := ros.QoS{Reliability: ros.BestEffort, Durability: ros.Volatile, Liveliness: ros.Automatic}
	all := ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, Liveliness: ros.ManualByTopic, Deadline: 1, LivelinessLease: 1}
	with := func(change func(*ros.QoS)) ros.QoS { q := offered; change(&q); return q }
	const typ = "std_msgs/msg/String"
	g := fold([]ros.Fact{
		writer(1, "/a", offered, typ), reader(1, "/a", with(func(q *ros.QoS) { q.Reliability = ros.Reliable }), typ),
		writer(2, "/b", offered, typ), reader(2, "/b", with(func(q *ros.QoS) { q.Durability = ros.TransientLocal }), typ),
		writer(3, "/c", offered, typ), reader(3, "/c", with(func(q *ros.QoS) { q.Deadline = 5 }), typ),
		writer(4, "/d", offered, typ), reader(4, "/d", with(func(q *ros.QoS) { q.Liveliness = ros.ManualByTopic }), typ),
		writer(5, "/e", offered, typ), reader(5, "/e", with(func(q *ros.QoS) { q.LivelinessLease = 5 }), typ),
		writer(6, "/f", offered, typ), reader(6, "/f", offered, "std_msgs/msg/Bool"),
		writer(7, "/g", offered, typ), reader(7, "/g", offered, typ),
		writer(8, "/h", all, typ), reader(8, "/h", offered, typ), reader(9, "/h", all, typ),
	})
	var policies []string
	for _, m := range g.Mismatches() {
		policies = append(policies, m.Topic+" "+m.Policy)
		assert.NotEmpty(t, m.Text)
	}
	assert.Equal(t, []string{"/a RELIABILITY", "/b DURABILITY", "/c DEADLINE", "/d LIVELINESS", "/e LIVELINESS", "/f TYPE"}, policies)
}
