package main_test

import (
	"net/http"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/docker/dockertest"
)

// fault is something that goes wrong.
type fault struct {
	name string
	// strike does it while the trial's call is held, and lets that call go on at
	// the worst moment.
	strike func(*trial)
	// mend puts it right after the rollout has ended, and says what must then be
	// true. It is called after a failure, too.
	mend func(*trial)
}

var (
	managerKilled = fault{"the manager is killed", killManager, func(y *trial) { y.acting.start() }}
	managerFrozen = fault{"the manager is frozen", freezeManager, func(y *trial) {
		y.wakes(func() { y.acting.signal(syscall.SIGCONT) })
	}}
	managerCut = fault{"the manager's cable is cut", cutManager, func(y *trial) {
		y.wakes(y.acting.host.Mend)
	}}
	engineKilled = fault{"the engine is killed", killEngine, nothing}
	engineCut    = fault{"the engine's cable is cut", cutEngine, func(y *trial) { y.robot().host.Mend() }}
	leaderKilled = fault{"etcd's leader is killed", func(y *trial) {
		y.member = y.site.leader()
		y.member.Kill()
		y.held.release()
	}, func(y *trial) { y.member.Start() }}
	leaderFrozen = fault{"etcd's leader is frozen", func(y *trial) {
		y.member = y.site.leader()
		y.member.Freeze()
		y.held.release()
	}, func(y *trial) { y.member.Thaw() }}
	leaderCut = fault{"the cable of etcd's leader is cut", func(y *trial) {
		y.member = y.site.leader()
		y.member.host.Cut()
		y.held.release()
	}, func(y *trial) { y.member.host.Mend() }}
)

func nothing(*trial) {}

// killManager kills the acting manager and leaves it dead: the other one has to
// take over.
func killManager(y *trial) {
	// On a machine so busy that it lost its lease before there is nothing to measure.
	led, acts, killed := leads(y.acting), y.other.firstAct(), time.Now()
	y.acting.kill()
	y.goesWithCaller()
	y.survivor = y.other
	if y.point.call == nil || y.point.last() {
		return // the next act is not due at once, or there is none
	}
	y.site.kills++
	if !led {
		return
	}
	select {
	case at := <-acts:
		y.site.takeover = append(y.site.takeover, at.Sub(killed))
	case <-time.After(patience):
		require.Fail(y.t, "nobody takes over")
	}
}

// goesWithCaller waits until the call that is held has ended with its caller,
// so that it never reaches the engine.
func (y *trial) goesWithCaller() {
	if y.point.call == nil {
		y.held.release()
		return
	}
	select {
	case <-y.held.ended:
	case <-time.After(patience):
		require.Fail(y.t, "the call outlives its caller")
	}
}

// freezeManager stops the acting manager, as a machine that swaps or a paused
// virtual one does. What it has asked of the engine happens when the other one
// has ended the rollout: it could not be called back.
func freezeManager(y *trial) {
	y.acting.signal(syscall.SIGSTOP)
	y.away()
}

// cutManager takes the acting manager off the network; its call to the engine is
// on the way, as in freezeManager.
func cutManager(y *trial) {
	y.acting.host.Cut()
	y.away()
}

// away leaves the rest to the other manager. A call that is held goes on at the
// very end; a download is not, for the other one waits for the same.
func (y *trial) away() {
	y.survivor = y.other
	y.late = y.point.call != nil
	if !y.late {
		y.held.release()
	}
}

// wakes insists that a manager that was away sees that its time has passed. A
// process that was frozen may do the one call that was next before it knows how
// long it slept; the names on the engine make that harmless, and none follows.
func (y *trial) wakes(wake func()) {
	for _, p := range y.acting.proxies {
		p.Calls()
	}
	wake()
	y.acting.eventually("the manager that was away gives its office up", func() bool { return !leads(y.acting) })
	y.acting.awaitReady()
	var after []string
	for _, p := range y.acting.proxies {
		after = append(after, acts(p)...)
	}
	assert.LessOrEqual(y.t, len(after), 1, "it no longer acts: %v", after)
}

// killEngine kills the robot's engine, with its containerd, and starts it again.
func killEngine(y *trial) {
	y.robot().engine.Kill()
	y.held.release()
	require.NoError(y.t, y.robot().engine.Start())
}

// cutEngine takes the robot and its engine off the network until the manager has
// seen it.
func cutEngine(y *trial) {
	y.robot().host.Cut()
	y.held.release()
	y.acting.eventually("the manager misses the engine", func() bool { return !y.acting.sees(y.robot()) })
	y.robot().host.Mend()
}

// changing are the paths of the engine's calls that change something, by method.
var changing = map[string]*regexp.Regexp{
	http.MethodPost:   regexp.MustCompile(`^/(containers/(create|.*/(start|stop|rename|update|kill|connect))|images/create)$`),
	http.MethodDelete: regexp.MustCompile(`^/(containers|images)/`),
}

// firstAct tells when the manager asks for the first change on any engine.
func (m *managerHost) firstAct() <-chan time.Time {
	at := make(chan time.Time, 1)
	var once sync.Once
	note := func(*http.Request) { once.Do(func() { at <- time.Now() }) }
	for _, p := range m.proxies {
		var rules []dockertest.Rule
		for method, path := range changing {
			rules = append(rules, dockertest.Rule{Method: method, Path: path, Times: 1, Before: note})
		}
		p.Set(rules...)
	}
	return at
}
