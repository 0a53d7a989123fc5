package ros

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/idl"
	"github.com/muster-fleet/muster/msgs/type_description_interfaces"
)

// Limits of what a node may tell of a type.
const (
	maxTypes      = 500      // messages that it refers to
	maxTypeSize   = 64 << 20 // bytes that a sample has at least
	maxDescribers = 3        // nodes that are asked
)

// describeTime is how long one node may take to tell.
const describeTime = 2 * time.Second

// TellType asks the nodes at a topic's ends for the definition of the type that
// they announce there, by the service get_type_description that nodes have from Jazzy
// on (REP-2016). What they tell is taken when it has the hash that they announce.
func (f *Follower) TellType(ctx context.Context, topic, typ, hash string) (msgs.Type, error) {
	if hash == "" {
		return msgs.Type{}, fmt.Errorf("ask for the type of %s: it is announced without a hash, so no node can tell it", topic)
	}
	var problems []error
	for _, node := range f.nodesAt(topic, typ, hash) {
		t, err := f.askType(ctx, node, typ, hash)
		if err == nil {
			return t, nil
		}
		problems = append(problems, err)
		if ctx.Err() != nil || len(problems) == maxDescribers {
			break
		}
	}
	if len(problems) == 0 {
		return msgs.Type{}, fmt.Errorf("ask for the type of %s: no node at its ends is known", topic)
	}
	return msgs.Type{}, errors.Join(problems...)
}

// nodesAt are the nodes with an endpoint of the topic that announces the type.
func (f *Follower) nodesAt(topic, typ, hash string) (nodes []string) {
	seen := make(map[string]bool)
	for _, t := range f.AllTopics() {
		if t.Name != topic {
			continue
		}
		for _, e := range append(t.Publishers, t.Subscriptions...) {
			if e.Node != "" && e.Type == typ && e.TypeHash == hash && !seen[e.Node] {
				seen[e.Node] = true
				nodes = append(nodes, e.Node)
			}
		}
	}
	return nodes
}

func (f *Follower) askType(ctx context.Context, node, typ, hash string) (msgs.Type, error) {
	ctx, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	request := type_description_interfaces.GetTypeDescriptionRequest{TypeName_: typ, TypeHash_: hash}
	var reply type_description_interfaces.GetTypeDescriptionResponse
	if err := f.ask(ctx, node, "get_type_description", "type_description_interfaces/srv/GetTypeDescription", &request, &reply); err != nil {
		return msgs.Type{}, err
	}
	t, err := typeFrom(&reply, typ, hash)
	if err != nil {
		return t, fmt.Errorf("ask %s for the type %s: %w", node, typ, err)
	}
	return t, nil
}

// typeFrom makes a definition of a node's answer.
func typeFrom(reply *type_description_interfaces.GetTypeDescriptionResponse, typ, hash string) (t msgs.Type, err error) {
	d := &reply.TypeDescription
	switch {
	case !reply.Successful:
		return t, fmt.Errorf("%w: %s", ErrRefused, bounded(reply.FailureReason))
	case len(d.ReferencedTypeDescriptions) > maxTypes:
		return t, fmt.Errorf("it refers to %d others", len(d.ReferencedTypeDescriptions))
	}
	var messages []*idl.Message
	for _, part := range append(d.ReferencedTypeDescriptions, d.TypeDescription) {
		m, err := messageFrom(part)
		if err != nil {
			return t, err
		}
		messages = append(messages, m)
	}
	set := idl.NewSet(messages, nil)
	if t, err = msgs.TypeIn(set, typ); err != nil {
		return t, err
	}
	switch {
	case t.Hash != hash:
		return t, fmt.Errorf("what it tells has the hash %s, not %s", t.Hash, hash)
	case set.MinSize(t.Definition) > maxTypeSize:
		return t, fmt.Errorf("a sample has more than %d bytes", maxTypeSize)
	}
	return t, nil
}

func messageFrom(d type_description_interfaces.IndividualTypeDescription) (*idl.Message, error) {
	fields := make([]idl.Field, 0, len(d.Fields))
	for _, f := range d.Fields {
		t, err := idl.TypeOf(f.Type.TypeID, f.Type.Capacity, f.Type.StringCapacity, f.Type.NestedTypeName)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", bounded(d.TypeName_), bounded(f.Name), err)
		}
		fields = append(fields, idl.Field{Name: f.Name, Type: t})
	}
	return idl.Described(d.TypeName_, fields)
}
