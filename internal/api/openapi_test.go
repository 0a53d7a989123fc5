package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/rollout"
)

// document is openapi.yaml as far as the tests need it.
type document struct {
	Paths      map[string]map[string]any `yaml:"paths"`
	Components struct {
		Schemas map[string]map[string]any `yaml:"schemas"`
	} `yaml:"components"`
}

func readDocument(t testing.TB) (d document) {
	require.NoError(t, yaml.Unmarshal(description, &d))
	return d
}

func TestEveryRouteIsDescribedAndEveryDescriptionIsARoute(t *testing.T) {
	w := newWorld(t)
	var have, described []string
	for _, rt := range w.routes() {
		have = append(have, rt.method+" "+rt.path)
	}
	for path, methods := range readDocument(t).Paths {
		for method := range methods {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	assert.ElementsMatch(t, described, have)
	registered := make(map[string]bool)
	for _, r := range w.echo.Routes() {
		registered[r.Method+" "+r.Path] = true
	}
	for _, rt := range w.routes() {
		assert.True(t, registered[rt.method+" "+rt.echoPath()], rt.path)
	}
}

// check tells where a value differs from a schema: fields that are missing, not
// described, of another type, or not among the enumerated.
func (d *document) check(at string, schema map[string]any, v any) (wrong []string) {
	if ref, ok := schema["$ref"].(string); ok {
		return d.check(at, d.Components.Schemas[ref[strings.LastIndex(ref, "/")+1:]], v)
	}
	schema = d.flat(schema)
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, v) {
		wrong = append(wrong, fmt.Sprintf("%s: %v is not one of %v", at, v, enum))
	}
	if c, ok := schema["const"]; ok && c != v {
		wrong = append(wrong, fmt.Sprintf("%s: %v is not %v", at, v, c))
	}
	if !fits(schema["type"], v) {
		return append(wrong, fmt.Sprintf("%s: %v is no %v", at, v, schema["type"]))
	}
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			wrong = append(wrong, d.check(fmt.Sprintf("%s[%d]", at, i), schema["items"].(map[string]any), item)...)
		}
	case map[string]any:
		wrong = append(wrong, d.checkObject(at, schema, v)...)
	}
	return wrong
}

func (d *document) checkObject(at string, schema, v map[string]any) (wrong []string) {
	properties, _ := schema["properties"].(map[string]any)
	if schema["additionalProperties"] == true {
		return nil // a ROS message: its fields are its type's
	}
	if more, ok := schema["additionalProperties"].(map[string]any); ok {
		for key, value := range v {
			wrong = append(wrong, d.check(at+"."+key, more, value)...)
		}
		return wrong
	}
	for key, value := range v {
		p, ok := properties[key].(map[string]any)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s.%s is not described", at, key))
			continue
		}
		wrong = append(wrong, d.check(at+"."+key, p, value)...)
	}
	required, _ := schema["required"].([]any)
	for _, key := range required {
		if _, ok := v[key.(string)]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s.%s is missing", at, key))
		}
	}
	return wrong
}

// flat merges an allOf.
func (d *document) flat(schema map[string]any) map[string]any {
	all, ok := schema["allOf"].([]any)
	if !ok {
		return schema
	}
	out := map[string]any{"type": "object", "properties": map[string]any{}, "required": []any{}}
	for _, part := range all {
		p := part.(map[string]any)
		if ref, ok := p["$ref"].(string); ok {
			p = d.Components.Schemas[ref[strings.LastIndex(ref, "/")+1:]]
		}
		if p["type"] != "object" {
			return p
		}
		maps.Copy(out["properties"].(map[string]any), p["properties"].(map[string]any))
		out["required"] = append(out["required"].([]any), p["required"].([]any)...)
	}
	return out
}

func fits(kind, v any) bool {
	if kinds, ok := kind.([]any); ok {
		return slices.ContainsFunc(kinds, func(k any) bool { return fits(k, v) })
	}
	var ok bool
	switch kind {
	case "object":
		_, ok = v.(map[string]any)
	case "array":
		_, ok = v.([]any)
	case "string":
		_, ok = v.(string)
	case "boolean":
		_, ok = v.(bool)
	case "number":
		_, ok = v.(float64)
	case "integer":
		var f float64
		f, ok = v.(float64)
		ok = ok && f == float64(int64(f))
	case "null":
		ok = v == nil
	default:
		ok = true
	}
	return ok
}

func (d *document) requireFits(t testing.TB, schema string, b []byte) {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(b, &v), "%s", b)
	require.Contains(t, d.Components.Schemas, schema)
	assert.Empty(t, d.check(schema, d.Components.Schemas[schema], v), "%s", b)
}

// full is a report in which every field is set.
func full() rollout.Report {
	return rollout.Report{
		ID: "r1", State: rollout.StateRunning, Reason: "wave 1 of 2", Image: rollout.PinnedImage{Ref: "a:1", Repository: "a", Digest: "sha256:0", Platforms: []string{"linux/amd64"}, Manifests: []rollout.Manifest{{Platform: "linux/amd64", Digest: "sha256:0", Size: 1}}, SignedBy: "a key"},
		Note: "n", CreatedAt: t0, CreatedBy: "ada", StartedAt: t0, EndedAt: t0, Waves: 2, Revision: 3,
		Actions: []rollout.Action{rollout.ActionPause}, Counts: map[rollout.Step]int{rollout.StepQueued: 1}, Total: 1, Held: "no runner", FleetLimit: 3,
		Approval: new(int), Approved: []rollout.Approved{{Wave: 1, By: "ada", At: t0}}, Undoes: "r0",
		Spec: rollout.Spec{
			Image: "a:1", Robots: "all", Container: "amr", Canary: new(1), Waves: []rollout.Wave{"1", "10%", "hall=north"}, Soak: 1,
			MaxUnavailable: rollout.Robots(1), MaxPer: []rollout.GroupLimit{{Label: "station", Max: 1}}, PullAhead: new(1),
			MaxFailures: rollout.Share{Percent: 5}, OnFailure: rollout.PauseOnly, Offline: rollout.OfflineWait, Conflict: rollout.ConflictQueue,
			Before: rollout.Before{
				Stationary: true, Moving: true, Idle: 1, Charging: true, MinBattery: 0.5, Windows: []string{"22:00-05:00"}, TimeZone: "UTC",
				WavePulled: true, MinFree: 1,
			},
			After: rollout.After{
				Window: new(rollout.Duration(time.Second)), MinRate: new(0.5), MaxRestarts: 1, Nodes: []string{"n"},
				Topics:    []rollout.TopicExpect{{Name: "odom", Hz: 1, Listed: true}},
				Checks:    []rollout.Check{{Name: "c", Command: []string{"true"}, HTTP: "http://{host}/", Timeout: 1}},
				SkipNodes: true, SkipTopics: true, SkipDiagnostics: true,
			},
			Approval:   rollout.Approval{Before: rollout.ApproveEach, Role: "operator", OtherPerson: true},
			KeepImages: true, Deadlines: rollout.Deadlines{Pull: 1, Wait: 1, Replace: 1, Verify: 1, Rollback: 1}, Note: "n",
		},
		Robots: []rollout.RobotReport{{
			Robot: "r1", Engine: "e1", Container: "amr", Wave: 1, From: fleet.Image{Ref: "a:0", ID: "i", Digest: "d"}, Step: rollout.StepWaiting,
			Since: t0, Deadline: t0, Reason: "x", Why: "y", Attempt: 1, Gates: []rollout.Gate{{Name: "battery", Outcome: rollout.Pass, Reason: "80 %"}},
			Actions: []rollout.Action{rollout.ActionSkip},
			Topics:  []rollout.TopicExpect{{Name: "/r1/odom", Hz: 10, Listed: true}},
			Preview: &rollout.Preview{Kept: []string{"device /dev/a"}, Changed: []string{"image"}, Refused: "x", Present: true, Need: 1, Free: 2},
		}},
	}
}

func TestRepliesAreAsDescribed(t *testing.T) {
	w, d := newWorld(t), readDocument(t)
	w.rollouts.reports = []rollout.Report{full(), {ID: "bare", State: rollout.StateAborted}}
	grid(t, w, 600, 3)
	for _, tc := range []struct{ method, target, body, schema string }{
		{"GET", "/api/v1/robots", "", "RobotList"},
		{"GET", "/api/v1/robots/r1", "", "Robot"},
		{"GET", "/api/v1/robots/nobody", "", "Error"},
		{"GET", "/api/v1/nothing", "", "Error"},
		{"GET", "/api/v1/engines", "", "EngineList"},
		{"GET", "/api/v1/maps", "", "MapList"},
		{"GET", "/api/v1/events", "", "EventList"},
		{"GET", "/api/v1/rollouts", "", "RolloutList"},
		{"GET", "/api/v1/rollouts/r1", "", "Rollout"},
		{"POST", "/api/v1/rollouts", `{"image":"a:1","robots":"all"}`, "Rollout"},
		{"POST", "/api/v1/rollouts", `{}`, "Error"},
		{"POST", "/api/v1/rollouts/r1/pause", `{}`, "Rollout"},
		{"POST", "/api/v1/robots/r1/lock", `{"reason":"wheel"}`, "LockList"},
		{"GET", "/api/v1/locks", "", "LockList"},
		{"GET", "/api/v1/images?repository=amr", "", "ImageTags"},
		{"GET", "/api/v1/system", "", "System"},
		{"GET", "/api/v1/me", "", "User"},
		{"POST", "/api/v1/stream/ticket", "", "Ticket"},
	} {
		rec := w.call("engineer", tc.method, tc.target, tc.body)
		d.requireFits(t, tc.schema, rec.Body.Bytes())
	}
	spec, err := json.Marshal(full().Spec)
	require.NoError(t, err)
	d.requireFits(t, "RolloutSpec", spec)
}

func TestTheStreamsMessagesAreAsDescribed(t *testing.T) {
	w, d := newWorld(t), readDocument(t)
	w.rollouts.reports = []rollout.Report{full()}
	w.rollouts.reports[0].State = rollout.StateRunning
	address, stop := w.serve()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+address+"/api/v1/stream?enc=json&ticket=viewer", nil)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(`{"op":"subscribe","sid":1,"view":"fleet","events_since":0}`)))
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(`{"op":"update","sid":2}`)))
	seen := make(map[string]bool)
	stopping := make(chan struct{})
	want := []string{"hello", "subscribed", "dict", "state", "pose", "event", "engines", "rollout", "system", "error", "gone", "goodbye"}
	for {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		_, b, err := conn.ReadMessage()
		if err != nil {
			break
		}
		var m struct{ Op string }
		require.NoError(t, json.Unmarshal(b, &m))
		seen[m.Op] = true
		d.requireFits(t, "Stream"+strings.ToUpper(m.Op[:1])+m.Op[1:], b)
		if len(seen) == len(want)-2 {
			w.reg.Apply(time.Now(), fleet.Deregistered{ID: "r1"})
		}
		if m.Op == "gone" {
			go func() { defer close(stopping); stop() }()
		}
	}
	assert.ElementsMatch(t, want, slices.Collect(maps.Keys(seen)))
	<-stopping
}
