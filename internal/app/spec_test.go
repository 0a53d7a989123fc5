package app

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
)

// flagsOf gives each field of a spec by flags. Together they are the spec of
// everyField but for what apart says.
var flagsOf = map[string][]string{
	"image":                    {"--image", "registry.example.com/amr:2.0"},
	"robots":                   {"--robots", "hall=north,robot1"},
	"container":                {"--container", "amr"},
	"canary":                   {"--canary", "2"},
	"waves[]":                  {"--waves", "1,10%,hall=north"},
	"soak":                     {"--soak", "10m"},
	"max_unavailable":          {"--max-unavailable", "20%"},
	"max_per[].label":          {"--max-per", "station=1"},
	"max_per[].max":            {"--max-per", "rack=2"},
	"pull_ahead":               {"--pull-ahead", "3"},
	"max_failures":             {"--max-failures", "5%"},
	"on_failure":               {"--on-failure", "roll-back-wave"},
	"offline":                  {"--offline", "block"},
	"conflict":                 {"--conflict", "queue"},
	"before.moving":            {"--moving"},
	"before.idle":              {"--idle", "2m"},
	"before.charging":          {"--charging"},
	"before.min_battery":       {"--min-battery", "0.4"},
	"before.windows[]":         {"--maintenance", "mon-fri 22:00-05:00", "--maintenance", "sat-sun 00:00-24:00"},
	"before.time_zone":         {"--time-zone", "Europe/Berlin"},
	"before.wave_pulled":       {"--wave-pulled"},
	"before.min_free":          {"--min-free", "2GB"},
	"after.window":             {"--window", "30s"},
	"after.min_rate":           {"--min-rate", "0.5"},
	"after.max_restarts":       {"--max-restarts", "2"},
	"after.nodes[]":            {"--node", "planner", "--node", "/shared/map_server"},
	"after.topics[].name":      {"--topic", "scan=9.5"},
	"after.topics[].hz":        nil, // with its name
	"after.checks[].name":      nil, // with what it does
	"after.checks[].command[]": {"--check", "localised:10s=exec:/opt/check --within '0.5 m'"},
	"after.checks[].http":      {"--check", "web=http://{host}:8080/health?robot={robot}"},
	"after.checks[].timeout":   nil, // with the check
	"after.skip_nodes":         {"--skip-nodes"},
	"after.skip_topics":        {"--skip-topics"},
	"after.skip_diagnostics":   {"--skip-diagnostics"},
	"approval.before":          {"--approval", "each"},
	"approval.role":            {"--approval-role", "operator"},
	"approval.other_person":    {"--approval-other"},
	"keep_images":              {"--keep-images"},
	"deadlines.pull":           {"--deadline", "pull=20m"},
	"deadlines.wait":           {"--deadline", "wait=2h"},
	"deadlines.replace":        {"--deadline", "replace=90s"},
	"deadlines.verify":         {"--deadline", "verify=3m"},
	"deadlines.rollback":       {"--deadline", "rollback=4m"},
	"note":                     {"--note", "the planner of May"},
}

// withoutFlag are the fields that nobody needs to give, and why.
var withoutFlag = map[string]string{
	"before.stationary":     "is asked for unless it says moving",
	"after.topics[].listed": "is what the plan notes of a topic that the spec lists",
}

// apart are fields that contradict others of everyField.
var apart = []string{"canary", "before.idle"}

// everyField is a spec that says every field.
func everyField(t *testing.T) rollout.Spec {
	t.Helper()
	b, err := os.ReadFile("../rollout/testdata/everyfield.json")
	require.NoError(t, err)
	s, err := rollout.ParseSpec(b)
	require.NoError(t, err)
	return s
}

func parseFlags(t *testing.T, args ...string) rollout.Spec {
	t.Helper()
	s, err := tryFlags(args...)
	require.NoError(t, err, "%q", args)
	return s
}

func tryFlags(args ...string) (s rollout.Spec, err error) {
	f := pflag.NewFlagSet("start", pflag.ContinueOnError)
	specFlags(f, &s)
	return s, f.Parse(args)
}

// fields are the JSON paths of a type's fields.
func fields(prefix string, t reflect.Type) (all []string) {
	if t.Kind() == reflect.Slice {
		return fields(prefix+"[]", t.Elem())
	}
	if _, text := reflect.New(t).Interface().(json.Unmarshaler); text || t.Kind() != reflect.Struct {
		return []string{prefix}
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, fields(strings.TrimPrefix(prefix+"."+name, "."), f.Type)...)
	}
	return all
}

// The same spec is read from JSON, YAML and flags; web/src/pages/forms.test.ts
// shows that the app's form makes it, too.
func TestEveryFieldOfASpecIsGivenByAFlag(t *testing.T) {
	all := fields("", reflect.TypeFor[rollout.Spec]())
	require.Contains(t, all, "after.checks[].command[]", "the walk goes into lists")
	known := append(slices.Collect(maps.Keys(flagsOf)), slices.Collect(maps.Keys(withoutFlag))...)
	assert.ElementsMatch(t, all, known)

	want := everyField(t)
	var args []string
	for _, path := range all { // in the spec's order
		if !slices.Contains(apart, path) {
			args = append(args, flagsOf[path]...)
		}
		if flags := flagsOf[path]; flags != nil {
			assert.Contains(t, given(t, parseFlags(t, flags...)), path)
		}
	}
	assert.Equal(t, want, parseFlags(t, args...))
	said := given(t, want)
	for _, path := range all {
		if withoutFlag[path] == "" && !slices.Contains(apart, path) {
			assert.Contains(t, said, path, "everyfield.json says it")
		}
	}
}

// given are the paths of the fields that a spec says.
func given(t *testing.T, s rollout.Spec) (paths []string) {
	b, err := json.Marshal(s)
	require.NoError(t, err)
	var v any
	require.NoError(t, json.Unmarshal(b, &v))
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, field := range v {
				walk(strings.TrimPrefix(prefix+"."+key, "."), field)
			}
		case []any:
			for _, item := range v {
				walk(prefix+"[]", item)
			}
		default:
			paths = append(paths, prefix)
		}
	}
	walk("", v)
	return paths
}

// The sample is a manual only when it is right: it says every field, names each
// one's flag, and a flag after it goes before it.
func TestTheSampleSpecSaysEveryField(t *testing.T) {
	const sample = "../../deploy/rollout.yaml"
	assert.Equal(t, everyField(t), parseFlags(t, "-f", sample))
	b, err := os.ReadFile(sample)
	require.NoError(t, err)
	f := pflag.NewFlagSet("start", pflag.ContinueOnError)
	specFlags(f, new(rollout.Spec))
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Name != "file" {
			assert.Contains(t, string(b), "--"+flag.Name)
		}
	})
	s := parseFlags(t, "-f", sample, "--node", "driver", "--node", "lidar", "--skip-nodes=false", "--max-per", "hall=3", "--deadline", "pull=1m")
	assert.Equal(t, []string{"driver", "lidar"}, s.After.Nodes, "a list takes the file's place")
	assert.Equal(t, []rollout.GroupLimit{{Label: "hall", Max: 3}}, s.MaxPer)
	assert.False(t, s.After.SkipNodes)
	assert.Equal(t, everyField(t).Deadlines.Wait, s.Deadlines.Wait, "the other deadlines stay")
}

// A zero that is said is not the default, in whatever way it is said.
func TestAZeroIsSaidByAFlagAndInYAML(t *testing.T) {
	want := rollout.Spec{Canary: new(0), PullAhead: new(0), After: rollout.After{Window: new(rollout.Duration(0)), MinRate: new(0.0)}}
	assert.Equal(t, want, parseFlags(t, "--canary", "0", "--pull-ahead", "0", "--window", "0s", "--min-rate", "0"))
	read, err := readSpec([]byte("canary: 0\npull_ahead: 0\nafter: {window: 0s, min_rate: 0}\n"))
	require.NoError(t, err)
	assert.Equal(t, want, read)
	assert.Equal(t, rollout.Spec{}, parseFlags(t))
}

func TestAFlagThatIsWrongSaysWhatItWants(t *testing.T) {
	for _, c := range []struct{ flag, value, want string }{
		{"check", "web", `want NAME=exec:COMMAND or NAME=http`},
		{"check", "web=ftp://x", `want NAME=exec:COMMAND or NAME=http`},
		{"check", "web:soon=http://x", `"soon"`},
		{"check", "a=exec:", "no command"},
		{"check", "a=exec:sh -c 'x", "a quote is not closed"},
		{"topic", "scan", `like "scan=10"`},
		{"topic", "scan=fast", `like "scan=10"`},
		{"max-per", "station", `like "station=1"`},
		{"canary", "one", `"one"`},
		{"pull-ahead", "1.5", `"1.5"`},
		{"window", "-1s", "negative"},
		{"min-rate", "most", `"most"`},
		{"deadline", "pull", "pull, wait, replace, verify, rollback"},
		{"deadline", "push=1m", "pull, wait, replace, verify, rollback"},
		{"deadline", "pull=soon", "duration"},
		{"min-free", "much", `like "2GB"`},
		{"min-free", "-1", `like "2GB"`},
		{"min-free", "2XB", `like "2GB"`},
	} {
		_, err := tryFlags("--"+c.flag, c.value)
		assert.ErrorContains(t, err, c.want, "--%s %q", c.flag, c.value)
	}
}

func TestACheckIsSplitAsAShellDoes(t *testing.T) {
	for text, want := range map[string][]string{
		`a  b`: {"a", "b"}, `a 'b c' d`: {"a", "b c", "d"}, `"a b"c`: {"a bc"}, `a ''`: {"a", ""},
		`sh -c "x 'y' \"z\""`: {"sh", "-c", `x 'y' "z"`}, `a\ b '\n'`: {"a b", `\n`},
	} {
		got, err := words(text)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
	for text, want := range map[string]int64{"0": 0, "17": 17, "1.5kB": 1500, "3 MB": 3e6, "2GiB": 2 << 30} {
		got, err := parseBytes(text)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
}
