package ros_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
	"github.com/muster-fleet/muster/msgs/geometry_msgs"
	"github.com/muster-fleet/muster/msgs/nav_msgs"
)

var (
	sensor  = ros.QoS{Reliability: ros.BestEffort, Durability: ros.Volatile, History: ros.KeepLast, Depth: 5}
	plain   = ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, History: ros.KeepLast, Depth: 5}
	latched = ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1}
)

// house is a follower with a registry behind it, in a domain in memory.
type house struct {
	t        *testing.T
	domain   *rostest.Domain
	own      *rostest.Participant
	follower *ros.Follower
	registry *fleet.Registry
	mu       sync.Mutex
	seen     []fleet.Observation
}

func follow(t *testing.T, o ros.FollowerOptions) *house {
	h := &house{t: t, domain: rostest.NewDomain(3)}
	h.registry = fleet.NewRegistry(&fleet.Journal{})
	h.own = h.domain.Join()
	h.follower = ros.NewFollower(h.own, func(now time.Time, obs ...fleet.Observation) {
		h.mu.Lock()
		for _, o := range obs {
			if p, ok := o.(fleet.PosesObserved); ok {
				for _, one := range p.Poses {
					h.seen = append(h.seen, one)
				}
				continue
			}
			h.seen = append(h.seen, o)
		}
		h.mu.Unlock()
		h.registry.Apply(now, obs...)
	}, o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.follower.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.ErrorIs(t, <-done, context.Canceled)
	})
	return h
}

func (h *house) eventually(what string, ok func(fleet.Robot) bool, id string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		r, known := h.registry.Robot(id)
		return known && ok(r)
	}, 10*time.Second, 5*time.Millisecond, what)
}

// robot publishes as a robot's driver does.
type robot struct {
	t       *testing.T
	p       *rostest.Participant
	ns      string
	w       map[string]ros.Writer
	answers map[ros.ReaderID]func(cdr []byte)
}

func (h *house) robot(ns string) *robot {
	r := &robot{h.t, h.domain.Join(), ns, make(map[string]ros.Writer), make(map[ros.ReaderID]func([]byte))}
	r.advertise(ros.InfoTopic, ros.InfoType, ros.InfoWriterQoS())
	return r
}

func (r *robot) advertise(topic, typ string, q ros.QoS) {
	pub := ros.Publication{Topic: ros.Join(r.ns, topic), Type: typ, QoS: q}
	if topic == ros.InfoTopic {
		pub.Topic, pub.RawName = topic, true
	}
	w, err := r.p.Advertise(pub)
	require.NoError(r.t, err)
	r.w[topic] = w
}

func (r *robot) nodes(size ros.GIDSize, names ...string) {
	f := ros.NodesFact{Participant: r.p.Participant()}
	for _, n := range names {
		f.Nodes = append(f.Nodes, ros.NodeEntities{Namespace: r.ns, Name: n})
	}
	b, err := ros.EncodeInfo(f, size)
	require.NoError(r.t, err)
	require.NoError(r.t, r.w[ros.InfoTopic].Write(b))
}

func (r *robot) write(topic string, m interface {
	MarshalCDR([]byte) ([]byte, error)
},
) {
	b, err := m.MarshalCDR(nil)
	require.NoError(r.t, err)
	require.NoError(r.t, r.w[topic].Write(b))
}

func odometry(frame string, x, y, z, w float64) *nav_msgs.Odometry {
	m := nav_msgs.NewOdometry()
	m.Header.FrameID = frame
	m.Pose.Pose.Position = geometry_msgs.Point{X: x, Y: y}
	m.Pose.Pose.Orientation = geometry_msgs.Quaternion{Z: z, W: w}
	m.Twist.Twist.Linear.X = 0.5
	return &m
}

func samples(t *testing.T) map[string][]byte {
	raw, err := os.ReadFile("testdata/samples.json")
	require.NoError(t, err)
	var text map[string]string
	require.NoError(t, json.Unmarshal(raw, &text))
	out := make(map[string][]byte)
	for typ, h := range text {
		out[typ], err = hex.DecodeString(h)
		require.NoError(t, err)
	}
	return out
}
