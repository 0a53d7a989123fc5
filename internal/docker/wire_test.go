package docker

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
)

// inspections are of a container with an option of each kind: one of an Engine
// 20.10 by API 1.41, one of an Engine 29 by API 1.56.
func inspections(t testing.TB) (all [][]byte) {
	t.Helper()
	for _, name := range []string{"20.10", "29"} {
		b, err := os.ReadFile("testdata/inspect-" + name + ".json")
		require.NoError(t, err)
		all = append(all, b)
	}
	return all
}

const imageDefaults = `{"User":"11","Env":["PATH=/bin","MODE=image","VERSION=1"],"Entrypoint":["/agent"],
	"Cmd":["-text","1"],"WorkingDir":"/","Labels":{"version":"1"},"ExposedPorts":{"1001/tcp":{}},
	"Healthcheck":{"Test":["CMD","/agent","-exit","1"]}}`

func TestObserveReadsAnEngine(t *testing.T) {
	for _, raw := range inspections(t) {
		var c container.InspectResponse
		require.NoError(t, json.Unmarshal(raw, &c))
		got := observe("dock", c)
		require.Equal(t, "r1", got.RobotID)
		require.Equal(t, "/r1", got.Namespace)
		require.Equal(t, []fleet.Device{
			{Kind: fleet.DeviceNode, Host: "/dev/null", Container: "/dev/lidar", Permissions: "r"},
			{Kind: fleet.DeviceNode, Host: "/dev/zero", Container: "/dev/ttyUSB0", Permissions: "rwm"},
			{Kind: fleet.DeviceCgroupRule, Rule: "c 13:* rmw"},
		}, got.Devices)
		b, err := json.Marshal(got)
		require.NoError(t, err)
		require.NotContains(t, string(b), "secret", "the environment stays here")
	}
}

func TestDeviceRequestsInWords(t *testing.T) {
	gpu := [][]string{{"gpu", "compute"}, {"tpu"}}
	for want, d := range map[string]container.DeviceRequest{
		"nvidia: all [gpu+compute or tpu]":   {Driver: "nvidia", Count: -1, Capabilities: gpu},
		"any driver: 2 [gpu+compute or tpu]": {Count: 2, Capabilities: gpu},
		"cdi: v/c=0, v/c=1 []":               {Driver: "cdi", DeviceIDs: []string{"v/c=0", "v/c=1"}},
	} {
		require.Equal(t, want, requestWords(d))
	}
}

// A container is whatever an engine says: reading it must not panic, and what
// the user attached must come out again as it went in, fields that this program
// has never heard of included.
func FuzzInspection(f *testing.F) {
	for _, raw := range inspections(f) {
		f.Add(raw, []byte(imageDefaults))
	}
	f.Add([]byte(`{"Id":"a","Config":{},"HostConfig":{"NetworkMode":"bridge","Future":[1]},"State":{},
		"NetworkSettings":{"Networks":{"bridge":{"Aliases":null},"x":null}},"Mounts":[{"Type":"volume","Name":"v","Destination":"/v"}]}`), []byte(`{}`))
	f.Add([]byte(`{"Config":{"Entrypoint":null},"HostConfig":{"Mounts":[{}]},"State":{"Health":{}}}`), []byte(`{"Entrypoint":["/e"]}`))
	f.Fuzz(func(t *testing.T, raw, image []byte) {
		o := original{host: "h", found: foundRunning}
		if json.Unmarshal(raw, &o.seen) != nil || json.Unmarshal(raw, &o.raw) != nil || json.Unmarshal(image, &o.image) != nil {
			return
		}
		if o.seen.State == nil || o.seen.Config == nil || o.seen.HostConfig == nil {
			return // refused where it is read
		}
		observe("e", o.seen)
		target := rollout.Target{
			Rollout: "ro", Generation: 7, Robot: "r", Container: "amr",
			Image: rollout.PinnedImage{Repository: "r/amr", Digest: "sha256:0"},
		}
		for _, o.api = range []string{"1.41", "1.45", "1.56"} {
			keepsAttached(t, o, target)
		}
	})
}

// keepsAttached makes the successor and looks for what the user attached.
func keepsAttached(t *testing.T, o original, target rollout.Target) {
	t.Helper()
	s, err := newSuccessor(o, target)
	if err != nil {
		return
	}
	b, err := json.Marshal(s.body)
	require.NoError(t, err)
	var body struct {
		container.Config
		HostConfig container.HostConfig
	}
	require.NoError(t, json.Unmarshal(b, &body))
	require.Equal(t, o.seen.HostConfig.Devices, body.HostConfig.Devices)
	require.Equal(t, o.seen.HostConfig.DeviceCgroupRules, body.HostConfig.DeviceCgroupRules)
	require.Equal(t, target.Image.ByDigest(), body.Image)
	require.Equal(t, "7", body.Labels[labelGeneration])
	was, err := o.raw.part("HostConfig")
	require.NoError(t, err)
	is, err := s.body.part("HostConfig")
	require.NoError(t, err)
	for key, v := range was {
		if key != "RestartPolicy" && key != "Mounts" {
			require.JSONEq(t, string(v), string(is[key]), key)
		}
	}
}
