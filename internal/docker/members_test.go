package docker

import (
	"encoding/json"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
	"github.com/muster-fleet/muster/internal/rollout"
)

// members are the names of a struct's JSON members, embedded ones included.
func members(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			out = append(out, members(f.Type)...)
		case name != "":
			out = append(out, name)
		default:
			out = append(out, f.Name)
		}
	}
	return out
}

// A field that the Engine API gets must be put into one of the lists, so that
// none is forgotten.
func TestEveryMemberIsTriedOrSaysWhyNot(t *testing.T) {
	for _, c := range []struct {
		of        reflect.Type
		tried     map[string]setting
		elsewhere map[string]string
	}{
		{reflect.TypeFor[container.HostConfig](), hostSettings, hostElsewhere},
		{reflect.TypeFor[container.Config](), configSettings, configElsewhere},
		{reflect.TypeFor[network.EndpointSettings](), endpointSettings, endpointElsewhere},
	} {
		listed := append(slices.Collect(maps.Keys(c.tried)), slices.Collect(maps.Keys(c.elsewhere))...)
		require.ElementsMatch(t, members(c.of), listed, c.of)
	}
}

func TestReplaceKeepsEachMember(t *testing.T) {
	for part, settings := range map[string]map[string]setting{"HostConfig": hostSettings, "Config": configSettings} {
		for name, s := range settings {
			t.Run(part+"-"+name, func(t *testing.T) {
				t.Parallel()
				keeps(t, part, name, s)
			})
		}
	}
	for name, s := range endpointSettings { // they share a subnet
		t.Run("Endpoint-"+name, func(t *testing.T) { keeps(t, "", name, s) })
	}
}

// keeps sets one member, replaces the container and compares all.
func keeps(t *testing.T, part, name string, s setting) {
	r := newRig(t, dockertest.Image{}, dockertest.Image{})
	r.since(or(s.since, "1.40"))
	plain := r.create(client.ContainerCreateOptions{Name: r.t1.Container + ".muster-g1"}) // cleaned with the family
	o := client.ContainerCreateOptions{
		Config: new(container.Config), HostConfig: &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "unless-stopped"}},
	}
	s.set(r, &o)
	id := r.create(o)
	if part != "" && memberOfPart(t, r.inspect(plain), part, name) == memberOfPart(t, r.inspect(id), part, name) {
		require.True(t, s.kernel, "the engine did not take it")
		t.Skip("this host's kernel lacks it, so the engine dropped it at once")
	}
	if part == "" {
		require.Contains(t, string(r.inspect(id).Raw), `"`+name+`":`)
	}
	_, err := r.api.ContainerRemove(r.ctx(), plain, client.ContainerRemoveOptions{})
	require.NoError(t, err)
	if _, err := r.api.ContainerStart(r.ctx(), id, client.ContainerStartOptions{}); err != nil {
		require.True(t, s.stays, err)
	}
	before := r.inspect(id)
	if err := r.c.Replace(r.ctx(), r.t1, isReady); err != nil {
		require.True(t, s.stays, err)
	}
	after := r.inspect(r.t1.Container)
	require.NotEqual(t, id, after.Container.ID)
	diff := slices.DeleteFunc(differences(t, before, after), func(d string) bool {
		return d == "Config.Image: changed" || strings.HasPrefix(d, "Config.Labels.muster.") ||
			s.stays && d == "HostConfig.RestartPolicy: changed" ||
			d == "Config.Hostname: changed" && before.Container.Config.Hostname == shortID(id)
	})
	switch name { // an anonymous volume gets its name: the same volume
	case "VolumeDriver", "Volumes":
		require.Equal(t, volumes(before), volumes(after))
		require.NotEmpty(t, volumes(after))
		diff = slices.DeleteFunc(diff, func(d string) bool { return strings.HasPrefix(d, "HostConfig.Mounts: ") })
	case "VolumesFrom":
		require.Equal(t, volumes(before), volumes(after))
		require.Contains(t, volumes(after), "/shared")
	}
	require.Empty(t, diff)
	require.NoError(t, r.c.Rollback(r.ctx(), r.t1))
	require.NoError(t, r.c.Discard(r.ctx(), r.t1))
	require.Equal(t, id, r.inspect(r.t1.Container).Container.ID)
}

func memberOfPart(t *testing.T, c client.ContainerInspectResult, part, name string) string {
	var all map[string]fields
	raw := make(map[string]json.RawMessage)
	require.NoError(t, json.Unmarshal(c.Raw, &raw))
	all = map[string]fields{part: nil}
	var f fields
	require.NoError(t, json.Unmarshal(raw[part], &f))
	all[part] = f
	return string(all[part][name])
}

// Every member of HostConfig passes, those of other systems and newer engines
// included.
func TestEveryMemberPassesThrough(t *testing.T) {
	t.Parallel()
	var h container.HostConfig
	fill(reflect.ValueOf(&h).Elem())
	h.NetworkMode, h.Mounts, h.AutoRemove = "none", nil, false
	raw, err := json.Marshal(map[string]any{"Id": "a", "Config": map[string]any{}, "State": map[string]any{}, "HostConfig": h, "NetworkSettings": map[string]any{}})
	require.NoError(t, err)
	o := original{api: "1.52"}
	require.NoError(t, json.Unmarshal(raw, &o.seen))
	require.NoError(t, json.Unmarshal(raw, &o.raw))
	s, err := newSuccessor(o, rollout.Target{Generation: 1, Container: "amr"})
	require.NoError(t, err)
	was, err := o.raw.part("HostConfig")
	require.NoError(t, err)
	is, err := s.body.part("HostConfig")
	require.NoError(t, err)
	for _, name := range members(reflect.TypeFor[container.HostConfig]()) {
		if name != "RestartPolicy" && name != "Mounts" {
			require.Contains(t, was, name, "it was filled")
			require.JSONEq(t, string(was[name]), string(is[name]), name)
		}
	}
}

// fill gives every field a value that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if a, ok := v.Addr().Interface().(*netip.Addr); ok {
			*a = netip.MustParseAddr("10.0.0.1")
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		key, val := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if p, ok := key.Addr().Interface().(*network.Port); ok {
			*p = network.MustParsePort("9/udp")
		} else {
			fill(key)
		}
		fill(val)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, val)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	default:
		panic("no value for a " + v.Kind().String())
	}
}
