package rollout

import (
	"cmp"
	"slices"
	"time"
)

// Approval asks that a person approves a wave before its robots are touched.
// Images may be pulled before.
type Approval struct {
	// Before says which waves wait for it: "each", "canary" (the first) or
	// "fleet" (the second: the canary has shown what it does). Empty asks for
	// none.
	Before ApprovalPoint `json:"before,omitempty"`
	// Role is the least role that may approve; empty is engineer.
	Role string `json:"role,omitempty"`
	// OtherPerson refuses the one who started the rollout.
	OtherPerson bool `json:"other_person,omitempty"`
}

// ApprovalPoint names the waves that wait for an approval.
type ApprovalPoint string

// The points of an approval.
const (
	ApproveNone   ApprovalPoint = ""
	ApproveEach   ApprovalPoint = "each"
	ApproveCanary ApprovalPoint = "canary"
	ApproveFleet  ApprovalPoint = "fleet"
)

// Approved is a person's approval of a wave.
type Approved struct {
	Wave int       `json:"wave"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

// roles in order; each may do what those before it may.
var roles = []string{"viewer", "operator", "engineer"}

// least is the role that an approval takes.
func (a Approval) least() string { return cmp.Or(a.Role, "engineer") }

func (a Approval) mayApprove(role string) bool {
	return slices.Index(roles, role) >= slices.Index(roles, a.least())
}

func (a Approval) validate() error {
	switch a.Before {
	case ApproveNone:
		if a.Role != "" || a.OtherPerson {
			return fieldErrorf("approval.before", "is missing: each, canary or fleet")
		}
	case ApproveEach, ApproveCanary, ApproveFleet:
	default:
		return fieldErrorf("approval.before", "%q is none of each, canary and fleet", a.Before)
	}
	if a.Role != "" && !slices.Contains(roles, a.Role) {
		return fieldErrorf("approval.role", "%q is none of viewer, operator and engineer", a.Role)
	}
	return nil
}

// asks reports whether a wave waits for an approval.
func (a Approval) asks(wave int) bool {
	switch a.Before {
	case ApproveEach:
		return true
	case ApproveCanary:
		return wave == 0
	case ApproveFleet:
		return wave == 1
	default:
		return false
	}
}

// wantsApproval reports whether a wave still waits for its approval.
func (s *Status) wantsApproval(p *Plan, wave int) bool {
	return p.Spec.Approval.asks(wave) &&
		!slices.ContainsFunc(s.Approved, func(a Approved) bool { return a.Wave == wave })
}

// nextApproval is the wave that waits for an approval: the next to open, once
// every robot of those before it has ended and soaked. ok is false when none does.
func (s *Status) nextApproval(p *Plan) (wave int, ok bool) {
	open := s.openWave(p)
	return open, open < p.Waves && s.wantsApproval(p, open) && !s.soaksBefore(p, open)
}

// soaksBefore reports whether a wave before this one still soaks.
func (s *Status) soaksBefore(p *Plan, wave int) bool { return p.Spec.Soak > 0 && s.Proven < wave }

// openWave is the first wave with a robot that has not ended.
func (s *Status) openWave(p *Plan) int {
	open := p.Waves
	for _, r := range p.Robots {
		if r.Skip == "" && r.Wave < open && !s.Robot(r.Robot).Step.Terminal() {
			open = r.Wave
		}
	}
	return open
}
