package rollout

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/muster-fleet/muster/internal/fleet"
)

// planOf is what a plan for n robots, r1, r2 …, is made from; a test changes it.
func planOf(n int) PlanInput {
	w := newFleet(t0, n)
	return PlanInput{
		ID: "ro", By: "ada", Spec: Spec{Image: "registry/amr:2", Robots: "all"}, Generation: 7, Now: t0, Fleet: w.snapshot(),
		Image: PinnedImage{Ref: "registry/amr:2", Repository: "registry/amr", Digest: newDigest, Platforms: []string{"linux/amd64", "linux/arm64"}},
		Holds: make(map[string]Hold), Busy: make(map[string]string), Previews: make(map[string]Preview),
	}
}

func TestARobotIsLeftOutForAReason(t *testing.T) {
	for name, test := range map[string]struct {
		change func(in *PlanInput, r *fleet.Robot, e *fleet.Engine)
		why    string
	}{
		"takes part": {func(*PlanInput, *fleet.Robot, *fleet.Engine) {}, ""},
		"offline": {func(_ *PlanInput, r *fleet.Robot, _ *fleet.Engine) {
			r.Quality, r.LastSeen = fleet.QualityOffline, t0.Add(-time.Minute)
		}, "offline for 1m0s"},
		"offline, and to be waited for": {func(in *PlanInput, r *fleet.Robot, _ *fleet.Engine) {
			in.Spec.Offline, r.Quality = OfflineWait, fleet.QualityOffline
		}, ""},
		"offline, and to block": {func(in *PlanInput, r *fleet.Robot, e *fleet.Engine) {
			in.Spec.Offline, r.Quality, e.State = OfflineBlock, fleet.QualityOffline, fleet.EngineDown
		}, ""},
		"stale is not offline": {func(_ *PlanInput, r *fleet.Robot, _ *fleet.Engine) { r.Quality = fleet.QualityStale }, ""},
		"engine down": {func(_ *PlanInput, _ *fleet.Robot, e *fleet.Engine) {
			e.State, e.Error = fleet.EngineDown, "no route to host"
		}, "engine e-r2 is not up: no route to host"},
		"engine not seen": {func(_ *PlanInput, _ *fleet.Robot, e *fleet.Engine) { e.Name = "another" }, "engine e-r2 is not up: not seen yet"},
		"already there": {func(_ *PlanInput, r *fleet.Robot, _ *fleet.Engine) {
			r.Containers[0].Image.Digest = newDigest
		}, "already runs " + newDigest},
		"there, and stopped": {func(_ *PlanInput, r *fleet.Robot, _ *fleet.Engine) {
			r.Containers[0].Image.Digest, r.Containers[0].State = newDigest, "exited"
		}, ""},
		"pinned": {func(_ *PlanInput, r *fleet.Robot, _ *fleet.Engine) {
			r.Labels[LabelPinned] = "certified as it is"
		}, "is pinned: certified as it is"},
		"pinned without a reason": {func(_ *PlanInput, r *fleet.Robot, _ *fleet.Engine) {
			r.Labels[LabelPinned] = ""
		}, "is pinned: no reason is given"},
		"locked": {func(in *PlanInput, _ *fleet.Robot, _ *fleet.Engine) {
			in.Holds["r2"] = Hold{Robot: "r2", By: "bob", Reason: "on loan"}
		}, "is locked by bob: on loan"},
		"wrong platform": {func(_ *PlanInput, _ *fleet.Robot, e *fleet.Engine) {
			e.Arch = "riscv64"
		}, "the image is not made for linux/riscv64, only for linux/amd64, linux/arm64"},
		"platform of the engine not known": {func(_ *PlanInput, _ *fleet.Robot, e *fleet.Engine) { e.OS, e.Arch = "", "" }, ""},
		"platforms of the image not known": {func(in *PlanInput, _ *fleet.Robot, e *fleet.Engine) {
			in.Image.Platforms, e.Arch = nil, "riscv64"
		}, ""},
		"no space": {func(in *PlanInput, _ *fleet.Robot, _ *fleet.Engine) {
			in.Spec.Before.MinFree = 1e9
			in.Previews["r2"] = Preview{Need: 1.5e9, Free: 2e9}
		}, "the engine's disk has 2.0 GB free, the image needs 2.5 GB"},
		"just enough space": {func(in *PlanInput, _ *fleet.Robot, _ *fleet.Engine) {
			in.Previews["r2"] = Preview{Need: 2e9, Free: 2e9}
		}, ""},
		"no container": {func(_ *PlanInput, r *fleet.Robot, _ *fleet.Engine) { r.Containers = nil }, "has no container that is known"},
		"not the container that is named": {func(in *PlanInput, r *fleet.Robot, _ *fleet.Engine) {
			in.Spec.Container, r.Containers[0].Name = "amr", "other"
		}, "has no container amr"},
	} {
		t.Run(name, func(t *testing.T) {
			in := planOf(2)
			test.change(&in, &in.Fleet.Robots[1], &in.Fleet.Engines[1])
			p, err := NewPlan(in)
			require.NoError(t, err)
			assert.Empty(t, p.Robots[0].Skip, "r1 takes part")
			assert.Equal(t, "r2", p.Robots[1].Robot)
			assert.Equal(t, test.why, p.Robots[1].Skip)
		})
	}
}

func TestAPlanIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(in *PlanInput)
		err    string
	}{
		"nobody is left": {func(in *PlanInput) {
			in.Holds["r1"], in.Holds["r2"] = Hold{By: "bob"}, Hold{By: "bob"}
		}, "robots: nothing to do: r1 is locked by bob: no reason is given; r2 is locked by bob: no reason is given"},
		"another rollout has a robot": {func(in *PlanInput) { in.Busy["r2"] = "earlier" }, "robots: robot r2 is in rollout earlier"},
		"no such robot":               {func(in *PlanInput) { in.Spec.Robots = "r1,r9" }, "robots: no robot matches r9"},
		"no such label":               {func(in *PlanInput) { in.Spec.Robots = "hall=south" }, `robots: no robot matches "hall=south"`},
		"what can not be kept": {func(in *PlanInput) {
			in.Previews["r2"] = Preview{Free: -1, Refused: "volume driver nfs"}
		}, "robots: container amr of robot r2 can not be replaced: volume driver nfs"},
		"several containers": {func(in *PlanInput) {
			c := in.Fleet.Robots[1].Containers[0]
			c.Name, c.ID = "amr2", "x"
			in.Fleet.Robots[1].Containers = append(in.Fleet.Robots[1].Containers, c)
		}, "container: robot r2 has amr, amr2: name one"},
		"a wrong spec": {func(in *PlanInput) { in.Spec.OnFailure = "cry" }, "on_failure: \"cry\" is none of"},
	} {
		t.Run(name, func(t *testing.T) {
			in := planOf(2)
			test.change(&in)
			_, err := NewPlan(in)
			require.Error(t, err)
			assert.Contains(t, err.Error(), test.err)
		})
	}
}

func TestWhatAPlanRefusesOfOthersItQueuesFor(t *testing.T) {
	in := planOf(2)
	in.Busy["r2"], in.Spec.Conflict = "earlier", ConflictQueue
	p, err := NewPlan(in)
	require.NoError(t, err)
	assert.Empty(t, p.Robots[1].Skip)
	in.Spec.Conflict = ConflictRefuse
	_, err = NewPlan(in)
	assert.ErrorIs(t, err, ErrConflict)
	in.Spec.Robots = "r1"
	_, err = NewPlan(in)
	assert.NoError(t, err, "r2 is no matter of this plan")
}

func TestARobotThatIsLeftOutRefusesNoPlan(t *testing.T) {
	in := planOf(2)
	in.Holds["r2"], in.Previews["r2"] = Hold{By: "bob"}, Preview{Free: -1, Refused: "volume driver nfs"}
	p, err := NewPlan(in)
	require.NoError(t, err)
	assert.Contains(t, p.Robots[1].Skip, "is locked by bob")
}

func TestAmongSeveralContainersTheOneOfThisImage(t *testing.T) {
	in := planOf(1)
	r := &in.Fleet.Robots[0]
	add := func(name, service, ref string, role fleet.Role) {
		r.Containers = append(r.Containers, fleet.Container{
			Name: name, Service: service, Engine: "e-r1", Role: role, State: "running", Image: fleet.Image{Ref: ref, Digest: oldDigest},
		})
	}
	add("lidar", "lidar", "registry:5000/lidar:1", fleet.RoleCurrent)
	add("amr.previous", "", "registry/amr:0", fleet.RolePrevious)
	for container, want := range map[string]string{"": "amr", "amr": "amr", "lidar": "lidar"} {
		in.Spec.Container = container
		p, err := NewPlan(in)
		require.NoError(t, err, container)
		assert.Equal(t, want, p.Robots[0].Container, container)
	}
	add("amr-1", "nav", "registry/other:1", fleet.RoleCurrent)
	in.Spec.Container = "nav"
	p, err := NewPlan(in)
	require.NoError(t, err)
	assert.Equal(t, "amr-1", p.Robots[0].Container, "found by its compose service")
}

func TestRepositoryOf(t *testing.T) {
	for ref, want := range map[string]string{
		"amr": "amr", "amr:2": "amr", "registry/amr:2": "registry/amr", "host:5000/amr": "host:5000/amr", "host:5000/amr:2": "host:5000/amr",
		"host:5000/amr@" + newDigest: "host:5000/amr", "host:5000/amr:2@" + newDigest: "host:5000/amr", "": "",
	} {
		assert.Equal(t, want, repositoryOf(ref), ref)
	}
}

// A generation is greater than that of any container of the plan's robots, also
// when the store's counter was lost.
func TestThePlansGenerationIsTheGreatest(t *testing.T) {
	in := planOf(2)
	p, err := NewPlan(in)
	require.NoError(t, err)
	assert.EqualValues(t, 7, p.Generation)
	in.Fleet.Robots[1].Containers[0].Generation = 41
	p, err = NewPlan(in)
	require.NoError(t, err)
	assert.EqualValues(t, 42, p.Generation)
	in.Spec.Robots = "r1"
	p, err = NewPlan(in)
	require.NoError(t, err)
	assert.EqualValues(t, 7, p.Generation, "r2 is no matter of this plan")
}

// Robots go in the order in which people count; those whose odometry is known
// go before those that can be measured by their container alone, and those that
// are left out come last.
func TestTheOrderOfAPlan(t *testing.T) {
	in := planOf(12)
	in.Fleet.Robots[2].Topics = nil
	in.Fleet.Robots[4].Labels[LabelPinned] = "x"
	in.Spec.Robots = "r2,r3,r5,r10,r11"
	p, err := NewPlan(in)
	require.NoError(t, err)
	var order []string
	for _, rp := range p.Robots {
		order = append(order, rp.Robot)
	}
	assert.Equal(t, []string{"r2", "r10", "r11", "r3", "r5"}, order)
}

func TestAPlanKnowsWhatItReplaces(t *testing.T) {
	in := planOf(2)
	in.Spec.MaxPer = []GroupLimit{{Label: "station", Max: 1}, {Label: "absent", Max: 1}}
	p, err := NewPlan(in)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"station": "0"}, p.Robots[0].Groups)
	assert.Equal(t, fleet.Image{Ref: "registry/amr:1", Digest: oldDigest}, p.Robots[0].From)
	target := p.Target(1, RobotStatus{})
	assert.Equal(t, Target{
		Rollout: "ro", Generation: 7, Robot: "r2", Namespace: "/r2", Engine: "e-r2", Container: "amr",
		Image: in.Image, Previous: oldDigest, Prune: true,
	}, target)
	assert.Equal(t, Duration(time.Minute), p.Spec.Deadlines.Verify, "with its defaults")
}

// A share is of the robots that match, in the order in which people count.
func TestAPlanForAShareOfTheRobots(t *testing.T) {
	in := planOf(12)
	in.Spec.Robots = "r?,r1?,25%"
	p := planMust(t, in)
	assert.Equal(t, [][]string{{"r1"}, {"r2", "r3"}}, wavesOf(p))
}

// The same input gives the same plan, and every robot is in it once.
func TestAPlanHasEveryRobotOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "robots")
		in := planOf(n)
		for i := range n {
			if rapid.IntRange(0, 3).Draw(t, "skip") == 0 {
				in.Fleet.Robots[i].Labels[LabelPinned] = ""
			}
		}
		p, err := NewPlan(in)
		if err != nil {
			return // all are pinned
		}
		seen := make(map[string]int)
		for _, rp := range p.Robots {
			seen[rp.Robot]++
		}
		for i := range n {
			if id := fmt.Sprintf("r%d", i+1); seen[id] != 1 {
				t.Fatalf("%s is %d times in the plan", id, seen[id])
			}
		}
		again, _ := NewPlan(in)
		assert.Equal(t, p, again)
	})
}

func planMust(t *testing.T, in PlanInput) Plan {
	t.Helper()
	p, err := NewPlan(in)
	require.NoError(t, err)
	return p
}
