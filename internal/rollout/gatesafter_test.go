package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/muster-fleet/muster/internal/fleet"
)

// verified is a plan for one robot whose new container has run since 10 s, and
// what is known of it; a test changes both.
func verified() (Plan, RobotStatus, RobotFacts) {
	p := Plan{
		Generation: 7, Image: PinnedImage{Repository: "registry/amr", Digest: newDigest},
		Spec:   Spec{After: After{MinRate: new(0.8), MaxRestarts: 1}},
		Robots: []RobotPlan{{Robot: "r1", Container: "amr", Expect: Expect{Nodes: []string{"/r1/driver", "/r1/nav"}}}},
	}
	f := RobotFacts{
		Known: true, Engine: fleet.Engine{Name: "e", State: fleet.EngineUp},
		Robot: fleet.Robot{
			ID: "r1", Namespace: "/r1",
			Containers: []fleet.Container{
				{Name: "amr.previous", Role: fleet.RolePrevious, State: "exited", Generation: 3},
				{Name: "amr", State: "running", Generation: 7, Digest: newDigest, Health: "healthy"},
			},
			Nodes:       []fleet.Node{{Name: "driver", Namespace: "/r1"}, {Name: "nav", Namespace: "/r1"}},
			Topics:      []fleet.Topic{{Name: "/r1/odom", Hz: 10, Last: t0}},
			Diagnostics: &fleet.Diagnostics{Receive: t0, Items: []fleet.Diagnostic{{Name: "motor", Level: fleet.LevelOK}}},
		},
	}
	return p, RobotStatus{Step: StepVerifying, Since: ago(10 * time.Second)}, f
}

func TestTheContainerGate(t *testing.T) {
	for name, test := range map[string]struct {
		change func(c *fleet.Container, rs *RobotStatus, f *RobotFacts)
		want   Outcome
		reason string
	}{
		"runs":            {func(*fleet.Container, *RobotStatus, *RobotFacts) {}, Pass, "runs 222222222222"},
		"without a check": {func(c *fleet.Container, _ *RobotStatus, _ *RobotFacts) { c.Health = "" }, Pass, "runs 222222222222"},
		"starting":        {func(c *fleet.Container, _ *RobotStatus, _ *RobotFacts) { c.Health = "starting" }, Fail, "the health check of amr has not passed yet"},
		"unhealthy":       {func(c *fleet.Container, _ *RobotStatus, _ *RobotFacts) { c.Health = "unhealthy" }, GateError, "container amr is unhealthy"},
		"one restart":     {func(c *fleet.Container, _ *RobotStatus, _ *RobotFacts) { c.Restarts = 1 }, Pass, "runs 222222222222"},
		"two restarts":    {func(c *fleet.Container, _ *RobotStatus, _ *RobotFacts) { c.Restarts = 2 }, GateError, "container amr has restarted 2 times"},
		"ended":           {func(c *fleet.Container, _ *RobotStatus, _ *RobotFacts) { c.State, c.ExitCode = "exited", 139 }, GateError, "container amr ended with code 139"},
		"dead":            {func(c *fleet.Container, _ *RobotStatus, _ *RobotFacts) { c.State = "dead" }, GateError, "container amr ended with code 0"},
		"restarting":      {func(c *fleet.Container, _ *RobotStatus, _ *RobotFacts) { c.State = "restarting" }, Fail, "container amr is restarting"},
		"paused":          {func(c *fleet.Container, _ *RobotStatus, _ *RobotFacts) { c.State = "paused" }, Fail, "container amr is paused"},
		"the list may lag": {func(c *fleet.Container, rs *RobotStatus, _ *RobotFacts) {
			c.State, rs.Since = "exited", ago(2*time.Second)
		}, Fail, "container amr is exited"},
		"another generation":   {func(c *fleet.Container, _ *RobotStatus, _ *RobotFacts) { c.Generation = 8 }, Fail, "the new container is not there"},
		"another image":        {func(c *fleet.Container, _ *RobotStatus, _ *RobotFacts) { c.Digest = oldDigest }, Fail, "the new container is not there"},
		"not yet in its place": {func(c *fleet.Container, _ *RobotStatus, _ *RobotFacts) { c.Name = "amr.successor" }, Fail, "the new container is not there"},
		"the engine is down": {func(_ *fleet.Container, _ *RobotStatus, f *RobotFacts) {
			f.Engine.State, f.Engine.Error = fleet.EngineDown, "x"
		}, Inconclusive, "engine e is down: x"},
		"unhealthy, not heard": {func(c *fleet.Container, _ *RobotStatus, f *RobotFacts) {
			c.Health, f.Engine.State = "unhealthy", fleet.EngineHung
		}, Inconclusive, "engine e is hung: "},
		"the engine is unknown": {func(_ *fleet.Container, _ *RobotStatus, f *RobotFacts) { f.Engine = fleet.Engine{} }, Inconclusive, "the engine has not been seen yet"},
	} {
		p, rs, f := verified()
		test.change(&f.Robot.Containers[1], &rs, &f)
		assert.Equal(t, gate("container", test.want, "%s", test.reason), p.containerGate(0, rs, f, t0), name)
	}
}

func TestTheNodesGate(t *testing.T) {
	fresh := t0.Add(-9 * time.Second) // the replacement was begun 11 s ago, and has run for 10 s
	node := func(ns, name string, since time.Time) fleet.Node {
		return fleet.Node{Name: name, Namespace: ns, Since: since}
	}
	for name, test := range map[string]struct {
		nodes  []fleet.Node
		runs   time.Duration // since then
		down   bool          // the domain
		want   Outcome
		reason string
	}{
		"back":           {[]fleet.Node{node("/r1", "driver", fresh), node("/r1", "nav", fresh)}, 10 * time.Second, false, Pass, "all 2 nodes are in the graph"},
		"one is missing": {[]fleet.Node{node("/r1", "driver", fresh)}, 10 * time.Second, false, Fail, "not in the graph: /r1/nav"},
		"those of another": {
			[]fleet.Node{node("/r2", "driver", fresh), node("/r1", "more", fresh)}, 10 * time.Second, false, Fail, "not in the graph: /r1/driver, /r1/nav",
		},
		"none": {nil, 10 * time.Second, false, Fail, "not in the graph: /r1/driver, /r1/nav"},
		"the domain is away": {
			[]fleet.Node{node("/r1", "driver", fresh), node("/r1", "nav", fresh)}, 10 * time.Second, true, Inconclusive, "the ROS domain does not answer",
		},
		"one may be the old one's": {
			[]fleet.Node{node("/r1", "driver", fresh), node("/r1", "nav", ago(time.Hour))}, 10 * time.Second, false, Inconclusive, "may be the old container's: /r1/nav",
		},
		"missing counts more": {[]fleet.Node{node("/r1", "nav", ago(time.Hour))}, 10 * time.Second, false, Fail, "not in the graph: /r1/driver"},
		"an old and a new one of that name": {
			[]fleet.Node{node("/r1", "driver", fresh), node("/r1", "nav", ago(time.Hour)), node("/r1", "nav", fresh)}, 10 * time.Second, false, Pass, "all 2 nodes are in the graph",
		},
		"outlived the old container's lease": {
			[]fleet.Node{node("/r1", "driver", ago(time.Hour)), node("/r1", "nav", ago(time.Hour))}, 20 * time.Second, false, Pass, "all 2 nodes are in the graph",
		},
	} {
		p, rs, f := verified()
		p.Spec.Deadlines.Verify = Duration(time.Minute)
		rs.Since, rs.Begun = ago(test.runs), ago(test.runs+time.Second)
		f.Robot.Nodes = test.nodes
		d := &decider{plan: &p, now: t0, facts: Facts{DomainOK: !test.down}}
		assert.Equal(t, gate("nodes", test.want, "%s", test.reason), d.nodesGate(&p.Robots[0].Expect, rs, f), name)
	}
}

func TestTheTopicGate(t *testing.T) {
	up := Facts{DomainOK: true}
	odom := TopicExpect{Name: "/r1/odom", Hz: 10}
	for name, test := range map[string]struct {
		expect TopicExpect
		topic  fleet.Topic
		facts  Facts
		want   Outcome
		reason string
	}{
		"at its rate":           {odom, fleet.Topic{Name: "/r1/odom", Hz: 10, Last: t0}, up, Pass, "10.0 Hz of 10.0 Hz"},
		"at four fifths of it":  {odom, fleet.Topic{Name: "/r1/odom", Hz: 8, Last: t0}, up, Pass, "8.0 Hz of 10.0 Hz"},
		"too slow":              {odom, fleet.Topic{Name: "/r1/odom", Hz: 7.9, Last: t0}, up, Fail, "7.9 Hz, wants 8.0 Hz"},
		"listed: all of it":     {TopicExpect{Name: "/r1/odom", Hz: 10, Listed: true}, fleet.Topic{Name: "/r1/odom", Hz: 9.9, Last: t0}, up, Fail, "9.9 Hz, wants 10.0 Hz"},
		"listed, at its rate":   {TopicExpect{Name: "/r1/odom", Hz: 10, Listed: true}, fleet.Topic{Name: "/r1/odom", Hz: 10, Last: t0}, up, Pass, "10.0 Hz of 10.0 Hz"},
		"of the old container":  {odom, fleet.Topic{Name: "/r1/odom", Hz: 10, Last: ago(10 * time.Second)}, up, Fail, "no sample since the new container runs"},
		"silent again":          {odom, fleet.Topic{Name: "/r1/odom", Hz: 10, Last: ago(4 * time.Second)}, up, Fail, "the last sample is 4s old"},
		"not there":             {odom, fleet.Topic{Name: "/r2/odom", Hz: 10, Last: t0}, up, Fail, "no sample since the new container runs"},
		"the domain is away":    {odom, fleet.Topic{Name: "/r1/odom", Hz: 10, Last: t0}, Facts{}, Inconclusive, "the ROS domain does not answer"},
		"slow, and just fresh":  {TopicExpect{Name: "/r1/odom", Hz: 0.5}, fleet.Topic{Name: "/r1/odom", Hz: 0.5, Last: ago(4 * time.Second)}, up, Pass, "0.5 Hz of 0.5 Hz"},
		"slow, and silent":      {TopicExpect{Name: "/r1/odom", Hz: 0.5}, fleet.Topic{Name: "/r1/odom", Hz: 0.5, Last: ago(5 * time.Second)}, up, Fail, "the last sample is 5s old"},
		"just fresh enough yet": {odom, fleet.Topic{Name: "/r1/odom", Hz: 10, Last: ago(3 * time.Second)}, up, Pass, "10.0 Hz of 10.0 Hz"},
	} {
		p, rs, f := verified()
		f.Robot.Topics = []fleet.Topic{test.topic}
		assert.Equal(t, gate("topic /r1/odom", test.want, "%s", test.reason), p.topicGate(test.expect, rs, f, test.facts, t0), name)
	}
}

func TestTheDiagnosticsGate(t *testing.T) {
	up := Facts{DomainOK: true}
	item := func(name string, l fleet.Level, text string) fleet.Diagnostic {
		return fleet.Diagnostic{Name: name, Level: l, Message: text}
	}
	for name, test := range map[string]struct {
		faults []string // before
		items  []fleet.Diagnostic
		want   Outcome
		reason string
	}{
		"well":                    {nil, []fleet.Diagnostic{item("motor", fleet.LevelOK, "")}, Pass, "no component is worse than before"},
		"a warning is no error":   {nil, []fleet.Diagnostic{item("motor", fleet.LevelWarn, "warm")}, Pass, "no component is worse than before"},
		"an error":                {nil, []fleet.Diagnostic{item("motor", fleet.LevelError, "hot")}, Fail, "motor: hot"},
		"an error as before":      {[]string{"motor"}, []fleet.Diagnostic{item("motor", fleet.LevelError, "hot")}, Pass, "no component is worse than before"},
		"an error besides":        {[]string{"motor"}, []fleet.Diagnostic{item("lidar", fleet.LevelError, "dark"), item("motor", fleet.LevelError, "hot")}, Fail, "lidar: dark"},
		"an error that is mended": {[]string{"motor"}, []fleet.Diagnostic{item("motor", fleet.LevelOK, "")}, Pass, "no component is worse than before"},
	} {
		p, rs, f := verified()
		p.Robots[0].Faults, f.Robot.Diagnostics.Items = test.faults, test.items
		assert.Equal(t, gate("diagnostics", test.want, "%s", test.reason), diagnosticsGate(&p.Robots[0].Expect, rs, f, up, t0), name)
	}
	for name, test := range map[string]struct {
		diag   *fleet.Diagnostics
		step   Step
		down   bool // the domain
		want   Outcome
		reason string
	}{
		"the domain is away":              {&fleet.Diagnostics{Receive: t0}, StepVerifying, true, Inconclusive, "the ROS domain does not answer"},
		"none at all":                     {nil, StepVerifying, false, Inconclusive, "no diagnostics since the new container runs"},
		"of the old container":            {&fleet.Diagnostics{Receive: ago(10 * time.Second)}, StepVerifying, false, Inconclusive, "no diagnostics since the new container runs"},
		"of the new one":                  {&fleet.Diagnostics{Receive: ago(9 * time.Second)}, StepVerifying, false, Pass, "no component is worse than before"},
		"while it soaks":                  {&fleet.Diagnostics{Receive: ago(10 * time.Second)}, StepDone, false, Pass, "no component is worse than before"},
		"while it soaks, and silent":      {&fleet.Diagnostics{Receive: ago(11 * time.Second)}, StepDone, false, Inconclusive, "the last diagnostics are 11s old"},
		"while it soaks, and none at all": {nil, StepDone, false, Inconclusive, "no diagnostics since the new container runs"},
	} {
		p, rs, f := verified()
		rs.Step, f.Robot.Diagnostics = test.step, test.diag
		got := diagnosticsGate(&p.Robots[0].Expect, rs, f, Facts{DomainOK: !test.down}, t0)
		assert.Equal(t, gate("diagnostics", test.want, "%s", test.reason), got, name)
	}
}

func TestTheChecksGate(t *testing.T) {
	for name, test := range map[string]struct {
		answer Gate
		asked  time.Time
		want   Outcome
		reason string
	}{
		"yes":                      {Gate{Outcome: Pass, Reason: "exit code 0"}, ago(time.Second), Pass, "exit code 0"},
		"no":                       {Gate{Outcome: Fail, Reason: "exit code 1"}, ago(time.Second), Fail, "exit code 1"},
		"can not be asked":         {Gate{Outcome: GateError, Reason: "no such container"}, ago(time.Second), Inconclusive, "no such container"},
		"an old answer":            {Gate{Outcome: Pass, Reason: "exit code 0"}, ago(9100 * time.Millisecond), Inconclusive, "ready has not answered yet"},
		"just fresh enough":        {Gate{Outcome: Pass, Reason: "exit code 0"}, ago(9 * time.Second), Pass, "exit code 0"},
		"asked the old container":  {Gate{Outcome: Pass, Reason: "exit code 0"}, ago(11 * time.Second), Inconclusive, "ready has not answered yet"},
		"asked as it was replaced": {Gate{Outcome: Pass, Reason: "exit code 0"}, ago(10 * time.Second), Inconclusive, "ready has not answered yet"},
	} {
		p, rs, f := verified()
		p.Spec.After.Checks = []Check{{Name: "ready", Timeout: Duration(time.Second)}}
		f.Probes, f.ProbedAt = []Gate{test.answer}, test.asked
		assert.Equal(t, []Gate{gate("check ready", test.want, "%s", test.reason)}, p.checkGates(rs, f, t0), name)
	}
	p, rs, f := verified()
	p.Spec.After.Checks = []Check{{Name: "one"}, {Name: "two"}}
	f.Probes, f.ProbedAt = []Gate{{Outcome: Pass}}, t0
	assert.Equal(t, Inconclusive, p.checkGates(rs, f, t0)[1].Outcome, "fewer answers than checks")
}

// What is learned or listed is asked, and nothing else; checks only while the
// robot is verified.
func TestTheGatesAfterAreThoseOfThePlan(t *testing.T) {
	names := func(change func(p *Plan, rs *RobotStatus)) []string {
		p, rs, f := verified()
		change(&p, &rs)
		d := &decider{plan: &p, now: t0, facts: Facts{DomainOK: true, Robots: map[string]RobotFacts{"r1": f}}, s: Status{Robots: map[string]RobotStatus{"r1": rs}}}
		var names []string
		for _, g := range d.after(0) {
			names = append(names, g.Name)
		}
		return names
	}
	all := func(p *Plan, _ *RobotStatus) {
		p.Robots[0].Topics = []TopicExpect{{Name: "/r1/odom", Hz: 10}, {Name: "/r1/scan", Hz: 5}}
		p.Robots[0].Followed = []TopicExpect{{Name: "/r1/battery_state", Hz: 1}}
		p.Robots[0].Diagnosed = true
		p.Spec.After.Checks = []Check{{Name: "ready"}}
	}
	assert.Equal(t, []string{"container", "nodes", "topic /r1/odom", "topic /r1/scan", "topic /r1/battery_state", "diagnostics", "check ready"}, names(all))
	assert.Equal(t, []string{"container", "nodes", "topic /r1/odom", "topic /r1/scan", "diagnostics"}, names(func(p *Plan, rs *RobotStatus) {
		all(p, rs)
		rs.Step = StepDone
	}))
	assert.Equal(t, []string{"container", "topic /r1/battery_state"}, names(func(p *Plan, _ *RobotStatus) {
		p.Robots[0].Expect = Expect{Followed: []TopicExpect{{Name: "/r1/battery_state", Hz: 1}}}
	}), "it is known how it was")
	// Nothing is known of how it was: that its container runs is not enough, unless
	// the spec says so.
	assert.Equal(t, []string{"container", "nodes"}, names(func(p *Plan, _ *RobotStatus) { p.Robots[0].Nodes = nil }))
	assert.Equal(t, []string{"container"}, names(func(p *Plan, _ *RobotStatus) {
		p.Robots[0].Nodes, p.Spec.After.SkipNodes, p.Spec.After.SkipTopics = nil, true, true
	}))
}
