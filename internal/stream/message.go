package stream

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// ViewFleet tags the frames of the view "fleet", the only one there is.
const ViewFleet uint16 = 1

// Version is a registry version. JSON numbers lose precision beyond 2^53, so
// it is written as a decimal string; a number is read, too.
type Version uint64

// MarshalJSON writes a decimal string.
func (v Version) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, strconv.FormatUint(uint64(v), 10)), nil
}

// UnmarshalJSON reads a decimal string or a number.
func (v *Version) UnmarshalJSON(b []byte) error {
	text := string(b)
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return fmt.Errorf("version %s: want a decimal number", b)
	}
	*v = Version(n)
	return nil
}

// Messages from the server, see PROTOCOL.md. State, dict and gone frames are
// joined from parts that are encoded once, see frames.go.
type (
	helloMessage struct {
		Op         string    `json:"op"`
		Server     string    `json:"server"`
		Version    string    `json:"version"`
		Session    string    `json:"session"`
		Epoch      string    `json:"epoch"`
		TickMS     int64     `json:"tick_ms"`
		Credits    int       `json:"credits"`
		ServerTime time.Time `json:"server_time"`
		User       User      `json:"user"`
	}
	subscribedMessage struct {
		Op      string  `json:"op"`
		SID     int64   `json:"sid"`
		View    uint16  `json:"view"`
		Version Version `json:"version"`
	}
	eventMessage struct {
		Op     string        `json:"op"`
		Events []fleet.Event `json:"events"`
		Gap    bool          `json:"gap"`
	}
	enginesMessage struct {
		Op      string         `json:"op"`
		Engines []fleet.Engine `json:"engines"`
	}
	rateMessage struct {
		Op     string  `json:"op"`
		Hz     float64 `json:"hz"`
		Reason string  `json:"reason"`
	}
	errorMessage struct {
		Op   string `json:"op"`
		Code string `json:"code"`
		Text string `json:"text"`
		Req  string `json:"req,omitempty"`
	}
	goodbyeMessage struct {
		Op          string `json:"op"`
		Code        string `json:"code"`
		Reason      string `json:"reason"`
		ReconnectMS int64  `json:"reconnect_ms"`
	}
)

// dictEntry is a robot's entry of a dict frame.
type dictEntry struct {
	Handle    uint32            `json:"h"`
	ID        string            `json:"id"`
	Name      string            `json:"name,omitempty"`
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels,omitempty"`
	Map       string            `json:"map,omitempty"`
}

// slowState is a robot's entry of a state frame. LastSeen is that of the last
// change: for a robot that sends, the poses tell its age.
type slowState struct {
	Handle      uint32             `json:"h"`
	Quality     fleet.Quality      `json:"quality"`
	LastSeen    time.Time          `json:"last_seen,omitzero"`
	Localised   bool               `json:"localised"`
	Battery     *fleet.Battery     `json:"battery,omitempty"`
	Diagnostics *diagnosticsDigest `json:"diagnostics,omitempty"`
	Engine      string             `json:"engine,omitempty"`
	Containers  []containerDigest  `json:"containers"`
	Nodes       int                `json:"nodes"`
	Sources     []fleet.Source     `json:"sources"`
}

type diagnosticsDigest struct {
	Worst fleet.Level `json:"worst"`
	Texts []string    `json:"texts"`
}

type containerDigest struct {
	Name    string     `json:"name"`
	Role    fleet.Role `json:"role"`
	State   string     `json:"state"`
	Health  string     `json:"health,omitempty"`
	Image   string     `json:"image"`
	Digest  string     `json:"digest,omitempty"`
	Devices int        `json:"devices"`
}

// maxTexts bounds the diagnostics that a state frame carries per robot; GET
// /api/v1/robots/{id} has them all.
const maxTexts = 8

func slowStateOf(handle uint32, r *fleet.Robot) slowState {
	s := slowState{
		Handle: handle, Quality: r.Quality, LastSeen: r.LastSeen, Localised: r.Pose != nil && r.Pose.Localised,
		Battery: finiteBattery(r.Battery), Engine: r.Engine, Nodes: len(r.Nodes), Sources: r.Sources,
		Containers: make([]containerDigest, 0, len(r.Containers)),
	}
	if s.Sources == nil {
		s.Sources = []fleet.Source{}
	}
	if r.Diagnostics != nil {
		d := &diagnosticsDigest{Worst: r.Diagnostics.Worst, Texts: []string{}}
		for _, item := range r.Diagnostics.Items {
			if item.Level != fleet.LevelOK && len(d.Texts) < maxTexts {
				d.Texts = append(d.Texts, item.Name+": "+item.Message)
			}
		}
		s.Diagnostics = d
	}
	for _, c := range r.Containers {
		s.Containers = append(s.Containers, containerDigest{
			Name: c.Name, Role: c.Role, State: c.State, Health: c.Health,
			Image: c.Image.Ref, Digest: c.Image.Digest, Devices: len(c.Devices),
		})
	}
	return s
}

// finiteBattery is b without the values that JSON cannot hold.
func finiteBattery(b *fleet.Battery) *fleet.Battery {
	if b == nil {
		return nil
	}
	c := *b
	for _, v := range []**float64{&c.Charge, &c.Voltage, &c.Current} {
		if *v != nil && (math.IsNaN(**v) || math.IsInf(**v, 0)) {
			*v = nil
		}
	}
	return &c
}

// withoutTimes is what of a state makes it worth sending.
func (s slowState) withoutTimes() slowState {
	s.LastSeen = time.Time{}
	if s.Battery != nil {
		b := *s.Battery
		b.Receive = time.Time{}
		s.Battery = &b
	}
	return s
}
