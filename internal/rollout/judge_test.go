package rollout

import (
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// tooEarly names a robot of an earlier wave, the canary first of all, that has not
// ended or still soaks.
func (s *schedule) tooEarly(rp RobotPlan) string {
	soak := time.Duration(s.w.plan.Spec.Soak)
	for _, other := range s.w.plan.Robots {
		rs := s.w.status.Robot(other.Robot)
		switch {
		case other.Skip != "" || other.Wave >= rp.Wave:
		case !rs.Step.Terminal():
			return other.Robot + " of an earlier wave has not ended"
		case rs.Step == StepDone && !rs.Tidy && s.w.now.Before(rs.Since.Add(soak)):
			return other.Robot + " of an earlier wave still soaks"
		}
	}
	return ""
}

// mayStop judges a robot whose old container is about to be stopped.
func (s *schedule) mayStop(id string) string {
	for _, rp := range s.w.plan.Robots {
		if rp.Robot != id {
			continue
		}
		if s.w.status.State != StateRunning {
			return id + " is stopped although the rollout is " + string(s.w.status.State)
		}
		if why := s.mayNotReplace(rp, s.w.robots[id]); why != "" {
			return id + " is stopped although " + why
		}
	}
	return ""
}

// mayNotReplace judges by the world alone whether a robot may be touched now.
func (s *schedule) mayNotReplace(rp RobotPlan, r *simRobot) string {
	w, b := s.w, s.w.plan.Spec.Before
	clock := w.now.Hour()*60 + w.now.Minute()
	weekend := w.now.Weekday() == time.Saturday || w.now.Weekday() == time.Sunday
	approved := false
	for _, a := range w.status.Approved {
		approved = approved || a.Wave == rp.Wave && (a.By != "ada" || !w.plan.Spec.Approval.OtherPerson)
	}
	switch {
	case r.engine != fleet.EngineUp:
		return "its engine does not answer"
	case b.Stationary && r.moving:
		return "it moves"
	case b.Charging && !r.charging:
		return "it does not charge"
	case r.locked && w.status.Robot(rp.Robot).Override == "":
		return "it is locked"
	case w.plan.Spec.Approval.asks(rp.Wave) && !approved:
		return "its wave is not approved"
	case len(b.Windows) > 0 && b.Windows[0][0] == 's' && !weekend,
		len(b.Windows) > 0 && b.Windows[0] == "11:00-12:05" && (clock < 11*60 || clock >= 12*60+5),
		len(b.Windows) > 0 && b.Windows[0] == "12:01-12:03" && (clock < 12*60+1 || clock >= 12*60+3):
		return "the window is closed"
	}
	return ""
}
