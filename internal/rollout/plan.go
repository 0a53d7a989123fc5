package rollout

import (
	"slices"
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
	// Undoes is the ended rollout that this one takes back; then each robot has
	// an image of its own.
	Undoes string `json:"undoes,omitempty"`
}

// PinnedImage is an image resolved to a digest, once, for all robots.
type PinnedImage struct {
	Ref        string `json:"ref"`        // as asked for, "registry/amr:2.1"
	Repository string `json:"repository"` // "registry/amr"
	Digest     string `json:"digest"`     // sha256:… of the manifest or index
	// Platforms lists "os/arch" of an index; empty means not known.
	Platforms []string `json:"platforms,omitempty"`
	// Manifests are the image's manifests by platform, with the compressed size
	// of their layers; empty means not known.
	Manifests []Manifest `json:"manifests,omitempty"`
	// SignedBy says who signed the digest, in words; empty when that was not
	// asked.
	SignedBy string `json:"signed_by,omitempty"`
}

// Manifest is the image for one platform.
type Manifest struct {
	Platform string `json:"platform"` // "linux/arm64"
	Digest   string `json:"digest"`
	Size     int64  `json:"size"` // bytes
	// Layers are its layers from the lowest; empty means not known.
	Layers []Layer `json:"layers,omitempty"`
}

// Layer is one layer of an image.
type Layer struct {
	DiffID string `json:"diff_id"` // sha256:… of its content
	Size   int64  `json:"size"`    // compressed, in bytes
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
	// To is this robot's image where it is not the plan's.
	To *PinnedImage `json:"to,omitempty"`
	// Groups are the values of the labels that Spec.MaxPer names.
	Groups map[string]string `json:"groups,omitempty"`
	// Expect is how the robot was when the plan was made.
	Expect
	// Skip says why the robot is left out; empty means it takes part.
	Skip string `json:"skip,omitempty"`
}

// Expect is what a new container is measured by: how the robot was before.
type Expect struct {
	// Nodes are the full names of the nodes that were there, and Topics the
	// robot's topics with their rates: both are expected back.
	Nodes  []string      `json:"nodes,omitempty"`
	Topics []TopicExpect `json:"topics,omitempty"`
	// Followed are those besides that the manager follows, with the rates that they
	// had just then. They are expected until the robot is done.
	Followed []TopicExpect `json:"followed,omitempty"`
	// Diagnosed says that the robot published diagnostics; Faults are the
	// components that were in error or stale then.
	Diagnosed bool     `json:"diagnosed,omitempty"`
	Faults    []string `json:"faults,omitempty"`
	// Components are those that reported in the minute before the replacement
	// began; they are expected to report again.
	Components []string `json:"components,omitempty"`
}

// topics are all topics that are expected again.
func (e *Expect) topics() []TopicExpect { return slices.Concat(e.Topics, e.Followed) }

// TopicExpect is a topic with the rate in Hz that it had before.
type TopicExpect struct {
	Name string  `json:"name"`
	Hz   float64 `json:"hz"`
	// Listed says that Hz is what the spec asks for, not a rate that was usual.
	Listed bool `json:"listed,omitempty"`
}

// Target addresses one robot's replacement on its engine. All its fields come
// from what is stored, so the same target is built again after any crash.
type Target struct {
	Rollout    string
	Generation uint64
	Robot      string
	Namespace  string
	Engine     string
	Container  string
	Image      PinnedImage
	Previous   string // digest of the image that is replaced, empty when not known
	MinFree    int64  // bytes that must stay free on the engine's disk
	Prune      bool   // Commit removes images that are no longer needed
}

// Target is the target for robot i of the plan, which stands at rs.
func (p *Plan) Target(i int, rs RobotStatus) Target {
	r := p.Robots[i]
	return Target{
		Rollout: p.ID, Generation: p.Generation,
		Robot: r.Robot, Namespace: r.Namespace, Engine: r.Engine, Container: r.Container,
		Image: *p.image(i), Previous: r.from(rs).Digest,
		MinFree: p.Spec.Before.MinFree, Prune: !p.Spec.KeepImages,
	}
}

// from is what the robot ran before: when it was touched, or else when the plan
// was made.
func (r *RobotPlan) from(rs RobotStatus) fleet.Image {
	if rs.Was != nil {
		return rs.Was.Image
	}
	return r.From
}

// expect is what the robot is measured by: how it was when it was touched, or else
// when the plan was made.
func (r *RobotPlan) expect(rs RobotStatus) *Expect {
	if rs.Was != nil {
		return &rs.Was.Expect
	}
	return &r.Expect
}

// image is what robot i gets.
func (p *Plan) image(i int) *PinnedImage {
	if to := p.Robots[i].To; to != nil {
		return to
	}
	return &p.Image
}

// Check is a question to the new container.
type Check struct {
	Name string `json:"name"`
	// Command runs in the container; exit code 0 passes.
	Command []string `json:"command,omitempty"`
	// HTTP is a URL that the manager gets; 2xx passes. {host} stands for the
	// engine's host, {robot} for the robot's id.
	HTTP    string   `json:"http,omitempty"`
	Timeout Duration `json:"timeout,omitempty"` // of one try; 5 s when 0
}
