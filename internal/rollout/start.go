package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// maxPlans is how often a rollout is planned anew when other managers store theirs
// at the same time: one of them is stored, each time.
const maxPlans = 20

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
	all, _, err := s.store.List(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("read the rollouts: %w", err)
	}
	in, err := s.planInput(ctx, spec, image, by, all)
	if err != nil {
		return Report{}, err
	}
	if !dryRun {
		if in.Generation, err = s.generation(ctx); err != nil {
			return Report{}, err
		}
	}
	p, err := NewPlan(in)
	if err != nil {
		return Report{}, err
	}
	// What the engines say can only leave robots out, or refuse the plan.
	previews := s.previews(ctx, &p)
	if dryRun {
		return s.dryRun(in, p, previews)
	}
	return s.planAndStore(ctx, func(all []Stored) (Plan, error) {
		in, err := s.planInput(ctx, spec, image, by, all)
		if err != nil {
			return Plan{}, err
		}
		if in.Generation, err = s.generation(ctx); err != nil {
			return Plan{}, err
		}
		in.Previews = previews
		return NewPlan(in)
	})
}

// planInput is what a plan is made from, with the rollouts that are stored.
func (s *Service) planInput(ctx context.Context, spec Spec, image PinnedImage, by string, all []Stored) (in PlanInput, err error) {
	now := s.runner.Now().UTC()
	in = PlanInput{ID: newID(now), By: by, Spec: spec, Image: image, Fleet: s.registry.Snapshot(), Busy: busy(all), Now: now}
	in.Holds, err = s.holdsByRobot(ctx)
	return in, err
}

func (s *Service) generation(ctx context.Context) (uint64, error) {
	g, err := s.store.NextGeneration(ctx)
	if err != nil {
		return 0, fmt.Errorf("draw a generation: %w", err)
	}
	return g, nil
}

func (s *Service) dryRun(in PlanInput, p Plan, previews map[string]Preview) (Report, error) {
	if in.Previews = previews; len(previews) > 0 {
		var err error
		if p, err = NewPlan(in); err != nil {
			return Report{}, err
		}
	}
	f := s.planFacts(&p, in)
	r := MakeReport(p, firstStatus(&p), Explain(p, f, in.Now))
	r.FleetLimit = f.FleetLimit
	r.expects(&p)
	r.preview(previews)
	return r, nil
}

// planAndStore plans with the rollouts that are stored now, and stores the plan. The
// plans of this manager are stored one after the other; when one of another manager
// comes between, it plans again, and whether that one has its robots is for the new
// plan to say. A generation is drawn after the rollouts were read, so that it is
// higher than theirs.
func (s *Service) planAndStore(ctx context.Context, plan func(all []Stored) (Plan, error)) (Report, error) {
	p, err := s.storePlan(ctx, plan)
	if err != nil {
		return Report{}, err
	}
	s.registry.Journal().Record(fleet.Event{
		Time: p.CreatedAt, Severity: fleet.SeverityInfo, Kind: "rollout.started", Rollout: p.ID,
		Text: fmt.Sprintf("%s starts %s on %d robots", p.CreatedBy, p.Image.Ref, len(p.Robots)),
	})
	if err := s.refresh(ctx); err != nil {
		return MakeReport(p, firstStatus(&p), nil), nil // it is stored; only our copy is old
	}
	return s.Get(ctx, p.ID)
}

func (s *Service) storePlan(ctx context.Context, plan func(all []Stored) (Plan, error)) (Plan, error) {
	select {
	case s.storing <- struct{}{}:
		defer func() { <-s.storing }()
	case <-ctx.Done():
		return Plan{}, fmt.Errorf("wait for other rollouts to be stored: %w", ctx.Err())
	}
	for range maxPlans {
		all, seen, err := s.store.List(ctx)
		if err != nil {
			return Plan{}, fmt.Errorf("read the rollouts: %w", err)
		}
		p, err := plan(all)
		if err != nil {
			return Plan{}, err
		}
		if err = s.store.Create(ctx, p, firstStatus(&p), seen); err == nil {
			return p, nil
		}
		if !errors.Is(err, ErrConflict) {
			return Plan{}, fmt.Errorf("store rollout %s: %w", p.ID, err)
		}
	}
	return Plan{}, conflictf("other managers start rollouts all the time")
}

// planFacts are what is known of the robots of a plan that is not stored.
func (s *Service) planFacts(p *Plan, in PlanInput) Facts {
	f := gather(s.registry, p, func(int) bool { return true })
	f.Since, f.DomainOK = s.since, s.domainOK()
	holds, inOrder := s.locks()
	f.DownElsewhere, f.FleetLimit = downElsewhere(s.registry, p.ID, inOrder, holds, in.Now), s.runner.fleetLimit()
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
	return s.planAndStore(ctx, func(all []Stored) (Plan, error) {
		i := slices.IndexFunc(all, func(st Stored) bool { return st.Plan.ID == id })
		if i < 0 {
			return Plan{}, fmt.Errorf("roll back rollout %s: %w", id, ErrNotFound)
		}
		now := s.runner.Now().UTC()
		in := UndoInput{
			ID: newID(now), Plan: all[i].Plan, Status: all[i].Status, By: by, Reason: reason,
			Fleet: s.registry.Snapshot(), Busy: busy(all), Now: now,
		}
		var err error
		if in.Generation, err = s.generation(ctx); err != nil {
			return Plan{}, err
		}
		return NewUndo(in)
	})
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
