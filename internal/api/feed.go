package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/muster-fleet/muster/internal/rollout"
)

// How often the stream learns of rollouts and of the system.
const (
	feedPause    = 200 * time.Millisecond // between two looks, however often it is woken
	feedAnyway   = 10 * time.Second       // without being woken
	systemPeriod = time.Second
	// endedFor is for how long a rollout that ended is shown to new sessions.
	endedFor = time.Minute
)

type rolloutMessage struct {
	Op      string         `json:"op"`
	Rollout rollout.Report `json:"rollout"`
	Full    bool           `json:"full"`
}

// feedRollouts brings the rollouts to the stream until ctx ends.
func (s *Server) feedRollouts(ctx context.Context) error {
	if s.opt.Rollouts == nil {
		return nil
	}
	sub := s.opt.Rollouts.Subscribe()
	defer sub.Close()
	anyway := time.NewTicker(feedAnyway)
	defer anyway.Stop()
	shown, troubled := make(map[string]rollout.Report), false
	for {
		err := s.showRollouts(ctx, shown, time.Now())
		if trouble := err != nil && !errors.Is(err, context.Canceled); trouble != troubled {
			troubled = trouble
			if trouble {
				s.opt.Log.Warn("rollouts cannot be read; viewers see the last that was known", "err", err)
			} else {
				s.opt.Log.Info("rollouts can be read again")
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(feedPause):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-sub.C:
		case <-anyway.C:
		}
	}
}

// showRollouts puts the rollouts that run, or ended just now, into the stream.
func (s *Server) showRollouts(ctx context.Context, shown map[string]rollout.Report, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	reports, err := s.opt.Rollouts.List(ctx)
	if err != nil {
		return err
	}
	current := make(map[string]bool)
	for _, report := range reports {
		before, known := shown[report.ID]
		if report.State.Terminal() && now.Sub(report.EndedAt) > endedFor {
			continue
		}
		current[report.ID] = true
		if known && reflect.DeepEqual(before, report) {
			continue
		}
		if err := s.showRollout(before, report, known); err != nil {
			return err
		}
		shown[report.ID] = report
	}
	for id := range shown {
		if !current[id] {
			delete(shown, id)
			s.opt.Hub.Drop("rollout/" + id)
		}
	}
	return nil
}

func (s *Server) showRollout(before, report rollout.Report, known bool) error {
	full, err := json.Marshal(rolloutMessage{"rollout", whole(report), true})
	if err != nil {
		return fmt.Errorf("encode rollout %s: %w", report.ID, err)
	}
	var delta []byte
	if known && len(before.Robots) == len(report.Robots) {
		changed := report
		changed.Robots = []rollout.RobotReport{}
		for i, robot := range report.Robots {
			if !reflect.DeepEqual(before.Robots[i], robot) {
				changed.Robots = append(changed.Robots, robot)
			}
		}
		if delta, err = json.Marshal(rolloutMessage{"rollout", whole(changed), false}); err != nil {
			return fmt.Errorf("encode rollout %s: %w", report.ID, err)
		}
	}
	s.opt.Hub.Put("rollout/"+report.ID, full, delta)
	return nil
}

type systemMessage struct {
	Op           string    `json:"op"`
	RolloutsHeld string    `json:"rollouts_held"`
	ROS          rosDigest `json:"ros"`
}

type rosDigest struct {
	Domain       int    `json:"domain"`
	Participants int    `json:"participants"`
	OK           bool   `json:"ok"`
	Text         string `json:"text"`
}

// feedSystem brings what the app shows as banners to the stream until ctx ends.
func (s *Server) feedSystem(ctx context.Context) error {
	ticker := time.NewTicker(systemPeriod)
	defer ticker.Stop()
	for {
		b, err := json.Marshal(systemMessage{"system", s.held(), digest(s.domains())})
		if err != nil {
			return fmt.Errorf("encode system: %w", err)
		}
		s.opt.Hub.Put("system", b, nil) // the same again is not sent
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// digest is the domains in one: the first, or the first that is not well.
func digest(domains []Domain) rosDigest {
	if len(domains) == 0 {
		return rosDigest{Text: "no ROS domain is joined"}
	}
	d := domains[0]
	for _, other := range domains {
		if !other.OK {
			d = other
			break
		}
	}
	sum := rosDigest{Domain: d.ID, OK: d.OK, Text: d.Text}
	for _, each := range domains {
		sum.Participants += each.Participants
	}
	return sum
}
