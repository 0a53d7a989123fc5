package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// PlanInput is all that a plan is made from.
type PlanInput struct {
	ID         string
	By         string
	Spec       Spec
	Image      PinnedImage
	Generation uint64 // greater than that of every earlier plan
	Fleet      fleet.Snapshot
	Busy       map[string]string // robot → the rollout that has it now
	Holds      map[string]Hold   // by robot: operators' locks
	// Previews are what the engines say of the replacement, by robot; a robot
	// without one was not asked or did not answer.
	Previews map[string]Preview
	Now      time.Time
}

// NewPlan decides which robots take part and in which order. A *FieldError
// names the field of the spec that is wrong; a robot that another rollout has
// gives an error that is ErrConflict.
func NewPlan(in PlanInput) (Plan, error) {
	spec := in.Spec.withDefaults()
	if err := spec.validate(); err != nil {
		return Plan{}, err
	}
	robots, err := selected(spec.Robots, in.Fleet.Robots)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{
		Version: 1, ID: in.ID, CreatedAt: in.Now, CreatedBy: in.By,
		Spec: spec, Image: in.Image, Generation: in.Generation,
	}
	byID := make(map[string]*fleet.Robot, len(robots))
	for i := range robots {
		byID[robots[i].ID] = &robots[i]
		rp, err := planRobot(in, spec, &robots[i])
		if err != nil {
			return Plan{}, err
		}
		for _, c := range robots[i].Containers {
			p.Generation = max(p.Generation, c.Generation+1)
		}
		p.Robots = append(p.Robots, rp)
	}
	p.order()
	if err := p.cutWaves(byID); err != nil {
		return Plan{}, err
	}
	if p.Waves == 0 {
		return Plan{}, fieldErrorf("robots", "nothing to do: %s", p.skips())
	}
	return p, nil
}

func selected(selector string, all []fleet.Robot) ([]fleet.Robot, error) {
	sel, err := ParseSelector(selector)
	if err != nil {
		return nil, err
	}
	if none := sel.unmatched(all); len(none) > 0 {
		return nil, fieldErrorf("robots", "no robot matches %s", strings.Join(none, ", "))
	}
	var picked []fleet.Robot
	for i := range all {
		if sel.Match(&all[i]) {
			picked = append(picked, all[i])
		}
	}
	if len(picked) == 0 {
		return nil, fieldErrorf("robots", "no robot matches %q", selector)
	}
	return sel.first(picked), nil
}

func planRobot(in PlanInput, spec Spec, r *fleet.Robot) (RobotPlan, error) {
	rp := RobotPlan{Robot: r.ID, Namespace: r.Namespace, Domain: r.Domain, Engine: r.Engine}
	if other := in.Busy[r.ID]; other != "" && spec.Conflict == ConflictRefuse {
		return rp, conflictf("robots: robot %s is in rollout %s", r.ID, other)
	}
	c, why, err := pickContainer(spec, in.Image, r)
	if err != nil {
		return rp, err
	}
	if c == nil {
		rp.Skip = why
		return rp, nil
	}
	rp.Container, rp.Engine, rp.From = c.Name, c.Engine, c.Image
	rp.Groups = groupsOf(spec.MaxPer, r)
	rp.Expect = spec.After.expect(r, in.Now, time.Time{})
	rp.Skip = skipReason(in, spec, r, c)
	if why := in.Previews[r.ID].Refused; why != "" && rp.Skip == "" {
		return rp, fieldErrorf("robots", "container %s of robot %s can not be replaced: %s", c.Name, r.ID, why)
	}
	return rp, nil
}

// pickContainer finds the container to replace. Without one it says why; that
// several fit is an error, because guessing would touch the wrong one.
func pickContainer(spec Spec, image PinnedImage, r *fleet.Robot) (*fleet.Container, string, error) {
	var fit, same []*fleet.Container
	for i := range r.Containers {
		c := &r.Containers[i]
		if c.Role != fleet.RoleCurrent {
			continue
		}
		if spec.Container == "" || c.Name == spec.Container || c.Service == spec.Container {
			fit = append(fit, c)
			if repositoryOf(c.Image.Ref) == image.Repository {
				same = append(same, c)
			}
		}
	}
	if len(fit) > 1 && len(same) > 0 {
		fit = same // several containers: the one that runs this image
	}
	switch {
	case len(fit) == 1:
		return fit[0], "", nil
	case len(fit) > 1:
		names := make([]string, len(fit))
		for i, c := range fit {
			names[i] = c.Name
		}
		return nil, "", fieldErrorf("container", "robot %s has %s: name one", r.ID, strings.Join(names, ", "))
	case spec.Container != "":
		return nil, fmt.Sprintf("has no container %s", spec.Container), nil
	default:
		return nil, "has no container that is known", nil
	}
}

// repositoryOf strips tag and digest from an image reference.
func repositoryOf(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref
}

func groupsOf(limits []GroupLimit, r *fleet.Robot) map[string]string {
	var groups map[string]string
	for _, l := range limits {
		if v, ok := r.Labels[l.Label]; ok {
			if groups == nil {
				groups = make(map[string]string)
			}
			groups[l.Label] = v
		}
	}
	return groups
}

// LabelPinned is the robot's label that keeps it out of every rollout; its
// value says why.
const LabelPinned = "pinned"

func skipReason(in PlanInput, spec Spec, r *fleet.Robot, c *fleet.Container) string {
	engine, known := in.Fleet.Engine(c.Engine)
	platform := engine.OS + "/" + engine.Arch
	preview, looked := in.Previews[r.ID]
	pinned, isPinned := r.Labels[LabelPinned]
	hold, isHeld := in.Holds[r.ID]
	switch {
	case isPinned:
		return "is pinned: " + cmp.Or(pinned, "no reason is given")
	case isHeld:
		return fmt.Sprintf("is locked by %s: %s", hold.By, cmp.Or(hold.Reason, "no reason is given"))
	case c.Image.Digest == in.Image.Digest && c.Running():
		return "already runs " + in.Image.Digest
	case looked && preview.lacks(spec.Before.MinFree):
		return fmt.Sprintf("the engine's disk has %s free, the image needs %s", bytesText(preview.Free), bytesText(preview.Need+spec.Before.MinFree))
	case spec.Offline == OfflineSkip && (!known || engine.State != fleet.EngineUp):
		return fmt.Sprintf("engine %s is not up: %s", c.Engine, cmp.Or(engine.Error, "not seen yet"))
	case spec.Offline == OfflineSkip && r.Quality == fleet.QualityOffline:
		return fmt.Sprintf("offline for %v", in.Now.Sub(r.LastSeen).Round(time.Second))
	case len(in.Image.Platforms) > 0 && engine.Arch != "" && !slices.Contains(in.Image.Platforms, platform):
		return fmt.Sprintf("the image is not made for %s, only for %s", platform, strings.Join(in.Image.Platforms, ", "))
	default:
		return ""
	}
}

// order sorts the robots by name as people count (robot2 before robot10), with
// those that can be verified best first.
func (p *Plan) order() {
	rank := func(r RobotPlan) int {
		switch {
		case r.Skip != "":
			return 2
		case len(r.Topics) == 0:
			return 1
		default:
			return 0
		}
	}
	slices.SortStableFunc(p.Robots, func(a, b RobotPlan) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), naturalCompare(a.Robot, b.Robot))
	})
}

func (p *Plan) skips() string {
	var why []string
	for _, r := range p.Robots {
		why = append(why, r.Robot+" "+r.Skip)
		if len(why) == 5 && len(p.Robots) > 5 {
			why = append(why, fmt.Sprintf("and %d more", len(p.Robots)-5))
			break
		}
	}
	return strings.Join(why, "; ")
}
