package rollout

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// look is what a script changes of how a robot looks to the manager.
type look struct {
	health    string // of the new container
	oldHealth string
	restarts  int
	label     string // the container's label that locks it
	battery   *float64
	full      bool
	noBattery bool
	fault     string
	diagnoses bool
	still     time.Time // since when it stands; zero while it drives
	since     time.Time // it is there since
	silent    time.Time // since when nothing is heard of it
	hz        float64   // of its odometry
	power     *float64  // the rate of its battery state, nil when it has none
	usual     float64   // the rate that was that at first
	lacks     bool      // a node does not come back
	pinned    string
	gone      bool // its containers are no longer there
	slow      bool // its verbs end when the script says so
}

// at changes how robot id looks at this moment.
func (l *look) at(w *world, id string, r *fleet.Robot) {
	r.StillSince = l.since
	if !l.still.IsZero() {
		r.StillSince = l.still
	}
	if l.battery != nil {
		r.Battery.Charge = l.battery
	}
	if l.full {
		r.Battery.Charging, r.Battery.Status = false, "full"
	}
	if l.noBattery {
		r.Battery = nil
	}
	if l.pinned != "" {
		r.Labels[LabelPinned] = l.pinned
	}
	if l.diagnoses {
		item := fleet.Diagnostic{Name: "motor", Level: fleet.LevelOK, Message: "runs"}
		if l.fault != "" {
			item.Level, item.Message = fleet.LevelError, l.fault
		}
		r.Diagnostics = &fleet.Diagnostics{Worst: item.Level, Items: []fleet.Diagnostic{item}, Receive: w.now}
	}
	for i := range r.Topics {
		r.Topics[i].Hz = l.hz
	}
	if l.power != nil {
		t := fleet.Topic{Name: "/" + id + "/battery_state", Role: "battery", Hz: *l.power, UsualHz: l.usual}
		if t.Hz > 0 {
			t.Last = w.now
		}
		r.Topics = append(r.Topics, t)
	}
	if l.lacks {
		r.Nodes = nil
	}
	for i := range r.Containers {
		c := &r.Containers[i]
		if c.ID == id+"-new" {
			c.Health, c.Restarts = l.health, l.restarts
		} else {
			c.Health = l.oldHealth
		}
		if c.Name == "amr" {
			c.Lock, c.Engine = l.label, "e-"+id
		}
	}
	if l.gone {
		r.Containers = nil
	}
	if !l.silent.IsZero() {
		l.hush(w, r)
	}
}

// hush makes all that came over the domain as old as the robot's silence.
func (l *look) hush(w *world, r *fleet.Robot) {
	r.LastSeen, r.Pose.Receive = l.silent, l.silent
	if r.Battery != nil {
		r.Battery.Receive = l.silent
	}
	r.Nodes = nil
	for i := range r.Topics {
		r.Topics[i].Last = l.silent
	}
	if w.now.Sub(l.silent) > 15*time.Second {
		r.Quality = fleet.QualityOffline
	}
}

// states are what a robot can be told to be.
var states = map[string]func(s *script, r *simRobot, l *look){
	"drives":     func(_ *script, r *simRobot, _ *look) { r.moving = true },
	"stands":     func(s *script, r *simRobot, l *look) { r.moving, l.still = false, s.now },
	"charging":   func(_ *script, r *simRobot, _ *look) { r.charging = true },
	"undocked":   func(_ *script, r *simRobot, _ *look) { r.charging = false },
	"full":       func(_ *script, _ *simRobot, l *look) { l.full = true },
	"no battery": func(_ *script, _ *simRobot, l *look) { l.noBattery = true },
	"locked":     func(_ *script, r *simRobot, _ *look) { r.locked = true },
	"unlocked":   func(_ *script, r *simRobot, l *look) { r.locked, l.label = false, "" },
	"mute":       func(s *script, _ *simRobot, l *look) { l.silent = s.now },
	"heard":      func(_ *script, _ *simRobot, l *look) { l.silent = time.Time{} },
	"offline":    func(s *script, r *simRobot, l *look) { l.silent, r.engine = s.now.Add(-time.Minute), fleet.EngineDown },
	"online":     func(_ *script, r *simRobot, l *look) { l.silent, r.engine = time.Time{}, fleet.EngineUp },
	"gone":       func(s *script, r *simRobot, l *look) { l.silent, r.engine = s.now, fleet.EngineDown },

	"engine down": func(_ *script, r *simRobot, _ *look) { r.engine = fleet.EngineDown },
	"engine hung": func(_ *script, r *simRobot, _ *look) { r.engine = fleet.EngineHung },
	"engine up":   func(_ *script, r *simRobot, _ *look) { r.engine = fleet.EngineUp },

	"silent":         func(_ *script, r *simRobot, _ *look) { r.silentNew = true },
	"speaks":         func(_ *script, r *simRobot, _ *look) { r.silentNew = false },
	"crashes":        func(_ *script, r *simRobot, _ *look) { r.crashNew = true },
	"works":          func(_ *script, r *simRobot, _ *look) { r.crashNew = false },
	"unhealthy":      func(_ *script, _ *simRobot, l *look) { l.health = "unhealthy" },
	"starting":       func(_ *script, _ *simRobot, l *look) { l.health = "starting" },
	"healthy":        func(_ *script, _ *simRobot, l *look) { l.health = "healthy" },
	"old unhealthy":  func(_ *script, _ *simRobot, l *look) { l.oldHealth = "unhealthy" },
	"old healthy":    func(_ *script, _ *simRobot, l *look) { l.oldHealth = "healthy" },
	"restarts":       func(_ *script, _ *simRobot, l *look) { l.restarts++ },
	"lacks nodes":    func(_ *script, _ *simRobot, l *look) { l.lacks = true },
	"has nodes":      func(_ *script, _ *simRobot, l *look) { l.lacks = false },
	"diagnoses":      func(_ *script, _ *simRobot, l *look) { l.diagnoses, l.fault = true, "" },
	"faulty":         func(_ *script, _ *simRobot, l *look) { l.diagnoses, l.fault = true, "too hot" },
	"no containers":  func(_ *script, _ *simRobot, l *look) { l.gone = true },
	"leased away":    func(_ *script, r *simRobot, _ *look) { r.foreign = "manager 2" },
	"leased no more": func(_ *script, r *simRobot, _ *look) { r.foreign = "" },

	"runs v2": func(_ *script, r *simRobot, _ *look) {
		r.was = &fleet.Container{ID: "by-hand", State: "running", Image: fleet.Image{Ref: "registry/amr:2", Digest: newDigest}}
	},
	"stopped": func(_ *script, r *simRobot, _ *look) { r.oldRuns, r.stopped = false, true },

	"slow":  func(_ *script, _ *simRobot, l *look) { l.slow = true },
	"quick": func(_ *script, _ *simRobot, l *look) { l.slow = false },
	"deaf":  func(_ *script, r *simRobot, _ *look) { r.deaf = true },
}

var (
	failsText  = regexp.MustCompile(`^fails (\w+) (?:(\d+) times?|(for good|as stale)): (.+)$`)
	figureText = regexp.MustCompile(`^(battery|odometry|battery state) ([0-9.]+)$`)
	wordsText  = regexp.MustCompile(`^(pinned|labelled|check|claimed): (.+)$`)
)

// robot changes a robot of the fleet.
func (s *script) robot(id, state string) error {
	r, l := s.robots[id], s.looks[id]
	if r == nil {
		return fmt.Errorf("there is no robot %s", id)
	}
	if change := states[state]; change != nil {
		change(s, r, l)
	} else if m := failsText.FindStringSubmatch(state); m != nil {
		result := Result{Err: m[4], Fatal: m[3] != "", Stale: m[3] == "as stale"}
		times, _ := strconv.Atoi(m[2])
		r.fail[Verb(m[1])] = slices.Repeat([]Result{result}, max(1, times))
	} else if m := figureText.FindStringSubmatch(state); m != nil {
		v, _ := strconv.ParseFloat(m[2], 64)
		switch m[1] {
		case "battery":
			l.hz, l.battery = 10, &v
		case "odometry":
			l.hz = v
		default:
			l.power, l.usual = &v, cmp.Or(l.usual, v)
		}
	} else if m := wordsText.FindStringSubmatch(state); m != nil {
		s.describe(r, l, m[1], m[2])
	} else {
		return fmt.Errorf("%q is nothing that a robot can be", state)
	}
	if s.plan.ID != "" {
		s.settle()
	}
	return nil
}

func (s *script) describe(r *simRobot, l *look, what, text string) {
	if text == "none" {
		text = ""
	}
	switch what {
	case "pinned":
		l.pinned = text
	case "labelled":
		l.label = text
	case "claimed":
		r.claimed = text
	case "check":
		outcome, reason, _ := strings.Cut(text, ", ")
		r.probes = []Gate{{Outcome: Outcome(outcome), Reason: reason}}
	}
}
