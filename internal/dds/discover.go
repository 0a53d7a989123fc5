package dds

/*
#include "bridge.h"
*/
import "C"

import (
	"context"
	"strings"
	"time"
	"unsafe"

	"github.com/muster-fleet/muster/internal/ros"
)

// Discover returns the facts since its last call, at least one. Nothing of our
// own participant is among them. Cyclone keeps the newest state of each entity
// until it is taken, so that a slow caller misses none of the ends.
func (p *Participant) Discover(ctx context.Context) ([]ros.Fact, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	defer context.AfterFunc(ctx, func() {
		if p.enter() == nil { // it may run when Discover has returned
			C.bridge_wake_discover(p.bridge)
			p.leave()
		}
	})()
	var c [C.FACTS_MAX]C.struct_fact
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if p.closing.Load() {
			return nil, ErrClosed
		}
		n := int(C.bridge_discover(p.bridge, &c[0], C.int64_t(callTime)))
		p.logLines(ctx)
		if n <= 0 {
			continue
		}
		facts := make([]ros.Fact, 0, n)
		for i := range n {
			if f := p.fact(&c[i]); f != nil {
				facts = append(facts, f)
			}
		}
		C.bridge_facts_done(p.bridge)
		if len(facts) > 0 {
			return facts, nil
		}
	}
}

// fact copies a fact out of C; nil when it is about ourselves.
func (p *Participant) fact(c *C.struct_fact) ros.Fact {
	if c.kind == C.FACT_INCOMPATIBLE {
		return ros.IncompatibleFact{Reader: ros.ReaderID(c.handle), Policy: policyName(uint32(c.policy))}
	}
	g := guid(c.guid)
	if g.Participant() == p.guid.Participant() {
		return nil
	}
	userData := ""
	if c.user_data != nil {
		userData = strings.TrimRight(string(unsafe.Slice((*byte)(c.user_data), int(c.user_data_size))), "\x00")
	}
	gone := c.gone != 0
	if c.kind == C.FACT_PARTICIPANT {
		f := ros.ParticipantFact{GUID: g, Gone: gone, UserData: userData}
		if c.host != nil {
			f.Host = C.GoString(c.host)
		}
		return f
	}
	f := ros.EndpointFact{GUID: g, Participant: g.Participant(), Gone: gone, Writer: c.kind == C.FACT_WRITER, UserData: userData}
	if !gone {
		f.Topic, f.Type, f.QoS = C.GoString(c.topic), C.GoString(c._type), goQoS(&c.qos)
	}
	if f.Writer {
		p.writers.tell(uint64(c.handle), g, gone)
	}
	return f
}

func goQoS(c *C.struct_qos) ros.QoS {
	q := ros.QoS{
		Reliability: ros.BestEffort, Durability: ros.Volatile, History: ros.KeepLast, Depth: int(c.depth),
		Deadline: time.Duration(c.deadline), Lifespan: time.Duration(c.lifespan),
		Liveliness: ros.Automatic, LivelinessLease: time.Duration(c.lease),
	}
	if c.reliable != 0 {
		q.Reliability = ros.Reliable
	}
	if c.transient_local != 0 {
		q.Durability = ros.TransientLocal
	}
	if c.keep_all != 0 {
		q.History, q.Depth = ros.KeepAll, 0
	}
	if c.manual_by_topic != 0 {
		q.Liveliness = ros.ManualByTopic
	}
	return q
}

// policyName is the QoS policy by its id (DDS 1.4, QosPolicyId_t).
func policyName(id uint32) string {
	names := map[uint32]string{
		2: "DURABILITY", 4: "DEADLINE", 5: "LATENCY_BUDGET", 6: "OWNERSHIP", 8: "LIVELINESS", 11: "RELIABILITY",
		12: "DESTINATION_ORDER", 3: "PRESENTATION", 10: "PARTITION", 23: "DATA_REPRESENTATION", 24: "TYPE_CONSISTENCY",
	}
	if n := names[id]; n != "" {
		return n
	}
	return "QOS"
}
