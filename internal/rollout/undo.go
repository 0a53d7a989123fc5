package rollout

import (
	"fmt"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// UndoInput is what a rollback of an ended rollout is planned from.
type UndoInput struct {
	ID         string
	Plan       Plan
	Status     Status
	By, Reason string
	Generation uint64
	Fleet      fleet.Snapshot
	Busy       map[string]string
	Now        time.Time
}

// NewUndo plans the rollback of an ended rollout: each robot that runs its image
// since then gets back the image that it had, by digest, and is measured by how
// it was then. The gates are the rollout's; the waves and approvals are not: the
// way back is urgent. A robot whose image before has no digest is left out, with
// the reason.
func NewUndo(in UndoInput) (Plan, error) {
	was := &in.Plan
	spec := was.Spec
	spec.Waves, spec.Canary, spec.Soak, spec.Approval = nil, new(0), 0, Approval{}
	spec.KeepImages = true // the image that is taken back may be asked for again
	spec.Note = "roll back rollout " + was.ID
	if in.Reason != "" {
		spec.Note += ": " + in.Reason
	}
	p := Plan{
		Version: 1, ID: in.ID, CreatedAt: in.Now, CreatedBy: in.By, Spec: spec,
		Generation: max(in.Generation, was.Generation+1), Undoes: was.ID,
	}
	for i := range was.Robots {
		rp, rs := was.Robots[i], in.Status.Robot(was.Robots[i].Robot)
		if rp.Skip != "" || !rs.Step.changed() {
			continue
		}
		if other := in.Busy[rp.Robot]; other != "" {
			return Plan{}, conflictf("robots: robot %s is in rollout %s", rp.Robot, other)
		}
		from := rp.from(rs)
		if rs.Was != nil {
			rp.Expect = rs.Was.Expect
		}
		rp.Wave, rp.From, rp.Skip = 0, fleet.Image{Ref: was.image(i).ByDigest(), Digest: was.image(i).Digest}, ""
		rp.To = &PinnedImage{Ref: from.Ref, Repository: repositoryOf(from.Ref), Digest: from.Digest}
		rp.Skip = undoSkip(in, i, from)
		p.Robots = append(p.Robots, rp)
		if rp.Skip == "" && p.Image.Digest == "" {
			p.Image = *rp.To
		}
	}
	p.order()
	if err := p.cutWaves(nil); err != nil {
		return Plan{}, err
	}
	if p.Waves == 0 {
		return Plan{}, fieldErrorf("robots", "nothing to roll back: %s", p.skips())
	}
	return p, nil
}

// undoSkip says why a robot can not be rolled back, "" when it can.
func undoSkip(in UndoInput, i int, from fleet.Image) string {
	rp := &in.Plan.Robots[i]
	if from.Digest == "" {
		return fmt.Sprintf("what it ran before, %s, has no digest", from.Ref)
	}
	for _, r := range in.Fleet.Robots {
		if r.ID != rp.Robot {
			continue
		}
		for _, c := range r.Containers {
			left := in.Status.Robot(rp.Robot).Step == StepNeedsOperator
			switch {
			case c.Name != rp.Container || c.Generation == in.Plan.Generation:
			case left && c.Image.Digest == from.Digest && c.Running():
				return "already runs " + from.Digest
			case !left || c.Generation > in.Plan.Generation:
				return "a later rollout has changed it"
			}
		}
	}
	return ""
}
