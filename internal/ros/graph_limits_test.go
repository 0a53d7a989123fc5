package ros_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/ros"
)

// numbered is the GUID of one of many participants, or of an endpoint of it.
func numbered(participant, entity int) (g ros.GUID) {
	g[0], g[1] = 0x01, 0x0f
	binary.BigEndian.PutUint32(g[4:], uint32(participant)+1)
	if entity == 0 {
		return g.Participant()
	}
	binary.BigEndian.PutUint32(g[12:], uint32(entity)<<8|3)
	return g
}

func named(participant int, names ...string) ros.NodesFact {
	f := ros.NodesFact{Participant: numbered(participant, 0)}
	for _, n := range names {
		f.Nodes = append(f.Nodes, ros.NodeEntities{Namespace: "/r", Name: n})
	}
	return f
}

func nodeNames(g *ros.Graph) (names []string) {
	for _, n := range g.Nodes() {
		names = append(names, n.FullName())
	}
	return names
}

// A list that comes behind its participant's end must not take the place of
// those that are early.
func TestLateListsKeepNoEarlyOneOut(t *testing.T) {
	l := ros.DefaultLimits()
	g := ros.NewGraph(l)
	for i := range l.Early + 10 {
		g.Apply(ros.ParticipantFact{GUID: numbered(i, 0)})
		g.Apply(ros.ParticipantFact{GUID: numbered(i, 0), Gone: true})
		g.Apply(named(i, "late"))
	}
	newcomer := l.Early + 100
	g.Apply(named(newcomer, "early"))
	g.Apply(ros.ParticipantFact{GUID: numbered(newcomer, 0)})
	assert.Equal(t, []string{"/r/early"}, nodeNames(g))
	assert.EqualValues(t, 11, g.Refused()["early_nodes"], "each list that had to go is counted")
}

// Names of a robot that a phantom's flood pushed out come back with its first
// endpoint.
func TestPhantomsKeepNoRobotOut(t *testing.T) {
	l := ros.DefaultLimits()
	l.Participants = 10
	g := ros.NewGraph(l)
	robot := func(n int) {
		g.Apply(ros.ParticipantFact{GUID: numbered(n, 0), UserData: "enclave=/;"})
		g.Apply(ros.EndpointFact{GUID: numbered(n, 1), Writer: true, Topic: "rt/r/odom"})
		g.Apply(named(n, "driver"))
	}
	flood := func(from int) {
		for i := range 25 {
			g.Apply(ros.ParticipantFact{GUID: numbered(from+i, 0)})
		}
	}
	robot(1)
	flood(100)
	robot(2)
	g.Apply(ros.ParticipantFact{GUID: numbered(3, 0)})
	flood(200) // between its announcement and its endpoints
	g.Apply(ros.EndpointFact{GUID: numbered(3, 1), Writer: true, Topic: "rt/r/odom"})
	g.Apply(named(3, "driver"))
	assert.Len(t, g.Nodes(), 3)
	participants, _ := g.Counts()
	assert.Equal(t, 10, participants)
	assert.Positive(t, g.Refused()["evicted_participants"])
	assert.Zero(t, g.Refused()["participants"], "nobody was kept out")

	for i := range 10 { // those with endpoints are not driven out
		g.Apply(ros.ParticipantFact{GUID: numbered(300+i, 0)})
		g.Apply(ros.EndpointFact{GUID: numbered(300+i, 1), Topic: "rt/x"})
	}
	assert.Len(t, g.Nodes(), 3)
	assert.Positive(t, g.Refused()["participants"])
	g.Apply(ros.EndpointFact{GUID: numbered(300, 1), Gone: true}) // it has none any more
	robot(4)
	assert.Len(t, g.Nodes(), 4)
}

// A participant that its endpoint alone vouches for ends with that.
func TestAnEndpointVouchesForItsParticipant(t *testing.T) {
	g := ros.NewGraph(ros.DefaultLimits())
	e := ros.EndpointFact{GUID: numbered(1, 1), Writer: true, Topic: "rt/r/odom"}
	g.Apply(e)
	g.Apply(named(1, "driver"))
	require.Len(t, g.Nodes(), 1)
	e.Gone = true
	g.Apply(e)
	participants, endpoints := g.Counts()
	assert.Zero(t, participants)
	assert.Zero(t, endpoints)
	g.Apply(ros.ParticipantFact{GUID: numbered(1, 0)}) // it was only late
	assert.Equal(t, []string{"/r/driver"}, nodeNames(g))
}

func TestANodeListIsBounded(t *testing.T) {
	l := ros.DefaultLimits()
	l.GUIDsPerParticipant = 5
	g := ros.NewGraph(l)
	many := make([]ros.GUID, 4)
	f := ros.NodesFact{Participant: numbered(1, 0), Nodes: []ros.NodeEntities{
		{Namespace: "/r", Name: "a", Readers: many, Writers: many}, {Namespace: "/r", Name: "b", Writers: many},
	}}
	g.Apply(ros.ParticipantFact{GUID: numbered(1, 0)})
	g.Apply(f)
	assert.Equal(t, []string{"/r/a", "/r/b"}, nodeNames(g), "the names stay")
	assert.EqualValues(t, 7, g.Refused()["guids_per_participant"])

	l.NodeBytes = 1000
	g = ros.NewGraph(l)
	for i := range 20 {
		g.Apply(ros.ParticipantFact{GUID: numbered(i, 0)})
		g.Apply(named(i, "driver"))
	}
	assert.Less(t, len(g.Nodes()), 20)
	assert.Positive(t, g.Refused()["node_bytes"])
	known := len(g.Nodes())
	for i := range 20 { // what left gives its room back
		g.Apply(ros.ParticipantFact{GUID: numbered(i, 0), Gone: true})
	}
	for i := range 20 {
		g.Apply(ros.ParticipantFact{GUID: numbered(100+i, 0)})
		g.Apply(named(100+i, "driver"))
	}
	assert.Len(t, g.Nodes(), known)
}

func TestAHugeNodeListIsNotDecoded(t *testing.T) {
	_, _, err := ros.DecodeInfo(make([]byte, 2<<20+1))
	require.ErrorContains(t, err, "2097153 bytes")
}
