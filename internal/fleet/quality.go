package fleet

import (
	"fmt"
	"time"
)

// Ages at which a robot's quality changes.
const (
	lateAfter    = 500 * time.Millisecond // and two periods of its pose
	staleAfter   = 5 * time.Second
	offlineAfter = 15 * time.Second
)

// Sweep judges every robot's quality anew. Its caller runs it a few times a
// second: silence makes no observation.
func (r *Registry) Sweep(now time.Time) {
	r.mu.Lock()
	before := r.version
	for _, e := range r.robots {
		r.judge(now, e)
	}
	r.unlock(before)
}

// judge sets a robot's quality and tells when it went offline or came back.
func (r *Registry) judge(now time.Time, e *entry) {
	old, next := e.robot.Quality, e.quality(now)
	if old == next {
		return
	}
	e.robot.Quality = next
	e.robot.StateVersion = r.nextVersion()
	switch {
	case next == QualityOffline:
		r.record(Event{
			Time: now, Severity: SeverityAlarm, Kind: "robot.offline", Robot: e.robot.ID,
			Text: fmt.Sprintf("robot %s: no data for %v", e.robot.ID, offlineAfter),
		})
	case old == QualityOffline:
		r.record(Event{
			Time: now, Severity: SeverityInfo, Kind: "robot.online", Robot: e.robot.ID,
			Text: fmt.Sprintf("robot %s sends data again", e.robot.ID),
		})
	}
}

func (e *entry) quality(now time.Time) Quality {
	if e.robot.LastSeen.IsZero() {
		return QualityUnseen
	}
	newest := e.robot.LastSeen
	if now.Sub(newest) > offlineAfter {
		return QualityOffline
	}
	if e.posed {
		newest = e.pose.Receive
	}
	switch age := now.Sub(newest); {
	case age > staleAfter:
		return QualityStale
	case age > max(lateAfter, 2*e.period):
		return QualityLate
	default:
		return QualityLive
	}
}
