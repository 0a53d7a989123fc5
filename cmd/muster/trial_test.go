package main_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/rollout"
)

// trial is one rollout with one fault at one point.
type trial struct {
	t     testing.TB
	site  *site
	point point
	fault fault
	index int // of the robot at which the fault strikes

	acting, other *managerHost // as it begins
	survivor      *managerHost // who is asked how it goes on
	held          held
	late          bool        // the held call goes on when the rollout has ended
	stray         bool        // that call left something behind
	member        *memberHost // the etcd that was struck

	digest string
	before []robotState
	began  time.Time
}

// try rolls a new image out to the site, which never publishes if the point is in
// a rollback, and lets a fault strike on the way. The end must be the one that
// there is without a fault.
func (s *site) try(t *testing.T, p point, f fault, robot int) {
	s.at(t)
	y := &trial{t: t, site: s, point: p, fault: f, index: robot, began: time.Now()}
	y.acting, y.other = s.acting()
	y.survivor = y.acting
	y.acting.awaitSite(s)
	y.other.awaitSite(s)
	y.before = s.look(t)
	fault := ""
	if p.step.silent() {
		fault = "silent"
	}
	repository, digest := s.push(fault)
	y.digest = digest
	y.held = p.arm(y.acting, s, robot)
	id := y.acting.rollOut(s.spec(repository+"@"+digest, p.step.silent()))
	y.await(id)

	mended := false
	mend := func() {
		mended = true
		f.mend(y)
		s.calm()
	}
	defer func() {
		if !mended { // the trial has failed; the next one needs the site
			y.held.release()
			mend()
			y.giveUp(id)
		}
	}()
	struck := time.Now()
	f.strike(y)
	if p.step == waiting {
		y.wish(id, rollout.ActionResume)
	}
	end := y.survivor.awaitEnd(id)
	if y.late {
		y.landLate()
	}
	ended := time.Now()
	mend()
	y.sameEnd(end)
	if y.stray {
		y.sweep()
	}
	t.Logf("%v until it strikes, %v until the end, %v until all is mended", struck.Sub(y.began).Round(time.Millisecond),
		ended.Sub(struck).Round(time.Millisecond), time.Since(ended).Round(time.Millisecond))
}

// landLate lets the call go on that was held all the time, and waits until it has
// had its effect.
func (y *trial) landLate() {
	y.held.release()
	select {
	case <-y.held.ended:
	case <-time.After(patience):
		require.Fail(y.t, "the engine never answers the call that comes late")
	}
}

// giveUp ends a rollout whose trial has failed.
func (y *trial) giveUp(id string) {
	for _, m := range y.site.managers {
		m.call(http.MethodPost, "/rollouts/"+id+"/"+string(rollout.ActionAbort), map[string]string{}, nil)
	}
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if y.survivor.rollout(id).State.Terminal() {
			return
		}
	}
	y.t.Logf("rollout %s does not end; the trials after this one cannot succeed", id)
}

// sweep insists that the next rollout removes what was left behind.
func (y *trial) sweep() {
	repository, digest := y.site.push("")
	end := y.survivor.awaitEnd(y.survivor.rollOut(y.site.spec(repository+"@"+digest, false)))
	require.Equal(y.t, rollout.StateCompleted, end.State, end.Reason)
	y.site.look(y.t)
}

func (y *trial) robot() *robotHost { return y.site.robots[y.index] }

// wish asks for what an operator may, again while the store is not there: its
// answer may be lost, too.
func (y *trial) wish(id string, a rollout.Action) {
	y.t.Helper()
	y.survivor.eventually("the manager takes the wish to "+string(a), func() bool {
		status, body := y.survivor.call(http.MethodPost, "/rollouts/"+id+"/"+string(a), map[string]string{}, nil)
		again := status == http.StatusConflict && (y.survivor.rollout(id).State == rollout.StatePaused) == (a == rollout.ActionPause)
		require.True(y.t, status < 300 || status >= 500 || again, body)
		return status < 300 || again
	})
}

// await waits until the rollout has come to the trial's point.
func (y *trial) await(id string) {
	y.t.Helper()
	if y.held.reached != nil {
		select {
		case <-y.held.reached:
		case <-time.After(patience):
			r := y.acting.rollout(id)
			require.Fail(y.t, "the rollout never came there", "%s: %s\n%s", r.State, r.Reason, steps(r))
		}
	}
	if y.point.step == waiting {
		y.wish(id, rollout.ActionPause)
		y.acting.eventually("the rollout is paused", func() bool { return y.acting.rollout(id).State == rollout.StatePaused })
		y.held.release()
	}
	if y.point.step == waiting || y.point.step == verifying {
		y.acting.eventually("the robot comes to the point", func() bool {
			return y.acting.rollout(id).Robots[y.index].Step == y.point.robotStep()
		})
	}
}

// calm takes all rules away and waits until both managers are ready again.
func (s *site) calm() {
	for _, m := range s.managers {
		for _, p := range m.proxies {
			p.Set()
		}
		m.awaitReady()
	}
}

// planned is how a rollout ends, fault or not.
func (y *trial) planned() (state rollout.State, robots []rollout.Step) {
	if y.point.step.silent() {
		return rollout.StateFailed, []rollout.Step{rollout.StepRolledBack, rollout.StepSkipped, rollout.StepSkipped}
	}
	return rollout.StateCompleted, []rollout.Step{rollout.StepDone, rollout.StepDone, rollout.StepDone}
}
