package msgs_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/cdr"
	"github.com/muster-fleet/muster/msgs/dynamic"
)

// vector is a sample that a real peer made, with the value it stands for.
type vector struct {
	Type  string
	CDR   []byte
	Value any
}

// codec decodes the form of the type that the vectors have. Their Range is
// that of Humble; all other types are the same in every distribution.
func (v vector) codec(t testing.TB) *dynamic.Codec {
	t.Helper()
	c, err := dynamic.New(v.registry().Set(), v.Type)
	require.NoError(t, err)
	return c
}

func (v vector) registry() *msgs.Registry {
	if v.Type == "sensor_msgs/msg/Range" {
		return msgs.Humble()
	}
	return msgs.Default()
}

func (v vector) message(t testing.TB) message {
	t.Helper()
	if v.registry() == msgs.Humble() {
		return generatedHumble[v.Type]()
	}
	require.Contains(t, generated, v.Type)
	return generated[v.Type]()
}

func vectors(t testing.TB) []vector {
	t.Helper()
	file, err := os.Open("testdata/cdr.jsonl")
	require.NoError(t, err)
	defer file.Close()
	var all []vector
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row struct {
			Type, CDR string
			Value     any
		}
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.UseNumber()
		require.NoError(t, d.Decode(&row))
		sample, err := hex.DecodeString(row.CDR)
		require.NoError(t, err)
		all = append(all, vector{Type: row.Type, CDR: sample, Value: row.Value})
	}
	require.NoError(t, lines.Err())
	require.Len(t, all, 300)
	return all
}

func TestEveryTypeIsGenerated(t *testing.T) {
	for _, c := range []struct {
		registry *msgs.Registry
		made     map[string]func() message
	}{{msgs.Default(), generated}, {msgs.Humble(), generatedHumble}} {
		for name, makeOne := range c.made {
			m := makeOne()
			require.Equal(t, name, m.TypeName())
			typ, ok := c.registry.Lookup(name)
			require.True(t, ok, name)
			require.Equal(t, typ.Hash, m.TypeHash(), name)
		}
	}
	for _, m := range msgs.Default().Set().Messages() {
		if !strings.HasSuffix(m.Name, "_Event") {
			require.Contains(t, generated, m.Name)
		}
	}
}

func TestDynamicDecodesGolden(t *testing.T) {
	for i, v := range vectors(t) {
		c := v.codec(t)
		got, err := c.Decode(v.CDR)
		require.NoError(t, err, "vector %d", i)
		sameValue(t, v.Type, v.Value, got)
		back, err := c.Encode(nil, got)
		require.NoError(t, err)
		require.Equal(t, v.CDR, back, "vector %d %s", i, v.Type)
		back, err = c.EncodeJSON(nil, dynamic.AppendJSON(nil, got))
		require.NoError(t, err)
		require.Equal(t, v.CDR, back, "vector %d %s through JSON", i, v.Type)
		back, err = c.Encode(nil, v.Value)
		require.NoError(t, err)
		require.Equal(t, v.CDR, back, "vector %d %s from the golden value", i, v.Type)
	}
}

func TestGeneratedDecodesGolden(t *testing.T) {
	used := map[string]message{} // decoded into again and again: nothing of the last may stay
	for i, v := range vectors(t) {
		if used[v.Type] == nil {
			used[v.Type] = v.message(t)
		}
		m := used[v.Type]
		require.NoError(t, m.UnmarshalCDR(v.CDR), "vector %d", i)
		want, err := v.codec(t).Decode(v.CDR)
		require.NoError(t, err)
		sameStruct(t, v.Type, want, reflect.ValueOf(m).Elem())
		back, err := m.MarshalCDR(nil)
		require.NoError(t, err)
		require.Equal(t, v.CDR, back, "vector %d %s", i, v.Type)
	}
}

func TestBigEndian(t *testing.T) {
	for i, v := range vectors(t) {
		m := v.message(t)
		require.NoError(t, m.UnmarshalCDR(v.CDR))
		w := cdr.NewWriter(nil, cdr.BigEndian)
		m.EncodeCDR(&w)
		big, err := w.Finish(v.Type)
		require.NoError(t, err)
		require.Len(t, big, len(v.CDR))
		require.Equal(t, []byte{0, 0, 0, 0}, big[:4])

		again := v.message(t)
		require.NoError(t, again.UnmarshalCDR(big), "vector %d", i)
		back, err := again.MarshalCDR(nil)
		require.NoError(t, err)
		require.Equal(t, v.CDR, back, "vector %d %s", i, v.Type)

		o, err := v.codec(t).Decode(big)
		require.NoError(t, err)
		sameValue(t, v.Type, v.Value, o)
	}
}

// Real peers' node lists: 24-byte gids from Humble, 16-byte ones from Jazzy.
func TestDiscoveryInfo(t *testing.T) {
	text, err := os.ReadFile("testdata/ros_discovery_info.jsonl")
	require.NoError(t, err)
	const name = "rmw_dds_common/msg/ParticipantEntitiesInfo"
	sizes := map[int]int{}
	for line := range bytes.Lines(text) {
		var row struct {
			CDR      string
			GidBytes int `json:"gid_bytes"`
			Nodes    []struct{ Namespace, Name string }
		}
		require.NoError(t, json.Unmarshal(line, &row))
		sample, err := hex.DecodeString(row.CDR)
		require.NoError(t, err)
		m, registry := generated[name](), msgs.Default()
		if row.GidBytes == 24 {
			m, registry = generatedHumble[name](), msgs.Humble()
		}
		sizes[row.GidBytes]++
		require.NoError(t, m.UnmarshalCDR(sample))
		c, err := dynamic.New(registry.Set(), name)
		require.NoError(t, err)
		o, err := c.Decode(sample)
		require.NoError(t, err)
		sameStruct(t, name, o, reflect.ValueOf(m).Elem())
		nodes, _ := o.Get("node_entities_info_seq")
		require.Len(t, nodes, len(row.Nodes))
		for i, n := range nodes.([]dynamic.Object) {
			space, _ := n.Get("node_namespace")
			base, _ := n.Get("node_name")
			require.Equal(t, row.Nodes[i].Namespace, space)
			require.Equal(t, row.Nodes[i].Name, base)
		}
	}
	require.Positive(t, sizes[24])
	require.Positive(t, sizes[16])
}

// sameValue compares a decoded value with JSON, numbers bit for bit.
func sameValue(t *testing.T, path string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		o, ok := got.(dynamic.Object)
		require.True(t, ok, path)
		require.Len(t, o, len(want), path)
		for _, m := range o {
			require.Contains(t, want, m.Name, path)
			sameValue(t, path+"."+m.Name, want[m.Name], m.Value)
		}
	case []any:
		list := reflect.ValueOf(got)
		require.Equal(t, len(want), list.Len(), path)
		for i := range want {
			sameValue(t, fmt.Sprintf("%s[%d]", path, i), want[i], list.Index(i).Interface())
		}
	case bool:
		require.Equal(t, want, got, path)
	default:
		sameScalar(t, path, fmt.Sprint(want), got)
	}
}

// sameScalar compares with the text of a number or a string.
func sameScalar(t *testing.T, path, want string, got any) {
	t.Helper()
	switch got := got.(type) {
	case float64:
		x, err := strconv.ParseFloat(want, 64)
		require.NoError(t, err, path)
		require.Equal(t, math.Float64bits(x), math.Float64bits(got), path)
	case float32:
		x, err := strconv.ParseFloat(want, 64)
		require.NoError(t, err, path)
		require.Equal(t, math.Float32bits(float32(x)), math.Float32bits(got), path)
	default:
		require.Equal(t, want, fmt.Sprint(got), path)
	}
}

// sameStruct compares a generated struct with a decoded object, field by field.
func sameStruct(t *testing.T, path string, want any, got reflect.Value) {
	t.Helper()
	switch want := want.(type) {
	case dynamic.Object:
		require.Equal(t, len(want), got.NumField(), path)
		for i, m := range want {
			sameStruct(t, path+"."+m.Name, m.Value, got.Field(i))
		}
	case []dynamic.Object:
		require.Equal(t, len(want), got.Len(), path)
		for i, o := range want {
			sameStruct(t, fmt.Sprintf("%s[%d]", path, i), o, got.Index(i))
		}
	default:
		if list := reflect.ValueOf(want); list.Kind() == reflect.Slice {
			require.Equal(t, list.Len(), got.Len(), path)
			for i := range list.Len() {
				sameStruct(t, fmt.Sprintf("%s[%d]", path, i), list.Index(i).Interface(), got.Index(i))
			}
			return
		}
		require.Equal(t, want, got.Interface(), path)
	}
}
