package rollout

import (
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
)

// Plan is the immutable answer to a Spec: what will happen to which robot, in
// which order. It is written once.
type Plan struct {
	Version    int         `json:"version"` // of this format: 1
	ID         string      `json:"id"`
	CreatedAt  time.Time   `json:"created_at"`
	CreatedBy  string      `json:"created_by"`
	Spec       Spec        `json:"spec"` // with its defaults filled in
	Image      PinnedImage `json:"image"`
	Generation uint64      `json:"generation"`
	Waves      int         `json:"waves"`
	Robots     []RobotPlan `json:"robots"` // in the order in which they change; skipped ones last
}

// PinnedImage is an image resolved to a digest, once, for all robots.
type PinnedImage struct {
	Ref        string `json:"ref"`        // as asked for, "registry/amr:2.1"
	Repository string `json:"repository"` // "registry/amr"
	Digest     string `json:"digest"`     // sha256:… of the manifest or index
	// Platforms lists "os/arch" of an index; empty means not known.
	Platforms []string `json:"platforms,omitempty"`
}

// ByDigest is the reference that engines pull and run.
func (p PinnedImage) ByDigest() string { return p.Repository + "@" + p.Digest }

// RobotPlan is what the plan says of one robot.
type RobotPlan struct {
	Robot     string      `json:"robot"`
	Namespace string      `json:"namespace"`
	Domain    int         `json:"domain"`
	Engine    string      `json:"engine"`
	Container string      `json:"container"` // name of the container that is replaced
	From      fleet.Image `json:"from"`
	Wave      int         `json:"wave"`
	// Nodes are the full names of the nodes that were there, and Topics the
	// robot's pose topics with their rates: both are expected back.
	Nodes  []string      `json:"nodes,omitempty"`
	Topics []TopicExpect `json:"topics,omitempty"`
	// Skip says why the robot is left out; empty means it takes part.
	Skip string `json:"skip,omitempty"`
}

// TopicExpect is a topic with the rate in Hz that it had before.
type TopicExpect struct {
	Name string  `json:"name"`
	Hz   float64 `json:"hz"`
}

// Target addresses one robot's replacement on its engine. All its fields come
// from the plan, so the same target is built again after any crash.
type Target struct {
	Rollout    string
	Generation uint64
	Robot      string
	Namespace  string
	Engine     string
	Container  string
	Image      PinnedImage
}

// Target is the target for robot i of the plan.
func (p *Plan) Target(i int) Target {
	r := p.Robots[i]
	return Target{
		Rollout: p.ID, Generation: p.Generation,
		Robot: r.Robot, Namespace: r.Namespace, Engine: r.Engine, Container: r.Container,
		Image: p.Image,
	}
}
