package app

import (
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/muster-fleet/muster/internal/rollout"
)

// specFlags are the fields of a spec as flags; deploy/rollout.yaml has them beside
// the fields.
func specFlags(f *pflag.FlagSet, s *rollout.Spec) {
	f.VarP(&specFile{s}, "file", "f", "spec in YAML or JSON, \"-\" for standard input; flags after it go before what it says")
	f.StringVar(&s.Image, "image", "", "image reference, by tag or digest")
	f.StringVar(&s.Robots, "robots", "", `ids, patterns, label terms and a share, e.g. "robot1,robot2", "hall=north,10%", "all"`)
	f.StringVar(&s.Container, "container", "", "container name or compose service, where a robot has several")
	f.Var(&saidFlag[int]{&s.Canary, strconv.Atoi, "int"}, "canary", "robots in the first wave; with 0 there is one wave of all (default 1)")
	f.Var(&waveList{s}, "waves", `how far each wave reaches, instead of --canary, e.g. "1,10%,50%"`)
	f.Var(&s.Soak, "soak", "how long a wave is watched before the next begins")
	f.Var(&s.MaxUnavailable, "max-unavailable", "robots that may be down at one time, or a share (default 1)")
	f.Var(&listFlag[rollout.GroupLimit]{list: &s.MaxPer, parse: parseLimit, kind: "label=n"}, "max-per",
		`and of those with the same value of a label, e.g. "station=1"; may be repeated`)
	f.Var(&saidFlag[int]{&s.PullAhead, strconv.Atoi, "int"}, "pull-ahead", "robots beyond that which may pull and wait (default 1)")
	f.Var(&s.MaxFailures, "max-failures", "robots that may fail before the rollout stops, or a share of those tried")
	f.StringVar((*string)(&s.OnFailure), "on-failure", "", "roll-back-robot, roll-back-wave, roll-back-all or pause (default roll-back-robot)")
	f.StringVar((*string)(&s.Offline), "offline", "", "what becomes of offline robots: skip, wait or block (default skip)")
	f.StringVar((*string)(&s.Conflict), "conflict", "", "when another rollout has a robot: refuse or queue (default refuse)")
	f.BoolVar(&s.KeepImages, "keep-images", false, "leave images on the robots that no container uses any more")
	f.StringVar(&s.Note, "note", "", "why, for the audit log")

	f.BoolVar(&s.Before.Moving, "moving", false, "touch a robot although it drives (default: wait until it stands still)")
	f.Var(&s.Before.Idle, "idle", "wait until the robot has stood still for so long")
	f.BoolVar(&s.Before.Charging, "charging", false, "wait until the robot charges")
	f.Float64Var(&s.Before.MinBattery, "min-battery", 0, "wait until the battery has this share, 0 … 1")
	f.StringArrayVar(&s.Before.Windows, "maintenance", nil, `touch robots only then, e.g. "mon-fri 22:00-05:00"; may be repeated`)
	f.StringVar(&s.Before.TimeZone, "time-zone", "", "of the maintenance windows (default UTC)")
	f.BoolVar(&s.Before.WavePulled, "wave-pulled", false, "wait until the image is on all robots of the wave")
	f.Var(&byteCount{&s.Before.MinFree}, "min-free", `what must stay free on the engine's disk, e.g. "2GB"`)

	f.Var(&saidFlag[rollout.Duration]{&s.After.Window, parseDuration, "duration"}, "window",
		"for how long the gates must pass after the replacement; 0s is once (default 5s)")
	f.Var(&saidFlag[float64]{&s.After.MinRate, parseFloat, "float"}, "min-rate",
		"share of its usual rate that a topic must reach again; 0 asks that it is published (default 0.8)")
	f.IntVar(&s.After.MaxRestarts, "max-restarts", 0, "how often the new container may restart")
	f.StringArrayVar(&s.After.Nodes, "node", nil, "node that must be there, besides those that were; may be repeated")
	f.Var(&listFlag[rollout.TopicExpect]{list: &s.After.Topics, parse: parseTopic, kind: "topic=hz"}, "topic",
		`topic that must have this rate, besides those that were, e.g. "scan=10"; may be repeated`)
	f.Var(&listFlag[rollout.Check]{list: &s.After.Checks, parse: parseCheck, kind: "check"}, "check",
		`command in the container, or address, that must answer well, e.g. "lidar=exec:/opt/check --fast",
"web:10s=http://{host}:8080/health" (with a timeout); may be repeated`)
	f.BoolVar(&s.After.SkipNodes, "skip-nodes", false, "do not ask that the nodes that were there are back")
	f.BoolVar(&s.After.SkipTopics, "skip-topics", false, "do not ask that topics reach their usual rate")
	f.BoolVar(&s.After.SkipDiagnostics, "skip-diagnostics", false, "do not ask that the diagnostics are not worse")
	f.Var(&deadlines{&s.Deadlines}, "deadline", `how long a step may take, e.g. "pull=20m"; may be repeated
(default pull=15m, wait=30m, replace=1m, verify=1m, rollback=2m)`)

	f.StringVar((*string)(&s.Approval.Before), "approval", "", "waves that a person must approve: each, canary or fleet")
	f.StringVar(&s.Approval.Role, "approval-role", "", "the least role that may approve (default engineer)")
	f.BoolVar(&s.Approval.OtherPerson, "approval-other", false, "another person than the one who starts it must approve")

	f.VisitAll(func(flag *pflag.Flag) {
		if flag.DefValue == "0s" {
			flag.DefValue = "" // the help tells the server's default, where there is one
		}
	})
}

// specFile is the flag that reads a whole spec.
type specFile struct{ spec *rollout.Spec }

func (f *specFile) String() string { return "" }
func (f *specFile) Type() string   { return "file" }

func (f *specFile) Set(path string) error {
	read := func() ([]byte, error) { return os.ReadFile(path) }
	if path == "-" {
		read = func() ([]byte, error) { return io.ReadAll(io.LimitReader(os.Stdin, 1<<20)) }
	}
	b, err := read()
	if err != nil {
		return err
	}
	s, err := readSpec(b)
	if err != nil {
		return err
	}
	*f.spec = s
	return nil
}

// readSpec reads YAML, of which JSON is a part. An unknown key is an error that
// names it.
func readSpec(b []byte) (rollout.Spec, error) {
	var v map[string]any
	if err := yaml.Unmarshal(b, &v); err != nil {
		return rollout.Spec{}, err
	}
	j, err := json.Marshal(v)
	if err != nil {
		return rollout.Spec{}, err
	}
	return rollout.ParseSpec(j)
}

// waveList is the flag of waves, separated by commas.
type waveList struct{ spec *rollout.Spec }

func (f *waveList) String() string { return "" }
func (f *waveList) Type() string   { return "waves" }

func (f *waveList) Set(text string) error {
	f.spec.Waves = nil
	for w := range strings.SplitSeq(text, ",") {
		f.spec.Waves = append(f.spec.Waves, rollout.Wave(strings.TrimSpace(w)))
	}
	return nil
}
