package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWindows(t *testing.T) {
	const berlin, newYork, kolkata = "Europe/Berlin", "America/New_York", "Asia/Kolkata"
	for name, test := range map[string]struct {
		windows   []string
		zone, now string
		open      bool
		next      string // when that changes
	}{
		// 2026-11-23 is a Monday.
		"open":                    {[]string{"08:00-20:00"}, "", "2026-11-23T12:00:00Z", true, "2026-11-23T20:00:00Z"},
		"at its beginning":        {[]string{"08:00-20:00"}, "", "2026-11-23T08:00:00Z", true, "2026-11-23T20:00:00Z"},
		"a moment before":         {[]string{"08:00-20:00"}, "", "2026-11-23T07:59:59.9Z", false, "2026-11-23T08:00:00Z"},
		"its end is outside":      {[]string{"08:00-20:00"}, "", "2026-11-23T20:00:00Z", false, "2026-11-24T08:00:00Z"},
		"all around the clock":    {[]string{"mon 08:00-08:00"}, "", "2026-11-24T07:59:00Z", true, "2026-11-24T08:00:00Z"},
		"the whole day":           {[]string{"00:00-24:00"}, "", "2026-11-23T23:59:59Z", true, "2026-11-24T00:00:00Z"},
		"over midnight, before":   {[]string{"22:00-05:00"}, "", "2026-11-23T23:00:00Z", true, "2026-11-24T05:00:00Z"},
		"over midnight, after":    {[]string{"22:00-05:00"}, "", "2026-11-24T04:59:00Z", true, "2026-11-24T05:00:00Z"},
		"over midnight, outside":  {[]string{"22:00-05:00"}, "", "2026-11-24T05:00:00Z", false, "2026-11-24T22:00:00Z"},
		"of Friday, on Saturday":  {[]string{"fri 22:00-05:00"}, "", "2026-11-28T03:00:00Z", true, "2026-11-28T05:00:00Z"},
		"of Friday, on Friday":    {[]string{"fri 22:00-05:00"}, "", "2026-11-27T03:00:00Z", false, "2026-11-27T22:00:00Z"},
		"a week away":             {[]string{"mon 08:00-09:00"}, "", "2026-11-23T09:00:00Z", false, "2026-11-30T08:00:00Z"},
		"days around the weekend": {[]string{"fri-mon 08:00-09:00"}, "", "2026-11-24T08:30:00Z", false, "2026-11-27T08:00:00Z"},
		"listed days":             {[]string{"tue,thu 08:00-09:00"}, "", "2026-11-25T08:30:00Z", false, "2026-11-26T08:00:00Z"},
		"the first of two":        {[]string{"20:00-21:00", "14:00-15:00"}, "", "2026-11-23T12:00:00Z", false, "2026-11-23T14:00:00Z"},
		"the second of two":       {[]string{"20:00-21:00", "11:00-15:00"}, "", "2026-11-23T12:00:00Z", true, "2026-11-23T15:00:00Z"},
		"in upper case":           {[]string{"MON-Fri 08:00-20:00"}, "", "2026-11-23T12:00:00Z", true, "2026-11-23T20:00:00Z"},

		"Berlin in winter":       {[]string{"22:00-05:00"}, berlin, "2026-11-23T20:59:00Z", false, "2026-11-23T21:00:00Z"},
		"Berlin in summer":       {[]string{"22:00-05:00"}, berlin, "2026-07-01T20:00:00Z", true, "2026-07-02T03:00:00Z"},
		"half an hour off":       {[]string{"09:00-17:00"}, kolkata, "2026-11-23T03:30:00Z", true, "2026-11-23T11:30:00Z"},
		"Monday there, not here": {[]string{"mon 20:00-23:00"}, newYork, "2026-11-24T02:00:00Z", true, "2026-11-24T04:00:00Z"},

		// Spring in Berlin: on Sunday 2026-03-29 at 02:00 it is 03:00.
		"the short night":        {[]string{"22:00-05:00"}, berlin, "2026-03-28T23:00:00Z", true, "2026-03-29T03:00:00Z"},
		"the short night, after": {[]string{"22:00-05:00"}, berlin, "2026-03-29T03:00:00Z", false, "2026-03-29T20:00:00Z"},
		"over the gap":           {[]string{"sun 01:30-03:30"}, berlin, "2026-03-29T01:15:00Z", true, "2026-03-29T01:30:00Z"},
		// What lies in the gap keeps its distance from midnight: 02:15 is 03:15.
		"within the gap":                 {[]string{"sun 02:15-02:45"}, berlin, "2026-03-29T00:59:00Z", false, "2026-03-29T01:15:00Z"},
		"its end within the gap":         {[]string{"22:00-02:30"}, berlin, "2026-03-29T00:59:00Z", true, "2026-03-29T01:30:00Z"},
		"in New York three weeks before": {[]string{"sun 01:00-04:00"}, newYork, "2026-03-08T07:30:00Z", true, "2026-03-08T08:00:00Z"},

		// Autumn in Berlin: on Sunday 2026-10-25 at 03:00 it is 02:00 again.
		"the long night":          {[]string{"22:00-05:00"}, berlin, "2026-10-24T21:00:00Z", true, "2026-10-25T04:00:00Z"},
		"the long night, outside": {[]string{"22:00-05:00"}, berlin, "2026-10-25T04:00:00Z", false, "2026-10-25T21:00:00Z"},
		"its end is the second":   {[]string{"22:00-02:30"}, berlin, "2026-10-25T00:15:00Z", true, "2026-10-25T01:30:00Z"},
		"its beginning as well":   {[]string{"02:30-05:00"}, berlin, "2026-10-25T00:15:00Z", false, "2026-10-25T01:30:00Z"},
		"over the hour twice":     {[]string{"sun 01:30-03:30"}, berlin, "2026-10-25T01:45:00Z", true, "2026-10-25T02:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, test.now)
			require.NoError(t, err)
			b := Before{Windows: test.windows, TimeZone: test.zone}
			require.NoError(t, b.validate())
			g, next := b.windowGate(now)
			assert.Equal(t, test.open, g.Outcome == Pass, g.Reason)
			assert.Equal(t, test.next, next.UTC().Format(time.RFC3339))
		})
	}
}

func TestAWindowIsSaidInItsZone(t *testing.T) {
	g, _ := Before{Windows: []string{"22:00-05:00"}, TimeZone: "Europe/Berlin"}.windowGate(t0)
	assert.Equal(t, gate("window", Fail, "opens on Mon 22:00 CET"), g)
	g, _ = Before{Windows: []string{"22:00-05:00"}, TimeZone: "Europe/Berlin"}.windowGate(t0.Add(10 * time.Hour))
	assert.Equal(t, gate("window", Pass, "open until Tue 05:00 CET"), g)
}

func TestAWindowThatCanNotBeReadIsAnError(t *testing.T) {
	g, _ := Before{Windows: []string{"at night"}}.windowGate(t0)
	assert.Equal(t, GateError, g.Outcome)
	g, _ = Before{Windows: []string{"22:00-05:00"}, TimeZone: "Mars/Olympus"}.windowGate(t0)
	assert.Equal(t, GateError, g.Outcome)
	for text, want := range map[string]string{
		"":                         "want days and times",
		"08:00":                    `"": want a time of the day`,
		"8-20":                     `"8": want a time of the day`,
		"08:00-25:00":              `"25:00": want a time of the day`,
		"08:60-09:00":              `"08:60": want a time of the day`,
		"feb 08:00-09:00":          `"feb": want days like`,
		"mon-xyz 08:00-09:00":      `"mon-xyz": want days like`,
		"mon, 08:00-09:00":         `"": want days like`,
		"mon tue 08:00-09:00":      "want days and times",
		"mon 08:00-09:00-10:00":    "want a time of the day",
		"mon 08:00 - 09:00":        "want days and times",
		"24:01-05:00":              `"24:01": want a time of the day`,
		"mon-fri,sat! 08:00-09:00": `"sat!": want days like`,
	} {
		_, err := parseWindow(text)
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want, text)
	}
	for _, zone := range []string{"Local", "CEST5", "../etc/passwd"} {
		_, err := zoneOf(zone)
		assert.Error(t, err, zone)
	}
}

// Whatever the window and the moment: the next change lies ahead, and nothing
// changes before it.
func TestNothingChangesBeforeTheNextChange(t *testing.T) {
	zones := []string{"", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"}
	rapid.Check(t, func(t *rapid.T) {
		clock := rapid.Custom(func(t *rapid.T) string {
			return time.Date(0, 1, 1, 0, rapid.IntRange(0, 24*60-1).Draw(t, "minute"), 0, 0, time.UTC).Format("15:04")
		})
		text := clock.Draw(t, "from") + "-" + clock.Draw(t, "to")
		if rapid.Bool().Draw(t, "days") {
			text = rapid.SampledFrom(weekdays).Draw(t, "first") + "-" + rapid.SampledFrom(weekdays).Draw(t, "last") + " " + text
		}
		b := Before{Windows: []string{text}, TimeZone: rapid.SampledFrom(zones).Draw(t, "zone")}
		now := t0.Add(time.Duration(rapid.IntRange(0, 365*24*60).Draw(t, "at")) * time.Minute)
		g, next := b.windowGate(now)
		if !next.After(now) || next.After(now.AddDate(0, 0, 15)) {
			t.Fatalf("%s: the next change after %s is %s", text, now, next)
		}
		for at := now; at.Before(next); at = at.Add(7 * time.Minute) {
			if then, _ := b.windowGate(at); then.Outcome != g.Outcome {
				t.Fatalf("%s: %s at %s, but %s at %s", text, g.Reason, now, then.Reason, at)
			}
		}
	})
}
