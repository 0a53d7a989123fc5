package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// errOvertaken: another rollout was stored while this one was planned.
var errOvertaken = fmt.Errorf("another rollout was started at the same time: %w", ErrConflict)

// maxPlans is how often a rollout is planned anew when others are stored at the
// same time: one of them is, each time.
const maxPlans = 20

// untilStored plans a rollout again while others overtake it. Whether they have its
// robots is for the new plan to say.
func untilStored(plan func() (Report, error)) (r Report, err error) {
	for range maxPlans {
		if r, err = plan(); !errors.Is(err, errOvertaken) {
			break
		}
	}
	return r, err
}

// Start plans a rollout and, unless it is a dry run, stores it; the runner
// takes it from there. Errors: *FieldError, ErrConflict, and what the registry
// of images answers.
func (s *Service) Start(ctx context.Context, spec Spec, by string, dryRun bool) (Report, error) {
	image, err := s.resolver.Resolve(ctx, spec.Image)
	if err != nil {
		if IsFatal(err) {
			return Report{}, &FieldError{Field: "image", Why: err.Error()}
		}
		return Report{}, fmt.Errorf("resolve image %s: %w", spec.Image, err)
	}
	return untilStored(func() (Report, error) { return s.start(ctx, spec, image, by, dryRun) })
}

func (s *Service) start(ctx context.Context, spec Spec, image PinnedImage, by string, dryRun bool) (Report, error) {
	all, seen, err := s.store.List(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("read the rollouts: %w", err)
	}
	in := PlanInput{
		By: by, Spec: spec, Image: image, Fleet: s.registry.Snapshot(), Busy: busy(all), Now: s.runner.Now().UTC(),
	}
	if in.Holds, err = s.holdsByRobot(ctx); err != nil {
		return Report{}, err
	}
	in.ID = newID(in.Now)
	if !dryRun {
		if in.Generation, err = s.store.NextGeneration(ctx); err != nil {
			return Report{}, fmt.Errorf("draw a generation: %w", err)
		}
	}
	p, err := NewPlan(in)
	if err != nil {
		return Report{}, err
	}
	// What the engines say can only leave robots out, or refuse the plan.
	if in.Previews = s.previews(ctx, &p); len(in.Previews) > 0 {
		if p, err = NewPlan(in); err != nil {
			return Report{}, err
		}
	}
	if dryRun {
		r := MakeReport(p, firstStatus(&p), Explain(p, s.planFacts(&p, in), in.Now))
		r.preview(in.Previews)
		return r, nil
	}
	return s.storePlan(ctx, p, seen)
}

// planFacts are what is known of the robots of a plan that is not stored.
func (s *Service) planFacts(p *Plan, in PlanInput) Facts {
	f := gather(s.registry, p, func(int) bool { return true })
	f.Since, f.DomainOK = s.since, s.domainOK()
	for robot, rf := range f.Robots {
		rf.Claimed = in.Busy[robot]
		if h, held := in.Holds[robot]; held {
			rf.Hold = &h
		}
		f.Robots[robot] = rf
	}
	return f
}

func firstStatus(p *Plan) Status {
	return Status{
		Version: 1, Rollout: p.ID, State: StateRunning, StartedAt: p.CreatedAt, Reason: "started by " + p.CreatedBy,
	}
}

// storePlan stores a plan with its first status.
func (s *Service) storePlan(ctx context.Context, p Plan, seen int64) (Report, error) {
	status := firstStatus(&p)
	err := s.store.Create(ctx, p, status, seen)
	switch {
	case errors.Is(err, ErrConflict):
		return Report{}, fmt.Errorf("store rollout %s: %w", p.ID, errOvertaken)
	case err != nil:
		return Report{}, fmt.Errorf("store rollout %s: %w", p.ID, err)
	}
	s.registry.Journal().Record(fleet.Event{
		Time: p.CreatedAt, Severity: fleet.SeverityInfo, Kind: "rollout.started", Rollout: p.ID,
		Text: fmt.Sprintf("%s starts %s on %d robots", p.CreatedBy, p.Image.Ref, len(p.Robots)),
	})
	if err := s.refresh(ctx); err != nil {
		return MakeReport(p, status, nil), nil // it is stored; only our copy is old
	}
	return s.Get(ctx, p.ID)
}

// busy maps each robot to the rollout that has not ended with it.
func busy(all []Stored) map[string]string {
	m := make(map[string]string)
	for i := range all {
		st := &all[i]
		if st.Status.State.Terminal() {
			continue
		}
		for _, rp := range st.Plan.Robots {
			if rs := st.Status.Robot(rp.Robot); rp.Skip == "" && (!rs.Step.Terminal() || !rs.Tidy) {
				m[rp.Robot] = st.Plan.ID
			}
		}
	}
	return m
}

func (s *Service) holdsByRobot(ctx context.Context) (map[string]Hold, error) {
	holds, err := s.store.Holds(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the robots' locks: %w", err)
	}
	m := make(map[string]Hold, len(holds))
	for _, h := range holds {
		m[h.Robot] = h
	}
	return m, nil
}

// Engines are asked for previews so many at one time, each for so long, and so
// long in all.
const (
	previewsAtOnce = 32
	previewTimeout = 10 * time.Second
	previewsIn     = time.Minute
)

// previews asks the engines what a replacement would do to each robot that
// takes part. One that does not answer says so: its replacement is checked again
// before anything is touched.
func (s *Service) previews(ctx context.Context, p *Plan) map[string]Preview {
	ctx, cancel := context.WithTimeout(ctx, previewsIn)
	defer cancel()
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		found = make(map[string]Preview)
		slots = make(chan struct{}, previewsAtOnce)
	)
	for i := range p.Robots {
		if p.Robots[i].Skip != "" {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			one, cancel := context.WithTimeout(ctx, previewTimeout)
			defer cancel()
			v, err := s.runner.Engine.Preview(one, p.Target(i, RobotStatus{}))
			if err != nil {
				v = Preview{NotAsked: err.Error(), Free: -1}
			}
			mu.Lock()
			defer mu.Unlock()
			found[p.Robots[i].Robot] = v
		})
	}
	wg.Wait()
	return found
}

// RollBack takes back an ended rollout by a plan of its own: each robot that was
// changed gets the image that it had before, through the same gates.
func (s *Service) RollBack(ctx context.Context, id, by, reason string) (Report, error) {
	return untilStored(func() (Report, error) { return s.rollBack(ctx, id, by, reason) })
}

func (s *Service) rollBack(ctx context.Context, id, by, reason string) (Report, error) {
	all, seen, err := s.store.List(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("read the rollouts: %w", err)
	}
	for i := range all {
		if all[i].Plan.ID != id {
			continue
		}
		in := UndoInput{Plan: all[i].Plan, Status: all[i].Status, By: by, Reason: reason, Fleet: s.registry.Snapshot(), Busy: busy(all), Now: s.runner.Now().UTC()}
		in.ID = newID(in.Now)
		if in.Generation, err = s.store.NextGeneration(ctx); err != nil {
			return Report{}, fmt.Errorf("draw a generation: %w", err)
		}
		p, err := NewUndo(in)
		if err != nil {
			return Report{}, err
		}
		return s.storePlan(ctx, p, seen)
	}
	return Report{}, fmt.Errorf("roll back rollout %s: %w", id, ErrNotFound)
}

// Wish stores what an operator wants of a rollout. The runner takes it in; the
// report shows the state as it is until then. The rollback of an ended rollout
// is a rollout of its own, and that one is reported.
func (s *Service) Wish(ctx context.Context, id string, w Wish) (Report, error) {
	st, err := s.store.Load(ctx, id)
	if err != nil {
		return Report{}, fmt.Errorf("read rollout %s: %w", id, err)
	}
	if wave, waits := st.Status.nextApproval(&st.Plan); waits && w.Action == ActionApprove && w.Wave == nil {
		w.Wave = &wave // the one that waits now, not when the wish is taken in
	}
	if err := CheckWish(&st.Plan, &st.Status, w); err != nil {
		return Report{}, err
	}
	if w.Action == ActionRollback && st.Status.State.Terminal() {
		return s.RollBack(ctx, id, w.By, w.Reason)
	}
	w.At = s.runner.Now().UTC()
	if _, err := s.store.PutWish(ctx, id, w); err != nil {
		return Report{}, fmt.Errorf("store the wish to %s rollout %s: %w", w.Action, id, err)
	}
	if err := s.refresh(ctx); err != nil {
		return Report{}, fmt.Errorf("read rollout %s: %w", id, err)
	}
	return s.Get(ctx, id)
}

// Hold locks a robot against rollouts, or renews the reason.
func (s *Service) Hold(ctx context.Context, robot, by, reason string) error {
	if _, known := s.registry.Robot(robot); !known {
		return &FieldError{Field: "robot", Why: fmt.Sprintf("%s is not known", robot)}
	}
	if len(reason) > maxReason {
		return fieldErrorf("reason", "is longer than %d bytes", maxReason)
	}
	if err := s.store.PutHold(ctx, Hold{Robot: robot, By: by, Reason: reason, At: s.runner.Now().UTC()}); err != nil {
		return fmt.Errorf("lock robot %s: %w", robot, err)
	}
	return s.refreshed(ctx)
}

// Release takes an operator's lock on a robot away; without one it does nothing.
func (s *Service) Release(ctx context.Context, robot string) error {
	if err := s.store.RemoveHold(ctx, robot); err != nil {
		return fmt.Errorf("unlock robot %s: %w", robot, err)
	}
	return s.refreshed(ctx)
}

// refreshed reads anew; that a thing is stored counts more than that we see it.
func (s *Service) refreshed(ctx context.Context) error {
	if err := s.refresh(ctx); err != nil && !errors.Is(err, context.Canceled) {
		s.log.DebugContext(ctx, "read the rollouts", "err", err)
	}
	return nil
}

// Holds are the operators' locks by robot, as last read.
func (s *Service) Holds() map[string]Hold {
	holds, _ := s.locks()
	m := make(map[string]Hold, len(holds))
	for robot, h := range maps.All(holds) {
		m[robot] = *h
	}
	return m
}
