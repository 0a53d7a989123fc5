package rostest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/msgs/idl"
	"github.com/muster-fleet/muster/msgs/type_description_interfaces"
)

// individual is a type in the JSON that is hashed (REP-2016).
type individual struct {
	Name   string `json:"type_name"`
	Fields []struct {
		Name string `json:"name"`
		Type struct {
			ID             uint8  `json:"type_id"`
			Capacity       uint64 `json:"capacity"`
			StringCapacity uint64 `json:"string_capacity"`
			Nested         string `json:"nested_type_name"`
		} `json:"type"`
	} `json:"fields"`
}

func (i individual) message() (m type_description_interfaces.IndividualTypeDescription) {
	m.TypeName_ = i.Name
	for _, f := range i.Fields {
		m.Fields = append(m.Fields, type_description_interfaces.Field{Name: f.Name, Type: type_description_interfaces.FieldType{
			TypeID: f.Type.ID, Capacity: f.Type.Capacity, StringCapacity: f.Type.StringCapacity, NestedTypeName: f.Type.Nested,
		}})
	}
	return m
}

// TypeDescription is what a node's service get_type_description tells of a type.
func TypeDescription(t testing.TB, set *idl.Set, name string) type_description_interfaces.TypeDescription {
	t.Helper()
	text, err := set.CanonicalJSON(name)
	require.NoError(t, err)
	var whole struct {
		Type       individual   `json:"type_description"`
		Referenced []individual `json:"referenced_type_descriptions"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &whole))
	d := type_description_interfaces.TypeDescription{TypeDescription: whole.Type.message()}
	for _, r := range whole.Referenced {
		d.ReferencedTypeDescriptions = append(d.ReferencedTypeDescriptions, r.message())
	}
	return d
}
