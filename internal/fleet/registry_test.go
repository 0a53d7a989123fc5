package fleet

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func place(ns string) At { return At{Namespace: ns} }

func pose(ns string, x float64, at time.Time) PoseObserved {
	return PoseObserved{place(ns), Pose{X: x, Frame: "map", Receive: at}}
}

func newRegistry() *Registry { return NewRegistry(&Journal{}) }

func kinds(r *Registry) []string {
	events, _ := r.Journal().Since(0, 1000)
	var out []string
	for _, e := range events {
		out = append(out, e.Kind+" "+e.Robot+e.Engine)
	}
	return out
}

func TestQualityFollowsTheAgeOfThePose(t *testing.T) {
	r := newRegistry()
	for i := range 20 {
		at := t0.Add(time.Duration(i) * 100 * time.Millisecond)
		r.Apply(at, pose("/robot1", 1, at))
	}
	last := t0.Add(1900 * time.Millisecond)
	for _, tc := range []struct {
		after time.Duration
		want  Quality
	}{
		{100 * time.Millisecond, QualityLive},
		{600 * time.Millisecond, QualityLate},
		{6 * time.Second, QualityStale},
		{16 * time.Second, QualityOffline},
	} {
		r.Sweep(last.Add(tc.after))
		robot, ok := r.Robot("robot1")
		require.True(t, ok)
		assert.Equal(t, tc.want, robot.Quality, "after %v", tc.after)
		assert.NotNil(t, robot.Pose, "an offline robot keeps its last pose")
	}
	r.Apply(last.Add(20*time.Second), pose("/robot1", 2, last.Add(20*time.Second)))
	assert.Equal(t, []string{"robot.appeared robot1", "robot.offline robot1", "robot.online robot1"}, kinds(r))
}

func TestBatteryAloneKeepsARobotFromBeingOffline(t *testing.T) {
	r := newRegistry()
	r.Apply(t0, pose("/robot1", 1, t0))
	later := t0.Add(20 * time.Second)
	r.Apply(later, BatteryObserved{place("/robot1"), Battery{Status: "charging", Receive: later}})
	robot, _ := r.Robot("robot1")
	assert.Equal(t, QualityStale, robot.Quality)
}

func TestTheStrongestSourceNamesTheRobot(t *testing.T) {
	r := newRegistry()
	r.Apply(t0, pose("/robot1", 4, t0))
	r.Apply(t0, EngineObserved{
		Engine{Name: "e1", State: EngineUp},
		[]Container{{ID: "c", Name: "driver", Engine: "e1", RobotID: "amr-01", Namespace: "/robot1"}},
	})
	_, ok := r.Robot("robot1")
	assert.False(t, ok, "the domain's name gives way")
	robot, ok := r.Robot("amr-01")
	require.True(t, ok)
	assert.Equal(t, 4.0, robot.Pose.X)
	assert.Equal(t, []Source{SourceContainer, SourceDomain}, robot.Sources)
	assert.Equal(t, "e1", robot.Engine)
	require.Len(t, robot.Containers, 1)

	r.Apply(t0, InventoryObserved{ID: "north-1", Namespace: "/robot1", Labels: map[string]string{"hall": "north"}})
	robot, ok = r.Robot("north-1")
	require.True(t, ok)
	assert.Equal(t, 4.0, robot.Pose.X)
	_, gone, _, complete := r.Changes(0, nil)
	assert.True(t, complete)
	assert.Equal(t, []string{"robot1", "amr-01"}, []string{gone[0].ID, gone[1].ID})
}

func TestANamespaceWithoutAPoseIsNoRobotButIsRemembered(t *testing.T) {
	r := newRegistry()
	nodes := []Node{{Name: "driver", Namespace: "/robot1"}}
	r.Apply(t0, GraphObserved{place("/robot1"), nodes, false})
	assert.Empty(t, r.Snapshot().Robots)
	r.Apply(t0, pose("/robot1", 0, t0))
	robot, _ := r.Robot("robot1")
	assert.Equal(t, nodes, robot.Nodes)
}

func TestAnEngineThatGoesDownKeepsItsContainers(t *testing.T) {
	r := newRegistry()
	c := []Container{{ID: "c", Name: "driver", Engine: "e1", RobotID: "r1", State: "running"}}
	r.Apply(t0, EngineObserved{Engine{Name: "e1", State: EngineUp}, c})
	r.Apply(t0, EngineObserved{Engine: Engine{Name: "e1", State: EngineDown, Error: "connection refused"}})
	robot, _ := r.Robot("r1")
	assert.Len(t, robot.Containers, 1)
	r.Apply(t0, EngineObserved{Engine{Name: "e1", State: EngineUp}, []Container{}})
	robot, _ = r.Robot("r1")
	assert.Empty(t, robot.Containers)
	assert.Equal(t, []string{"engine.up e1", "robot.appeared r1", "engine.down e1", "engine.up e1"}, kinds(r))
}

func TestDiagnosticsKeepTheLastWordOfEachComponent(t *testing.T) {
	r := newRegistry()
	r.Apply(t0, pose("/r", 0, t0))
	say := func(name string, l Level) {
		r.Apply(t0, DiagnosticsObserved{place("/r"), []Diagnostic{{Name: name, Level: l}}, t0})
	}
	say("motor", LevelError)
	say("laser", LevelOK)
	robot, _ := r.Robot("r")
	assert.Equal(t, LevelError, robot.Diagnostics.Worst)
	say("motor", LevelOK)
	robot, _ = r.Robot("r")
	assert.Equal(t, LevelOK, robot.Diagnostics.Worst)
	assert.Len(t, robot.Diagnostics.Items, 2)
}

// The same words again and again are not copied; when they came is known all the
// same, also once others follow.
func TestWhenAComponentWasHeardOf(t *testing.T) {
	r := newRegistry()
	r.Apply(t0, pose("/r", 0, t0))
	motor, laser := []Diagnostic{{Name: "motor", Level: LevelOK}}, []Diagnostic{{Name: "laser", Level: LevelOK}}
	for i, items := range [][]Diagnostic{motor, motor, motor, laser, laser} {
		at := t0.Add(time.Duration(i) * time.Second)
		r.Apply(at, DiagnosticsObserved{place("/r"), items, at})
	}
	robot, _ := r.Robot("r")
	assert.Equal(t, t0.Add(2*time.Second), robot.Diagnostics.Heard("motor"))
	assert.Equal(t, t0.Add(4*time.Second), robot.Diagnostics.Heard("laser"))
	assert.Zero(t, robot.Diagnostics.Heard("arm"))
}

func TestChangesSinceAVersion(t *testing.T) {
	r := newRegistry()
	r.Apply(t0, pose("/a", 0, t0), pose("/b", 0, t0))
	_, _, v, _ := r.Changes(0, nil)
	r.Apply(t0, pose("/b", 1, t0))
	robots, _, _, _ := r.Changes(v, nil)
	require.Len(t, robots, 1)
	assert.Equal(t, "b", robots[0].ID)
}

// However observations are mixed, a place belongs to at most one robot, every
// robot finds itself at its place, and versions only grow.
func TestIdentityHoldsUnderAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRegistry()
		ns := rapid.SampledFrom([]string{"/a", "/b", "/c"})
		id := rapid.SampledFrom([]string{"a", "b", "x", "y", ""})
		var version uint64
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				r.Apply(t0, pose(ns.Draw(t, "ns"), float64(i), t0))
			case 1:
				r.Apply(t0, GraphObserved{place(ns.Draw(t, "ns")), nil, true})
			case 2:
				c := Container{ID: fmt.Sprint(i), RobotID: id.Draw(t, "id"), Namespace: ns.Draw(t, "ns")}
				r.Apply(t0, EngineObserved{Engine{Name: "e"}, []Container{c}})
			case 3:
				if who := id.Draw(t, "id"); who != "" {
					r.Apply(t0, InventoryObserved{ID: who, Namespace: ns.Draw(t, "ns")})
				}
			case 4:
				r.Apply(t0, Deregistered{id.Draw(t, "id")})
			}
			s := r.Snapshot()
			if s.Version < version {
				t.Fatalf("version fell from %d to %d", version, s.Version)
			}
			version = s.Version
			var places []string
			for _, robot := range s.Robots {
				if robot.Namespace != "" {
					places = append(places, robot.Namespace)
					if r.byAt[place(robot.Namespace)].robot.ID != robot.ID {
						t.Fatalf("%s is not at its place %s", robot.ID, robot.Namespace)
					}
				}
			}
			slices.Sort(places)
			if len(slices.Compact(slices.Clone(places))) != len(places) {
				t.Fatalf("two robots at one place: %v", places)
			}
		}
	})
}

func TestJournalTellsOfAGap(t *testing.T) {
	var j Journal
	for range JournalSize + 5 {
		j.Record(Event{})
	}
	events, gap := j.Since(0, 3)
	assert.True(t, gap)
	assert.Equal(t, uint64(6), events[0].Seq)
	events, gap = j.Since(JournalSize+3, 100)
	assert.False(t, gap)
	assert.Len(t, events, 2)
}

func TestGridRefusesWhatDoesNotFit(t *testing.T) {
	_, err := NewGrid("map", 1<<20, 1<<20, 0.05, 0, 0, 0, nil)
	require.ErrorContains(t, err, "out of range")
	_, err = NewGrid("map", 2, 2, 0.05, 0, 0, 0, make([]int8, 3))
	require.ErrorContains(t, err, "3 cells")
	a, err := NewGrid("map", 2, 2, 0.05, 0, 0, 0, make([]int8, 4))
	require.NoError(t, err)
	b, err := NewGrid("map", 2, 2, 0.05, 0, 0, 0, []int8{0, 0, 0, 1})
	require.NoError(t, err)
	assert.NotEqual(t, a.Hash, b.Hash)
}

// One number that JSON cannot hold would cost the answer about the whole fleet.
func TestWhatJSONCannotHoldIsNotKept(t *testing.T) {
	r := newRegistry()
	nan, inf := math.NaN(), math.Inf(1)
	sound := pose("/a", 1, t0)
	r.Apply(t0, sound)
	for _, bad := range []Pose{{X: nan}, {Y: inf}, {Yaw: nan}, {Speed: -inf}, {Turn: nan}} {
		bad.Receive = t0.Add(time.Second)
		r.Apply(t0, PoseObserved{place("/a"), bad}, PoseObserved{place("/b"), bad})
	}
	r.Apply(t0, BatteryObserved{place("/a"), Battery{Charge: &nan, Voltage: &inf, Current: &nan, Receive: t0}},
		TopicsObserved{place("/a"), []Topic{{Name: "/a/odom", Hz: nan, UsualHz: inf}}})
	s := r.Snapshot()
	_, err := json.Marshal(s.Robots)
	require.NoError(t, err)
	require.Len(t, s.Robots, 1, "a pose that is none makes no robot")
	assert.Equal(t, sound.Pose, *s.Robots[0].Pose)
	assert.Nil(t, s.Robots[0].Battery.Charge)
}
