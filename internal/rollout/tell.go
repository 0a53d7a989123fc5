package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// tell records the steps that were just stored as events and in the log.
func (w *termWork) tell(ctx context.Context, p *Plan, before, after *Status, now time.Time) {
	journal := w.Registry.Journal()
	for _, rp := range p.Robots {
		rs, ok := after.Robots[rp.Robot]
		if was := before.Robot(rp.Robot); !ok || was.Step == rs.Step {
			continue
		}
		w.Log.InfoContext(ctx, "robot step", "rollout", p.ID, "robot", rp.Robot, "step", rs.Step, "reason", rs.Reason)
		journal.Record(fleet.Event{
			Time: now, Kind: "rollout.step", Robot: rp.Robot, Rollout: p.ID, Severity: stepSeverity(rs.Step),
			Text: fmt.Sprintf("robot %s is %s: %s", rp.Robot, rs.Step, rs.Reason),
		})
	}
	if before.State != after.State {
		w.Log.InfoContext(ctx, "rollout state", "rollout", p.ID, "state", after.State, "reason", after.Reason)
		journal.Record(fleet.Event{
			Time: now, Kind: "rollout." + string(after.State), Rollout: p.ID, Severity: stateSeverity(after.State),
			Text: fmt.Sprintf("rollout %s is %s: %s", p.ID, after.State, after.Reason),
		})
	}
}

// tellRefused records the wishes that could not be granted.
func (w *termWork) tellRefused(ctx context.Context, p *Plan, refused []string, now time.Time) {
	for _, why := range refused {
		w.Log.InfoContext(ctx, "wish refused", "rollout", p.ID, "reason", why)
		w.Registry.Journal().Record(fleet.Event{
			Time: now, Kind: "rollout.refused", Rollout: p.ID, Severity: fleet.SeverityWarning,
			Text: fmt.Sprintf("rollout %s: %s", p.ID, why),
		})
	}
}

func stepSeverity(s Step) fleet.Severity {
	switch s {
	case StepNeedsOperator:
		return fleet.SeverityAlarm
	case StepRollingBack, StepRolledBack, StepFailed:
		return fleet.SeverityWarning
	default:
		return fleet.SeverityInfo
	}
}

func stateSeverity(s State) fleet.Severity {
	switch s {
	case StateFailed:
		return fleet.SeverityAlarm
	case StatePaused, StateStopping, StateAborted, StateRolledBack:
		return fleet.SeverityWarning
	default:
		return fleet.SeverityInfo
	}
}
