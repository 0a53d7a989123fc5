package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/muster-fleet/muster/internal/rollout"
	"github.com/muster-fleet/muster/internal/stream"
)

// errNoRollouts answers for a manager without a store.
var errNoRollouts = &unavailable{"rollouts are not configured on this manager"}

// rolloutSummary is a report without its robots.
type rolloutSummary struct {
	rollout.Report
	Robots *struct{} `json:"robots,omitempty"` // hides the report's
}

type rolloutList struct {
	Rollouts []rolloutSummary `json:"rollouts"`
}

func (s *Server) listRollouts(w http.ResponseWriter, r *http.Request) error {
	if s.opt.Rollouts == nil {
		return errNoRollouts
	}
	reports, err := s.opt.Rollouts.List(r.Context())
	if err != nil {
		return fmt.Errorf("list rollouts: %w", err)
	}
	list := rolloutList{Rollouts: make([]rolloutSummary, len(reports))}
	for i, report := range reports {
		list.Rollouts[i].Report = whole(report)
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *Server) getRollout(w http.ResponseWriter, r *http.Request) error {
	if s.opt.Rollouts == nil {
		return errNoRollouts
	}
	report, err := s.opt.Rollouts.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return fmt.Errorf("get rollout %s: %w", r.PathValue("id"), err)
	}
	return writeJSON(w, http.StatusOK, whole(report))
}

func (s *Server) startRollout(w http.ResponseWriter, r *http.Request) error {
	if s.opt.Rollouts == nil {
		return errNoRollouts
	}
	dryRun, err := number(r, "dry_run", 0, 0, 1)
	if err != nil {
		return err
	}
	var spec rollout.Spec
	if err := readJSON(r, &spec); err != nil {
		return err
	}
	cl, status := callOf(r), http.StatusOK
	cl.detail = fmt.Sprintf("plan %s on %s: %s", spec.Image, spec.Robots, spec.Note)
	if dryRun == 0 {
		status = http.StatusCreated
		cl.detail = fmt.Sprintf("start %s on %s: %s", spec.Image, spec.Robots, spec.Note)
		if err := needRole(r, stream.RoleEngineer); err != nil {
			return err
		}
	}
	report, err := s.opt.Rollouts.Start(r.Context(), spec, cl.user.Name, dryRun == 1)
	if err != nil {
		return fmt.Errorf("start rollout: %w", err)
	}
	return writeJSON(w, status, whole(report))
}

// least are the roles that an operator's actions take.
var least = map[rollout.Action]stream.Role{
	rollout.ActionPause:    stream.RoleOperator,
	rollout.ActionAbort:    stream.RoleOperator,
	rollout.ActionApprove:  stream.RoleOperator, // the plan may ask for more
	rollout.ActionResume:   stream.RoleEngineer,
	rollout.ActionRollback: stream.RoleEngineer,
	rollout.ActionSkip:     stream.RoleEngineer,
	rollout.ActionRetry:    stream.RoleEngineer,
	rollout.ActionOverride: stream.RoleEngineer,
}

func (s *Server) steerRollout(w http.ResponseWriter, r *http.Request) error {
	if s.opt.Rollouts == nil {
		return errNoRollouts
	}
	id, action, cl := r.PathValue("id"), rollout.Action(r.PathValue("action")), callOf(r)
	role, known := least[action]
	if !known {
		return errNoRoute
	}
	var body struct {
		Reason string `json:"reason"`
		Robot  string `json:"robot"`
		Wave   *int   `json:"wave"`
	}
	if err := readJSON(r, &body); err != nil {
		return err
	}
	cl.detail = fmt.Sprintf("%s rollout %s: %s", action, id, body.Reason)
	if body.Robot != "" {
		cl.detail = fmt.Sprintf("%s robot %s of rollout %s: %s", action, body.Robot, id, body.Reason)
	}
	if err := needRole(r, role); err != nil {
		return err
	}
	report, err := s.opt.Rollouts.Wish(r.Context(), id, rollout.Wish{
		Action: action, Robot: body.Robot, Wave: body.Wave, By: cl.user.Name, Role: string(cl.user.Role), Reason: body.Reason,
	})
	if err != nil {
		return fmt.Errorf("%s rollout %s: %w", action, id, err)
	}
	return writeJSON(w, http.StatusOK, whole(report))
}

type lockList struct {
	Locks []rollout.Hold `json:"locks"`
}

func (s *Server) listLocks(w http.ResponseWriter, _ *http.Request) error {
	if s.opt.Rollouts == nil {
		return errNoRollouts
	}
	list := lockList{Locks: []rollout.Hold{}}
	holds := s.opt.Rollouts.Holds()
	for _, robot := range slices.Sorted(maps.Keys(holds)) {
		list.Locks = append(list.Locks, holds[robot])
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *Server) lockRobot(w http.ResponseWriter, r *http.Request) error {
	if s.opt.Rollouts == nil {
		return errNoRollouts
	}
	var body struct {
		Reason string `json:"reason"`
	}
	if err := readJSON(r, &body); err != nil {
		return err
	}
	id, cl := r.PathValue("id"), callOf(r)
	cl.detail = fmt.Sprintf("lock robot %s: %s", id, body.Reason)
	if err := s.opt.Rollouts.Hold(r.Context(), id, cl.user.Name, body.Reason); err != nil {
		return fmt.Errorf("lock robot %s: %w", id, err)
	}
	return s.listLocks(w, r)
}

func (s *Server) unlockRobot(w http.ResponseWriter, r *http.Request) error {
	if s.opt.Rollouts == nil {
		return errNoRollouts
	}
	id := r.PathValue("id")
	callOf(r).detail = "unlock robot " + id
	if err := s.opt.Rollouts.Release(r.Context(), id); err != nil {
		return fmt.Errorf("unlock robot %s: %w", id, err)
	}
	return s.listLocks(w, r)
}

// whole is a report whose lists are lists in JSON, not null.
func whole(r rollout.Report) rollout.Report {
	if r.Actions == nil {
		r.Actions = []rollout.Action{}
	}
	if r.Counts == nil {
		r.Counts = map[rollout.Step]int{}
	}
	if r.Robots == nil {
		r.Robots = []rollout.RobotReport{}
	}
	return r
}

func (s *Server) listImages(w http.ResponseWriter, r *http.Request) error {
	if s.opt.Images == nil {
		return &unavailable{"no image registry is configured"}
	}
	repository := r.URL.Query().Get("repository")
	if repository == "" {
		return invalid("repository", "is missing")
	}
	tags, err := s.opt.Images(r.Context(), repository)
	if err != nil {
		return fmt.Errorf("list tags of %s: %w", repository, err)
	}
	if tags == nil {
		tags = []string{}
	}
	return writeJSON(w, http.StatusOK, map[string][]string{"tags": tags})
}
