package rollout

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is wrong with a spec is said of the field that is wrong.
func TestASpecThatMakesNoSenseNamesItsField(t *testing.T) {
	check := Check{Name: "ready", Command: []string{"ready"}}
	for name, test := range map[string]struct {
		change func(s *Spec)
		field  string // "" when nothing is wrong
	}{
		"as it is":                {func(*Spec) {}, ""},
		"no image":                {func(s *Spec) { s.Image = "" }, "image"},
		"no robots":               {func(s *Spec) { s.Robots = "" }, "robots"},
		"a negative canary":       {func(s *Spec) { s.Canary = new(-1) }, "canary"},
		"a canary and waves":      {func(s *Spec) { s.Canary, s.Waves = new(1), []Wave{"1"} }, "canary"},
		"waves":                   {func(s *Spec) { s.Canary, s.Waves = nil, []Wave{"1", "50%"} }, ""},
		"no canary, and waves":    {func(s *Spec) { s.Canary, s.Waves = new(0), []Wave{"1", "50%"} }, ""},
		"a wave of nobody":        {func(s *Spec) { s.Canary, s.Waves = nil, []Wave{"1", "0"} }, "waves[1]"},
		"max unavailable":         {func(s *Spec) { s.MaxUnavailable = Robots(-1) }, "max_unavailable"},
		"pull ahead":              {func(s *Spec) { s.PullAhead = new(-1) }, "pull_ahead"},
		"on failure":              {func(s *Spec) { s.OnFailure = "rollback" }, "on_failure"},
		"offline":                 {func(s *Spec) { s.Offline = "ignore" }, "offline"},
		"conflict":                {func(s *Spec) { s.Conflict = "steal" }, "conflict"},
		"a limit without label":   {func(s *Spec) { s.MaxPer = []GroupLimit{{Label: "a", Max: 1}, {Max: 1}} }, "max_per[1]"},
		"a limit of none":         {func(s *Spec) { s.MaxPer = []GroupLimit{{Label: "a"}} }, "max_per[0]"},
		"moving, and to stand":    {func(s *Spec) { s.Before.Moving = true }, "before.moving"}, // stationary is the default
		"moving":                  {func(s *Spec) { s.Before.Moving, s.Before.Stationary = true, false }, ""},
		"moving, and to be idle":  {func(s *Spec) { s.Before.Moving, s.Before.Stationary, s.Before.Idle = true, false, 1 }, "before.moving"},
		"a battery beyond full":   {func(s *Spec) { s.Before.MinBattery = 1.01 }, "before.min_battery"},
		"in per cent":             {func(s *Spec) { s.Before.MinBattery = 50 }, "before.min_battery"},
		"a full battery":          {func(s *Spec) { s.Before.MinBattery = 1 }, ""},
		"a negative battery":      {func(s *Spec) { s.Before.MinBattery = -0.1 }, "before.min_battery"},
		"free space":              {func(s *Spec) { s.Before.MinFree = -1 }, "before.min_free"},
		"a window":                {func(s *Spec) { s.Before.Windows = []string{"22:00-05:00", "at night"} }, "before.windows[1]"},
		"a time zone":             {func(s *Spec) { s.Before.TimeZone = "Berlin" }, "before.time_zone"},
		"a zone that differs":     {func(s *Spec) { s.Before.TimeZone = "Local" }, "before.time_zone"},
		"a rate in per cent":      {func(s *Spec) { s.After.MinRate = new(80.0) }, "after.min_rate"},
		"a negative rate":         {func(s *Spec) { s.After.MinRate = new(-1.0) }, "after.min_rate"},
		"restarts":                {func(s *Spec) { s.After.MaxRestarts = -1 }, "after.max_restarts"},
		"a window as long":        {func(s *Spec) { s.After.Window = new(s.Deadlines.Verify) }, "after.window"},
		"a window that fits":      {func(s *Spec) { s.After.Window = new(s.Deadlines.Verify - 1) }, ""},
		"a topic without a name":  {func(s *Spec) { s.After.Topics = []TopicExpect{{Hz: 1}} }, "after.topics[0]"},
		"a topic without a rate":  {func(s *Spec) { s.After.Topics = []TopicExpect{{Name: "scan", Hz: 1}, {Name: "odom"}} }, "after.topics[1]"},
		"a node without a name":   {func(s *Spec) { s.After.Nodes = []string{"driver", ""} }, "after.nodes[1]"},
		"eight checks":            {func(s *Spec) { s.After.Checks = slices.Repeat([]Check{check}, 8) }, ""},
		"nine checks":             {func(s *Spec) { s.After.Checks = slices.Repeat([]Check{check}, 9) }, "after.checks"},
		"a check without a name":  {func(s *Spec) { s.After.Checks = []Check{{Command: []string{"x"}}} }, "after.checks[0]"},
		"a check of nothing":      {func(s *Spec) { s.After.Checks = []Check{check, {Name: "x"}} }, "after.checks[1]"},
		"a check of two things":   {func(s *Spec) { s.After.Checks = []Check{{Name: "x", Command: []string{"x"}, HTTP: "http://x/"}} }, "after.checks[0]"},
		"a check by http":         {func(s *Spec) { s.After.Checks = []Check{{Name: "x", HTTP: "http://{host}:8080/{robot}"}} }, ""},
		"a check by ftp":          {func(s *Spec) { s.After.Checks = []Check{{Name: "x", HTTP: "ftp://{host}/"}} }, "after.checks[0]"},
		"a check without a host":  {func(s *Spec) { s.After.Checks = []Check{{Name: "x", HTTP: "http:///health"}} }, "after.checks[0]"},
		"an approval":             {func(s *Spec) { s.Approval = Approval{Before: "all"} }, "approval.before"},
		"a role for no approval":  {func(s *Spec) { s.Approval = Approval{Role: "engineer"} }, "approval.before"},
		"another for no approval": {func(s *Spec) { s.Approval = Approval{OtherPerson: true} }, "approval.before"},
		"a role":                  {func(s *Spec) { s.Approval = Approval{Before: ApproveEach, Role: "boss"} }, "approval.role"},
	} {
		s := Spec{Image: "registry/amr:2", Robots: "all"}.withDefaults()
		test.change(&s)
		err := s.validate()
		if test.field == "" {
			assert.NoError(t, err, name)
			continue
		}
		var field *FieldError
		if assert.True(t, errors.As(err, &field), "%s: %v", name, err) {
			assert.Equal(t, test.field, field.Field, name)
			assert.NotEmpty(t, field.Why, name)
		}
	}
}

// Only what is not given takes its default.
func TestDefaults(t *testing.T) {
	s := Spec{}.withDefaults()
	assert.Equal(t, Defaults, s)
	given := Spec{
		Canary: new(3), MaxUnavailable: Share{Percent: 10}, PullAhead: new(7), OnFailure: PauseOnly, Offline: OfflineBlock, Conflict: ConflictQueue,
		After: After{Window: new(Duration(1)), MinRate: new(0.1)}, Deadlines: Deadlines{Pull: 1, Wait: 2, Replace: 3, Verify: 4, Rollback: 5},
		Before: s.Before,
	}
	assert.Equal(t, given, given.withDefaults())
	assert.Nil(t, Spec{Waves: []Wave{"1"}}.withDefaults().Canary, "waves are given")
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "0s": 0} {
		var d Duration
		require.NoError(t, d.Set(text))
		assert.Equal(t, want, time.Duration(d))
		b, err := json.Marshal(d)
		require.NoError(t, err)
		var back Duration
		require.NoError(t, json.Unmarshal(b, &back))
		assert.Equal(t, d, back)
	}
	for _, text := range []string{"", "90", "-1s", "soon"} {
		var d Duration
		assert.Error(t, d.Set(text), text)
		assert.Zero(t, d)
	}
}

func TestASpecIsReadStrictly(t *testing.T) {
	s, err := ParseSpec([]byte(`{"image":"registry/amr:2","robots":"all","waves":[1,"10%","hall=north"],"max_unavailable":"20%","after":{"window":"30s"}}`))
	require.NoError(t, err)
	assert.Equal(t, Spec{
		Image: "registry/amr:2", Robots: "all", Waves: []Wave{"1", "10%", "hall=north"}, MaxUnavailable: Share{Percent: 20},
		After: After{Window: new(Duration(30 * time.Second))},
	}, s)
	for text, want := range map[string]string{
		`{"image":"x","robot":"all"}`:        `unknown field "robot"`,
		`{"after":{"windw":"5s"}}`:           `unknown field "windw"`,
		`{"image":"x"}{"image":"y"}`:         "more than one value",
		`{"after":{"window":"5"}}`:           `duration "5": want a number with a unit`,
		`{"max_unavailable":"half of them"}`: "want a number of robots",
		``:                                   "EOF",
	} {
		_, err := ParseSpec([]byte(text))
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want)
	}
}

// The spec that flags, YAML and the app's form are measured by would be taken.
func TestTheSpecThatSaysEveryFieldMakesSense(t *testing.T) {
	b, err := os.ReadFile("testdata/everyfield.json")
	require.NoError(t, err)
	s, err := ParseSpec(b)
	require.NoError(t, err)
	assert.NoError(t, s.withDefaults().validate())
}
