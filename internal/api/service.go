package api

import (
	_ "embed"
	"io"
	"net/http"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// Domain is a ROS 2 domain as the manager sees it.
type Domain struct {
	ID           int    `json:"id"`
	Participants int    `json:"participants"`
	Endpoints    int    `json:"endpoints"`
	Nodes        int    `json:"nodes"`
	OK           bool   `json:"ok"`
	Text         string `json:"text"` // for a person; why it is not ok
}

// Check says whether a part works, in words too.
type Check struct {
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// Runner says which manager runs rollouts.
type Runner struct {
	ID   string `json:"id"` // empty when none does
	Self bool   `json:"self"`
}

type system struct {
	Version      string         `json:"version"`
	StartedAt    time.Time      `json:"started_at"`
	ROS          rosSystem      `json:"ros"`
	Store        Check          `json:"store"`
	Runner       Runner         `json:"runner"`
	RolloutsHeld string         `json:"rollouts_held"`
	Counts       map[string]int `json:"counts"`
}

type rosSystem struct {
	Domains []Domain `json:"domains"`
}

func (s *Server) getSystem(w http.ResponseWriter, _ *http.Request) error {
	sys := system{
		Version: s.opt.Version, StartedAt: s.opt.Started.UTC(), ROS: rosSystem{s.domains()},
		Store: Check{Text: "no store is configured"}, RolloutsHeld: s.held(), Counts: s.counts(),
	}
	if s.opt.Store != nil {
		sys.Store = s.opt.Store()
	}
	if s.opt.Runner != nil {
		sys.Runner = s.opt.Runner()
	}
	return writeJSON(w, http.StatusOK, sys)
}

func (s *Server) domains() []Domain {
	all := []Domain{}
	if s.opt.Domains != nil {
		all = append(all, s.opt.Domains()...)
	}
	return all
}

func (s *Server) held() string {
	if s.opt.Rollouts == nil {
		return errNoRollouts.text
	}
	return s.opt.Rollouts.Held()
}

func (s *Server) counts() map[string]int {
	snap := s.opt.Registry.Snapshot()
	n := map[string]int{
		"robots": len(snap.Robots), "engines": len(snap.Engines), "engines_up": 0,
		"containers": 0, "clients": s.opt.Hub.Sessions(),
	}
	for _, q := range []fleet.Quality{
		fleet.QualityLive, fleet.QualityLate, fleet.QualityStale, fleet.QualityOffline, fleet.QualityUnseen,
	} {
		n[string(q)] = 0
	}
	for i := range snap.Robots {
		n[string(snap.Robots[i].Quality)]++
		n["containers"] += len(snap.Robots[i].Containers)
	}
	for _, e := range snap.Engines {
		if e.State == fleet.EngineUp {
			n["engines_up"]++
		}
	}
	return n
}

func (s *Server) getMe(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, http.StatusOK, callOf(r).user)
}

type ticketReply struct {
	Ticket    string    `json:"ticket"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (s *Server) createTicket(w http.ResponseWriter, r *http.Request) error {
	ticket, expires := s.opt.Auth.Ticket(callOf(r).user)
	return writeJSON(w, http.StatusOK, ticketReply{ticket, expires.UTC()})
}

//go:embed openapi.yaml
var description []byte

func (s *Server) getDescription(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "no-cache")
	_, err := w.Write(description)
	return err
}

// probe serves a health probe; without one, serving HTTP is health enough.
func probe(h http.Handler) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if h != nil {
			h.ServeHTTP(w, r)
			return nil
		}
		_, err := io.WriteString(w, "ok\n")
		return err
	}
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) error {
	if s.opt.Metrics == nil {
		return &notFound{"metrics are not configured"}
	}
	s.opt.Metrics.ServeHTTP(w, r)
	return nil
}
