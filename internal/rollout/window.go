package rollout

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the same answers on a machine without zone files
)

// window is a time of the week in which robots may be touched.
type window struct {
	days     [7]bool // by time.Weekday, of its beginning
	from, to int     // minutes of the day; to <= from ends on the next day
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// parseWindow reads "22:00-05:00", "sat,sun 08:00-20:00" or "mon-fri
// 22:00-05:00". The end is not part of the window; one that is not after its
// beginning lies on the next day.
func parseWindow(text string) (window, error) {
	fields := strings.Fields(strings.ToLower(text))
	var w window
	switch len(fields) {
	case 1:
		w.days = [7]bool{true, true, true, true, true, true, true}
	case 2:
		if err := w.parseDays(fields[0]); err != nil {
			return w, err
		}
	default:
		return w, fmt.Errorf("%q: want days and times, like \"mon-fri 22:00-05:00\"", text)
	}
	from, to, _ := strings.Cut(fields[len(fields)-1], "-")
	var err error
	if w.from, err = parseClock(from); err != nil {
		return w, err
	}
	w.to, err = parseClock(to)
	return w, err
}

func (w *window) parseDays(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		a := slices.Index(weekdays, first)
		b := a
		if isRange {
			b = slices.Index(weekdays, last)
		}
		if a < 0 || b < 0 {
			return fmt.Errorf("%q: want days like \"mon-fri\" or \"sat,sun\"", part)
		}
		for d := a; ; d = (d + 1) % 7 {
			w.days[d] = true
			if d == b {
				break
			}
		}
	}
	return nil
}

// parseClock reads "22:00" as minutes of the day; "24:00" is its end.
func parseClock(text string) (int, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q: want a time of the day, like \"22:00\"", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// bounds are the window's beginning and end on the day of t, in t's zone.
func (w window) bounds(t time.Time) (begin, end time.Time) {
	y, m, d := t.Date()
	days := d
	if w.to <= w.from {
		days++
	}
	return time.Date(y, m, d, 0, w.from, 0, 0, t.Location()), time.Date(y, m, days, 0, w.to, 0, 0, t.Location())
}

// windowGate answers whether now is within one of the windows, and when that
// changes next.
func (b Before) windowGate(now time.Time) (g Gate, next time.Time) {
	const name = "window"
	zone, err := zoneOf(b.TimeZone)
	if err != nil {
		return gate(name, GateError, "%v", err), time.Time{}
	}
	local := now.In(zone)
	for _, text := range b.Windows {
		w, err := parseWindow(text)
		if err != nil {
			return gate(name, GateError, "%v", err), time.Time{}
		}
		for day := -1; day <= 7; day++ {
			at := local.AddDate(0, 0, day)
			begin, end := w.bounds(at)
			switch {
			case !w.days[at.Weekday()] || !end.After(local):
			case !begin.After(local):
				return gate(name, Pass, "open until %s", end.Format("Mon 15:04 MST")), end
			case next.IsZero() || begin.Before(next):
				next = begin
			}
		}
	}
	return gate(name, Fail, "opens on %s", next.Format("Mon 15:04 MST")), next
}

// zones remembers the zones that were looked up: their data is compiled in, so
// what is remembered never differs from what would be read.
var zones sync.Map

func zoneOf(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	if name == "Local" {
		return nil, fmt.Errorf("time zone %q: managers may stand in different zones; name one, like \"Europe/Berlin\"", name)
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q is not known; want a name like \"Europe/Berlin\"", name)
	}
	zones.Store(name, z)
	return z, nil
}
