package rollout

import (
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// Report is a rollout as people and programs read it: the plan, how far it
// came, and why each robot is where it is now.
type Report struct {
	ID        string      `json:"id"`
	State     State       `json:"state"`
	Reason    string      `json:"reason"`
	Image     PinnedImage `json:"image"`
	Note      string      `json:"note,omitempty"`
	CreatedAt time.Time   `json:"created_at"`
	CreatedBy string      `json:"created_by"`
	StartedAt time.Time   `json:"started_at,omitzero"`
	EndedAt   time.Time   `json:"ended_at,omitzero"`
	Waves     int         `json:"waves"`
	Revision  int64       `json:"revision"`
	// Actions are what an operator may do now.
	Actions []Action `json:"actions"`
	// Approval is the wave that waits for a person's approval, Approved those
	// that were given.
	Approval *int          `json:"approval,omitempty"`
	Approved []Approved    `json:"approved,omitempty"`
	Undoes   string        `json:"undoes,omitempty"` // the rollout that this one takes back
	Counts   map[Step]int  `json:"counts"`           // robots by step; steps without robots are absent
	Total    int           `json:"total"`
	Ended    int           `json:"ended"` // robots in a terminal step
	Robots   []RobotReport `json:"robots"`
	Spec     Spec          `json:"spec"`
	// FleetLimit is how many robots all rollouts together may have down at one time;
	// 0 sets no limit.
	FleetLimit int    `json:"fleet_limit,omitempty"`
	Held       string `json:"held,omitempty"` // why nobody acts on it now (store unreachable, no runner)
}

// RobotReport is one robot's line of a Report, in the plan's order.
type RobotReport struct {
	Robot     string      `json:"robot"`
	Engine    string      `json:"engine"`
	Container string      `json:"container"`
	Wave      int         `json:"wave"`
	From      fleet.Image `json:"from"`
	Step      Step        `json:"step"`
	Since     time.Time   `json:"since,omitzero"`
	Deadline  time.Time   `json:"deadline,omitzero"`
	Reason    string      `json:"reason,omitempty"` // why it entered this step
	Why       string      `json:"why,omitempty"`    // what it waits for now
	Attempt   int         `json:"attempt,omitempty"`
	Gates     []Gate      `json:"gates,omitempty"`   // as they stand now, while waiting or verifying
	Actions   []Action    `json:"actions,omitempty"` // what an operator may do with it now
	// Topics are expected again after the replacement, of a robot in hand and in a dry
	// run. What the robot published is learned anew when it is touched.
	Topics  []TopicExpect `json:"topics,omitempty"`
	Preview *Preview      `json:"preview,omitempty"` // of a dry run
}

// Gate is the present answer of one gate.
type Gate struct {
	Name    string  `json:"name"` // "container", "nodes", "topic /robot1/odom", "stationary" …
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason"` // in words, with the figures
	// counting: it passes so far, and cannot tell before more samples have come.
	counting bool
}

// Outcome is what a gate answers. No data is inconclusive, never a pass.
type Outcome string

// The outcomes of a gate.
const (
	Pass         Outcome = "pass"
	Fail         Outcome = "fail"
	Inconclusive Outcome = "inconclusive"
	GateError    Outcome = "error"
)

// MakeReport puts plan, status and the reasons of the newest decision together.
func MakeReport(p Plan, s Status, why map[string]Waiting) Report {
	r := Report{
		ID: p.ID, State: s.State, Reason: s.Reason, Image: p.Image, Note: p.Spec.Note,
		CreatedAt: p.CreatedAt, CreatedBy: p.CreatedBy, StartedAt: s.StartedAt, EndedAt: s.EndedAt,
		Waves: p.Waves, Revision: s.Revision, Actions: noNil(actions(&p, &s)), Spec: p.Spec, Undoes: p.Undoes, Approved: s.Approved,
		Counts: make(map[Step]int), Total: len(p.Robots), Robots: make([]RobotReport, 0, len(p.Robots)),
	}
	if wave, waits := s.nextApproval(&p); waits && !s.State.Terminal() {
		r.Approval = &wave
	}
	for i, rp := range p.Robots {
		rr := robotReport(rp, s, why[rp.Robot])
		rr.Actions = robotActions(&p, &s, i)
		r.Counts[rr.Step]++
		if rr.Step.Terminal() {
			r.Ended++
		}
		r.Robots = append(r.Robots, rr)
	}
	return r
}

func robotReport(rp RobotPlan, s Status, w Waiting) RobotReport {
	rs := s.Robot(rp.Robot)
	switch {
	case rp.Skip != "":
		rs = RobotStatus{Step: StepSkipped, Since: s.StartedAt, Reason: rp.Skip}
	case rs.Step == StepQueued && s.State.Terminal():
		rs = RobotStatus{Step: StepSkipped, Since: s.EndedAt, Reason: "the rollout ended before its turn"}
	}
	rr := RobotReport{
		Robot: rp.Robot, Engine: rp.Engine, Container: rp.Container, Wave: rp.Wave, From: rp.from(rs),
		Step: rs.Step, Since: rs.Since, Deadline: rs.Deadline, Reason: rs.Reason, Attempt: rs.Attempt,
		Why: w.Text, Gates: w.Gates,
	}
	if rs.Step != StepQueued && !rs.Step.Terminal() {
		rr.Topics = rp.expect(rs).topics()
	}
	return rr
}

// expects adds what the topics of each robot that takes part would be measured by.
func (r *Report) expects(p *Plan) {
	for i := range p.Robots {
		if rp := &p.Robots[i]; rp.Skip == "" {
			r.Robots[i].Topics = rp.topics()
		}
	}
}

// preview adds what the engines said of each robot's replacement.
func (r *Report) preview(of map[string]Preview) {
	for i := range r.Robots {
		if v, ok := of[r.Robots[i].Robot]; ok {
			r.Robots[i].Preview = &v
		}
	}
}

func noNil(a []Action) []Action {
	if a == nil {
		return []Action{}
	}
	return a
}
