package idl

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// definitions loads Muster's own definitions.
func definitions(t testing.TB) *Set {
	t.Helper()
	set, err := Load(os.DirFS("../definitions"))
	require.NoError(t, err)
	return set
}

// The golden hashes were announced by real peers.
func TestHashesEqualThoseOfPeers(t *testing.T) {
	set := definitions(t)
	require.NoError(t, set.Check())
	text, err := os.ReadFile("../testdata/type_hashes.json")
	require.NoError(t, err)
	var golden map[string]string
	require.NoError(t, json.Unmarshal(text, &golden))
	require.Greater(t, len(golden), 50)
	for name, want := range golden {
		got, err := set.Hash(name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
}

// The hashes that Jazzy's rcl and std_srvs announce for services.
func TestServiceHashes(t *testing.T) {
	set := definitions(t)
	for name, want := range map[string]string{
		"action_msgs/srv/CancelGoal":            "573d8b0a534451d7bc2ac8c5ffde8ac14b8593b7001175d0cd6516dcbeb8689a",
		"rcl_interfaces/srv/DescribeParameters": "845b484d71eb0673dae682f2e3ba3c4851a65a3dcfb97bddd82c5b57e91e4cff",
		"rcl_interfaces/srv/GetParameterTypes":  "da199c878688b3e530bdfe3ca8f74cb9fa0c303101e980a9e8f260e25e1c80ca",
		"rcl_interfaces/srv/GetParameters":      "bf9803d5c74cf989a5de3e0c2e99444599a627c7ff75f97b8c05b01003675cbc",
		"rcl_interfaces/srv/ListParameters":     "3e6062bfbb27bfb8730d4cef2558221f51a11646d78e7bb30a1e83afac3aad9d",
		"rcl_interfaces/srv/SetParameters":      "56eed9a67e169f9cb6c1f987bc88f868c14a8fc9f743a263bc734c154015d7e0",
		"std_srvs/srv/Empty":                    "5888399dedec5ccc85ea6451949fd2c9f97bfdf963f9a588821639fcd31b5d19",
		"std_srvs/srv/SetBool":                  "abe9e4bb6b41b40e6789712c00ec8871923e089af3f667a79992a428cff2da0a",
		"std_srvs/srv/Trigger":                  "eeff2cd6fa5ad9d27cdf4dec64818317839b62f212a91e6b5304b634b2062c5f",
	} {
		got, err := set.Hash(name)
		require.NoError(t, err)
		require.Equal(t, hashPrefix+want, got, name)
	}
}

func TestCanonicalJSONOfMessageWithoutFields(t *testing.T) {
	got, err := definitions(t).CanonicalJSON("std_msgs/msg/Empty")
	require.NoError(t, err)
	require.Equal(t, `{"type_description": {"type_name": "std_msgs/msg/Empty", "fields": [`+
		`{"name": "structure_needs_at_least_one_member", "type": `+
		`{"type_id": 3, "capacity": 0, "string_capacity": 0, "nested_type_name": ""}}]}, `+
		`"referenced_type_descriptions": []}`, got)
}

// A service is described as its three messages, and refers to all their types.
func TestCanonicalJSONOfService(t *testing.T) {
	got, err := definitions(t).CanonicalJSON("std_srvs/srv/SetBool")
	require.NoError(t, err)
	require.True(t, json.Valid([]byte(got)))
	var d struct {
		TypeDescription struct {
			Fields []struct{ Name string }
		} `json:"type_description"`
		Referenced []struct {
			TypeName string `json:"type_name"`
		} `json:"referenced_type_descriptions"`
	}
	require.NoError(t, json.Unmarshal([]byte(got), &d))
	var fields, referenced []string
	for _, f := range d.TypeDescription.Fields {
		fields = append(fields, f.Name)
	}
	for _, r := range d.Referenced {
		referenced = append(referenced, r.TypeName)
	}
	require.Equal(t, []string{"request_message", "response_message", "event_message"}, fields)
	require.Equal(t, []string{
		"builtin_interfaces/msg/Time", "service_msgs/msg/ServiceEventInfo", "std_srvs/srv/SetBool_Event",
		"std_srvs/srv/SetBool_Request", "std_srvs/srv/SetBool_Response",
	}, referenced)
}

func TestTypeIDs(t *testing.T) {
	// From type_description_interfaces/msg/FieldType.
	for text, want := range map[string]int{
		"int8": 2, "char": 3, "float32": 10, "bool": 15, "byte": 16, "string": 17, "wstring": 18,
		"string<=4": 21, "wstring<=4": 22, "Point": 1, "Point[2]": 49, "bool[2]": 63, "string<=4[2]": 69,
		"byte[<=2]": 112, "wstring<=1[<=2]": 118, "float64[]": 155, "Point[]": 145, "string<=4[]": 165,
	} {
		typ, err := parseType(text, "geometry_msgs")
		require.NoError(t, err, text)
		require.Equal(t, want, typeID(typ), text)
		require.Equal(t, strings.Replace(text, "Point", "geometry_msgs/Point", 1), typ.String())
		back, err := TypeOf(uint8(want), uint64(typ.Size), uint64(typ.TextBound), typ.Name)
		require.NoError(t, err, text)
		if typ.Kind == Char {
			typ.Kind = Uint8
		}
		require.Equal(t, typ, back, text)
	}
	for _, c := range []struct {
		id             uint8
		capacity, text uint64
		nested         string
	}{
		{id: 0},
		{id: 12},
		{id: 13},
		{id: 19},
		{id: 200},
		{id: 7, text: 5},
		{id: 6, capacity: 1},
		{id: 54},
		{id: 102},
		{id: 150, capacity: 3},
		{id: 54, capacity: 1 << 31},
		{id: 21},
		{id: 1},
		{id: 1, nested: "a/msg/b"},
		{id: 1, nested: `a/msg/B"`},
		{id: 6, nested: "a/msg/B"},
	} {
		_, err := TypeOf(c.id, c.capacity, c.text, c.nested)
		require.Error(t, err, "%+v", c)
	}
}

func TestDescribedMessages(t *testing.T) {
	field := func(name string) Field { return Field{Name: name, Type: Type{Kind: Uint8}} }
	m, err := Described("a/action/Go_FeedbackMessage", []Field{field("x")})
	require.NoError(t, err)
	require.Equal(t, "a/action", m.Name[:8])
	m, err = Described("a/msg/Empty", placeholder)
	require.NoError(t, err)
	require.Empty(t, m.Fields)
	_, err = Described("a/msg/Bad", []Field{field("x"), field("x")})
	require.Error(t, err)
	_, err = Described("a/msg/Bad", []Field{field(`x"`)})
	require.Error(t, err)
	_, err = Described("bad", nil)
	require.Error(t, err)
}

// A definition from the wire may be of any size, on paper.
func TestMinSizeIsBounded(t *testing.T) {
	var all []*Message
	for i := range 100 {
		next := Type{Kind: Nested, Name: fmt.Sprintf("a/msg/M%d", i+1)}
		all = append(all, &Message{Name: fmt.Sprintf("a/msg/M%d", i), Fields: []Field{{Name: "a", Type: next}, {Name: "b", Type: next}}})
	}
	all = append(all, &Message{Name: "a/msg/M100", Fields: []Field{{Name: "a", Type: Type{Kind: Float64, Shape: Array, Size: math.MaxInt32}}}})
	require.Equal(t, math.MaxInt32, NewSet(all, nil).MinSize(all[0]))
}

func TestHashOfUnknownType(t *testing.T) {
	_, err := definitions(t).Hash("nowhere/msg/Nothing")
	require.EqualError(t, err, "unknown type nowhere/msg/Nothing")
}
