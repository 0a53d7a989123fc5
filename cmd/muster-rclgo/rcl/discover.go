//go:build rclgo

package rcl

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tiiuae/rclgo/pkg/rclgo"

	"github.com/muster-fleet/muster/cmd/muster-rclgo/graph"
	"github.com/muster-fleet/muster/cmd/muster-rclgo/rclerror"
	"github.com/muster-fleet/muster/internal/ros"
)

// discovered is what Discover has told so far.
type discovered struct {
	snapshot graph.Snapshot
	cursor   string
	told     graph.Told
	failed   int       // polls, one after the other
	last     time.Time // of the newest poll
}

// Discover returns the facts since its last call, at least one. It polls the
// graph, since rclgo tells of no graph events.
func (t *Transport) Discover(ctx context.Context) ([]ros.Fact, error) {
	for {
		if err := t.rest(ctx); err != nil {
			return nil, err
		}
		facts, err := t.look()
		if err != nil {
			return nil, err
		}
		if len(facts) > 0 {
			return facts, nil
		}
	}
}

// rest waits until the next poll is due.
func (t *Transport) rest(ctx context.Context) error {
	timer := time.NewTimer(t.poll - time.Since(t.last))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.ended:
		return ErrClosed
	case <-timer.C:
		t.last = time.Now()
		return ctx.Err()
	}
}

// look polls once and tells what is new. A poll that fails is logged, the first
// and then each hundredth, and tried again.
func (t *Transport) look() ([]ros.Fact, error) {
	leave, err := t.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	poll, err := t.ask()
	if err != nil {
		if t.failed++; t.failed%100 == 1 {
			t.log.Warn("ask for the ROS graph", "domain", t.domain, "count", t.failed, "err", rclerror.Clean(err))
		}
		return nil, nil
	}
	t.failed = 0
	var facts []ros.Fact
	if next, changed := t.snapshot.Next(poll); changed {
		facts = graph.Diff(t.snapshot, next)
		t.snapshot = next
	}
	return append(facts, t.told.Fresh(t.snapshot.Incompatible(t.own()))...), nil
}

// own are our readers, by id.
func (t *Transport) own() []graph.Reader {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]graph.Reader, 0, len(t.readers))
	for _, id := range slices.Sorted(maps.Keys(t.readers)) {
		if r := t.readers[id]; r != nil {
			all = append(all, graph.Reader{ID: id, Topic: r.topic, QoS: r.qos})
		}
	}
	return all
}

// ask is one round of calls to rcl. A topic whose endpoints cannot be told is
// left as it was.
func (t *Transport) ask() (graph.Poll, error) {
	p := graph.Poll{Own: t.guid}
	names, namespaces, err := t.node.GetNodeNames()
	if err != nil {
		return p, err
	}
	for i := range min(len(names), len(namespaces)) {
		p.Nodes = append(p.Nodes, graph.Node{Namespace: namespaces[i], Name: names[i]})
	}
	// Our own node is one of those with its name; another manager may have it, too.
	if i := slices.Index(p.Nodes, graph.Node{Namespace: t.node.Namespace(), Name: t.node.Name()}); i >= 0 {
		p.Nodes = slices.Delete(p.Nodes, i, i+1)
	}
	topics, err := t.node.GetTopicNamesAndTypes(true)
	if err != nil {
		return p, err
	}
	p.Topics = slices.Sorted(maps.Keys(topics))
	due, cursor := t.snapshot.Due(p.Topics, p.Nodes, t.cursor, graph.DefaultBudget())
	t.cursor = cursor
	var failed error
	for _, topic := range due {
		endpoints, err := t.endpoints(topic)
		if err != nil {
			failed = fmt.Errorf("%s: %w", topic, err)
			continue
		}
		p.Asked = append(p.Asked, graph.Answer{Topic: topic, Endpoints: endpoints})
	}
	if len(p.Asked) == 0 && failed != nil {
		return p, failed
	}
	return p, nil
}

func (t *Transport) endpoints(topic string) ([]graph.Endpoint, error) {
	writers, err := t.node.GetPublishersInfoByTopic(topic, true)
	if err != nil {
		return nil, err
	}
	readers, err := t.node.GetSubscriptionsInfoByTopic(topic, true)
	if err != nil {
		return nil, err
	}
	all := make([]graph.Endpoint, 0, len(writers)+len(readers))
	for _, list := range [][]rclgo.TopicEndpointInfo{writers, readers} {
		for i := range list {
			e := &list[i]
			all = append(all, graph.Endpoint{
				GUID: guid(e.EndpointGID), Node: graph.Node{Namespace: e.NodeNamespace, Name: e.NodeName}, Type: e.TopicType,
				Writer: e.EndpointType == rclgo.EndpointPublisher, QoS: fromRCL(&e.QosProfile),
			})
		}
	}
	return all, nil
}
