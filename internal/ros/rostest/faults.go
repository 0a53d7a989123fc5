package rostest

import "github.com/muster-fleet/muster/internal/ros"

// What goes wrong in a domain, for tests to ask for.

// Opened counts the readers of a topic that were opened since the start.
func (p *Participant) Opened(topic string) int {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	return p.opened[topic]
}

// Deafen makes the open readers of a topic get nothing more, as one forged
// HEARTBEAT does; readers that are opened later hear.
func (p *Participant) Deafen(topic string) {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	for _, r := range p.readers {
		if r.sub.Topic == topic {
			r.deaf = true
		}
	}
}

// Refuse makes Subscribe to a topic fail; "" ends it.
func (p *Participant) Refuse(topic string) {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	p.refused = topic
}

// Complain tells of an incompatible writer for each open reader of a topic.
func (p *Participant) Complain(topic, policy string) {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	for id, r := range p.readers {
		if r.sub.Topic == topic {
			p.facts = append(p.facts, ros.IncompatibleFact{Reader: id, Policy: policy})
		}
	}
	p.signal()
}
