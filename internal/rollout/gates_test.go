package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/muster-fleet/muster/internal/fleet"
)

func ago(d time.Duration) time.Time { return t0.Add(-d) }

func of[T any](v T) *T { return &v }

func TestTheEngineGate(t *testing.T) {
	for want, e := range map[Gate]fleet.Engine{
		gate("engine", Pass, "engine e answers"):                                       {Name: "e", State: fleet.EngineUp},
		gate("engine", Inconclusive, "the engine has not been seen yet"):               {},
		gate("engine", Inconclusive, "engine e is down: no route to host"):             {Name: "e", State: fleet.EngineDown, Error: "no route to host"},
		gate("engine", Inconclusive, "engine e is hung: no answer for 10 s"):           {Name: "e", State: fleet.EngineHung, Error: "no answer for 10 s"},
		gate("engine", Inconclusive, "engine e is connecting: "):                       {Name: "e", State: fleet.EngineConnecting},
		gate("engine", Inconclusive, "engine another is : its state is not known yet"): {Name: "another", Error: "its state is not known yet"},
	} {
		assert.Equal(t, want, engineGate(RobotFacts{Engine: e}))
	}
}

func TestTheLockGate(t *testing.T) {
	containers := func(name, label string) []fleet.Container { return []fleet.Container{{Name: name, Lock: label}} }
	hold := &Hold{By: "bob", Reason: "on loan"}
	for name, test := range map[string]struct {
		f        RobotFacts
		override string
		want     Outcome
		reason   string
	}{
		"not locked":              {RobotFacts{}, "", Pass, "not locked"},
		"an operator":             {RobotFacts{Hold: hold}, "", Fail, "locked by bob: on loan"},
		"without a reason":        {RobotFacts{Hold: &Hold{By: "bob"}}, "", Fail, "locked by bob: no reason is given"},
		"the robot itself":        {RobotFacts{Robot: fleet.Robot{UpdateLock: &fleet.UpdateLock{Locked: true}}}, "", Fail, "the robot asks not to be updated"},
		"the robot, no more":      {RobotFacts{Robot: fleet.Robot{UpdateLock: &fleet.UpdateLock{}}}, "", Pass, "not locked"},
		"its container's label":   {RobotFacts{Robot: fleet.Robot{Containers: containers("amr", "calibrates")}}, "", Fail, "the container's label locks it: calibrates"},
		"another container's":     {RobotFacts{Robot: fleet.Robot{Containers: containers("lidar", "calibrates")}}, "", Pass, "not locked"},
		"an operator, overridden": {RobotFacts{Hold: hold}, "eve: it is back", Pass, "locked by bob: on loan; overridden by eve: it is back"},
		"an old lock of the robot still counts": {
			RobotFacts{Robot: fleet.Robot{UpdateLock: &fleet.UpdateLock{Locked: true, Receive: ago(time.Hour)}}}, "", Fail, "the robot asks not to be updated",
		},
		"a lock that is not there is not overridden": {RobotFacts{}, "eve: why not", Pass, "not locked"},
	} {
		rp := RobotPlan{Container: "amr"}
		rs := RobotStatus{Override: test.override, Overridden: lockOf(rp, test.f)}
		assert.Equal(t, gate("lock", test.want, "%s", test.reason), lockGate(rp, test.f, rs), name)
		if test.want == Pass && rs.Overridden != "" {
			rs.Overridden = "locked by ada: another time"
			assert.Equal(t, Fail, lockGate(rp, test.f, rs).Outcome, "%s: it was another lock that was overridden", name)
		}
	}
}

func TestTheStationaryAndIdleGates(t *testing.T) {
	for name, test := range map[string]struct {
		pose             *fleet.Pose
		still            time.Time
		stationary, idle Outcome
		reason           string // of idle, which wants a minute
	}{
		"stands":                           {&fleet.Pose{Receive: t0}, ago(time.Minute), Pass, Pass, "has stood still for 1m0s"},
		"has just stopped":                 {&fleet.Pose{Receive: t0}, ago(59 * time.Second), Pass, Fail, "has stood still for 59s, wants 1m0s"},
		"stands since who knows":           {&fleet.Pose{Receive: t0}, time.Time{}, Pass, Fail, ""},
		"noise":                            {&fleet.Pose{Receive: t0, Speed: 0.02, Turn: -0.02}, ago(time.Hour), Pass, Pass, "has stood still for 1h0m0s"},
		"drives":                           {&fleet.Pose{Receive: t0, Speed: 0.03}, ago(time.Hour), Fail, Fail, "drives at 0.03 m/s, turns at 0.00 rad/s"},
		"drives backwards":                 {&fleet.Pose{Receive: t0, Speed: -0.5}, ago(time.Hour), Fail, Fail, "drives at -0.50 m/s, turns at 0.00 rad/s"},
		"turns":                            {&fleet.Pose{Receive: t0, Turn: -0.1}, ago(time.Hour), Fail, Fail, "drives at 0.00 m/s, turns at -0.10 rad/s"},
		"fresh enough":                     {&fleet.Pose{Receive: ago(3 * time.Second)}, ago(time.Hour), Pass, Pass, "has stood still for 1h0m0s"},
		"an old pose":                      {&fleet.Pose{Receive: ago(3001 * time.Millisecond)}, ago(time.Hour), Inconclusive, Inconclusive, "the last pose is 3s old"},
		"drove when last heard":            {&fleet.Pose{Receive: ago(time.Minute), Speed: 1}, ago(time.Hour), Inconclusive, Inconclusive, "the last pose is 1m0s old"},
		"no pose":                          {nil, time.Time{}, Inconclusive, Inconclusive, "no pose yet; a robot that has none is touched when the spec says moving"},
		"a pose from the future":           {&fleet.Pose{Receive: t0.Add(2001 * time.Millisecond)}, ago(time.Hour), Inconclusive, Inconclusive, "the last pose is -2s old"},
		"a clock that was set by a second": {&fleet.Pose{Receive: t0.Add(time.Second)}, ago(time.Hour), Pass, Pass, ""},
	} {
		g := stationaryGate(test.pose, t0)
		assert.Equal(t, test.stationary, g.Outcome, name)
		assert.Equal(t, "stationary", g.Name)
		g = idleGate(&fleet.Robot{Pose: test.pose, StillSince: test.still}, time.Minute, t0, ago(time.Hour))
		assert.Equal(t, test.idle, g.Outcome, name)
		assert.Equal(t, "idle", g.Name)
		if test.reason != "" {
			assert.Equal(t, test.reason, g.Reason, name)
		}
	}
}

// Time before this manager watched does not count: nobody saw whether it stood.
func TestARobotIsIdleForAsLongAsItWasWatched(t *testing.T) {
	r := &fleet.Robot{Pose: &fleet.Pose{Receive: t0}, StillSince: ago(time.Hour)}
	assert.Equal(t, gate("idle", Fail, "has stood still for 59s, wants 1m0s"), idleGate(r, time.Minute, t0, ago(59*time.Second)))
	assert.Equal(t, gate("idle", Pass, "has stood still for 1m0s"), idleGate(r, time.Minute, t0, ago(time.Minute)))
}

// A robot without a pose is touched if nothing would be stopped.
func TestNothingIsStoppedOfARobotWhoseContainerDoesNotRun(t *testing.T) {
	for name, test := range map[string]struct {
		change func(f *RobotFacts)
		want   Outcome
	}{
		"it runs":                {func(*RobotFacts) {}, Inconclusive},
		"it is stopped":          {func(f *RobotFacts) { f.Robot.Containers[0].State = "exited" }, Pass},
		"it is gone":             {func(f *RobotFacts) { f.Robot.Containers = nil }, Pass},
		"who knows: engine down": {func(f *RobotFacts) { f.Robot.Containers, f.Engine.State = nil, fleet.EngineDown }, Inconclusive},
		"stopped, and it drives": {func(f *RobotFacts) { f.Robot.Containers, f.Robot.Pose = nil, &fleet.Pose{Receive: t0, Speed: 1} }, Fail},
		"stopped, and it stands": {func(f *RobotFacts) { f.Robot.Containers, f.Robot.Pose = nil, &fleet.Pose{Receive: t0} }, Pass},
		"another of its has ended": {func(f *RobotFacts) {
			f.Robot.Containers = append(f.Robot.Containers, fleet.Container{Name: "lidar", Role: fleet.RoleCurrent, State: "exited"})
		}, Inconclusive},
	} {
		w := newWorld(1, Spec{})
		f := w.facts().Robots["r1"]
		f.Robot.Pose = nil
		test.change(&f)
		d := &decider{plan: &w.plan, s: w.status, now: t0}
		assert.Equal(t, test.want, d.standsStill(0, f).Outcome, name)
	}
}

func TestTheBatteryGates(t *testing.T) {
	b := Before{Charging: true, MinBattery: 0.5}
	for name, test := range map[string]struct {
		battery *fleet.Battery
		want    []Gate
	}{
		"charges": {&fleet.Battery{Receive: t0, Charging: true, Status: "charging", Charge: of(0.6)}, []Gate{
			gate("charging", Pass, "battery is charging"), gate("battery", Pass, "60 %%"),
		}},
		"full, off the charger's current": {&fleet.Battery{Receive: t0, Status: "full", Charge: of(1.0)}, []Gate{
			gate("charging", Pass, "battery is full"), gate("battery", Pass, "100 %%"),
		}},
		"on its way, just enough": {&fleet.Battery{Receive: t0, Status: "discharging", Charge: of(0.5)}, []Gate{
			gate("charging", Fail, "battery is discharging"), gate("battery", Pass, "50 %%"),
		}},
		"low": {&fleet.Battery{Receive: t0, Charging: true, Status: "charging", Charge: of(0.49)}, []Gate{
			gate("charging", Pass, "battery is charging"), gate("battery", Fail, "49 %%, wants 50 %%"),
		}},
		"does not tell": {&fleet.Battery{Receive: t0, Charging: true, Status: "charging"}, []Gate{
			gate("charging", Pass, "battery is charging"), gate("battery", Inconclusive, "the battery does not tell its charge"),
		}},
		"fresh enough": {&fleet.Battery{Receive: ago(30 * time.Second), Charging: true, Status: "charging", Charge: of(0.6)}, []Gate{
			gate("charging", Pass, "battery is charging"), gate("battery", Pass, "60 %%"),
		}},
		"old":             {&fleet.Battery{Receive: ago(31 * time.Second), Charging: true, Charge: of(0.6)}, []Gate{gate("battery", Inconclusive, "no fresh battery state")}},
		"from the future": {&fleet.Battery{Receive: t0.Add(time.Minute), Charging: true, Charge: of(0.6)}, []Gate{gate("battery", Inconclusive, "no fresh battery state")}},
		"none":            {nil, []Gate{gate("battery", Inconclusive, "no fresh battery state")}},
	} {
		assert.Equal(t, test.want, b.batteryGates(test.battery, t0), name)
	}
	low := &fleet.Battery{Receive: t0, Status: "discharging", Charge: of(0.1)}
	assert.Equal(t, []Gate{gate("charging", Fail, "battery is discharging")}, Before{Charging: true}.batteryGates(low, t0), "the charge is not asked for")
	assert.Equal(t, []Gate{gate("battery", Fail, "10 %%, wants 20 %%")}, Before{MinBattery: 0.2}.batteryGates(low, t0), "charging is not asked for")
}

// Only the gates that the spec asks for are there, and always engine and lock.
func TestTheGatesBeforeAreThoseOfTheSpec(t *testing.T) {
	for name, test := range map[string]struct {
		before Before
		want   []string
	}{
		"default": {Before{}, []string{"engine", "lock", "stationary"}},
		"none":    {Before{Moving: true}, []string{"engine", "lock"}},
		"all":     {Before{Stationary: true, Idle: 1, Charging: true, MinBattery: 0.1}, []string{"engine", "lock", "stationary", "idle", "charging", "battery"}},
		"charge":  {Before{Moving: true, MinBattery: 0.1}, []string{"engine", "lock", "battery"}},
		"docking": {Before{Moving: true, Charging: true}, []string{"engine", "lock", "charging"}},
	} {
		w := newWorld(1, Spec{Before: test.before})
		f := w.facts()
		d := &decider{plan: &w.plan, s: w.status, facts: f, now: w.now}
		var names []string
		for _, g := range d.before(0) {
			names = append(names, g.Name)
		}
		assert.Equal(t, test.want, names, name)
	}
}

func TestTheWorstOutcomeCounts(t *testing.T) {
	gates := func(outcomes ...Outcome) []Gate {
		var g []Gate
		for _, o := range outcomes {
			g = append(g, gate("g", o, "%s!", o))
		}
		return g
	}
	assert.Equal(t, Pass, worst(nil))
	assert.Equal(t, Pass, worst(gates(Pass, Pass)))
	assert.Equal(t, Inconclusive, worst(gates(Pass, Inconclusive)))
	assert.Equal(t, Fail, worst(gates(Inconclusive, Fail, Pass)))
	assert.Equal(t, GateError, worst(gates(Fail, GateError, Inconclusive)))
	assert.Equal(t, "inconclusive!; fail!", objections(gates(Inconclusive, Pass, Fail)))
	assert.Empty(t, objections(gates(Pass)))
}
