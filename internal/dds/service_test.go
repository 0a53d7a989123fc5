package dds_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/msgs/std_srvs"
)

// A server on Cyclone DDS answers; one on Fast DDS is refused by name.
func TestServices(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	p, server, foreign := ddstest.Join(t, domain), ddstest.Join(t, domain), ddstest.StartPeer(t, domain)
	follower := ros.NewFollower(p, func(time.Time, ...fleet.Observation) {}, ros.FollowerOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- follower.Run(ctx) }()

	q := ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, History: ros.KeepLast, Depth: 10, Liveliness: ros.Automatic}
	const typ = "std_srvs/srv/Trigger"
	w, err := server.Advertise(ros.Publication{Topic: "rr/robot1/resetReply", Type: typ + "_Response", RawName: true, QoS: q})
	require.NoError(t, err)
	_, err = server.Subscribe(ros.Subscription{Topic: "rq/robot1/resetRequest", Type: typ + "_Request", RawName: true, QoS: q, Commands: true})
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() {
		var b ros.Batch
		for server.Take(ctx, &b) == nil {
			for _, s := range b.Samples {
				reply, _ := (&std_srvs.TriggerResponse{Success: true, Message: "over DDS"}).MarshalCDR(nil)
				out := append(append([]byte{}, reply[:4]...), s.CDR[4:20]...)
				if err := w.Write(append(out, reply[4:]...)); err != nil {
					served <- err
					return
				}
			}
		}
		served <- nil
	}()
	foreign.Advertise("rr/robot2/resetReply", ros.DDSType(typ+"_Response"), q, "")
	for _, s := range []string{"/robot1/reset", "/robot2/reset"} {
		require.Eventually(t, func() bool { _, ok := follower.ServiceType(s); return ok }, ddstest.Deadline, time.Millisecond)
	}
	request, err := (&std_srvs.TriggerRequest{}).MarshalCDR(nil)
	require.NoError(t, err)
	call, stop := context.WithTimeout(ctx, ddstest.Deadline)
	defer stop()
	b, err := follower.Call(call, "/robot1/reset", typ, request)
	require.NoError(t, err)
	var reply std_srvs.TriggerResponse
	require.NoError(t, reply.UnmarshalCDR(b))
	assert.Equal(t, "over DDS", reply.Message)
	_, err = follower.Call(call, "/robot2/reset", typ, request)
	require.ErrorIs(t, err, ros.ErrForeignServer)
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
	assert.NoError(t, <-served)
}
