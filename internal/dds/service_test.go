package dds_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/msgs/std_srvs"
)

// A server on Cyclone DDS answers; one on Fast DDS is refused by name. The server
// here does as rmw_cyclonedds does, by its source (serdata.cpp): before the body of
// request and reply stand the client's id, 8 bytes, and the request's number, 8
// bytes.
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
	served, requests := make(chan error, 1), make(chan []byte, 1)
	go func() {
		var b ros.Batch
		for server.Take(ctx, &b) == nil {
			for _, s := range b.Samples {
				requests <- slices.Clone(s.CDR)
				id := binary.LittleEndian.Uint64(s.CDR[4:])
				if err := cmp.Or(replyTo(w, s.CDR, id+1, "another's"), replyTo(w, s.CDR, id, "over DDS")); err != nil {
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
	got := <-requests
	assert.Equal(t, []byte{0, 1, 0, 0}, got[:4], "little endian")
	assert.NotZero(t, binary.LittleEndian.Uint64(got[4:]), "the client's id")
	assert.EqualValues(t, 1, binary.LittleEndian.Uint64(got[12:]), "the first request")
	assert.Equal(t, request[4:], got[20:][:len(request)-4], "the body")
	_, err = follower.Call(call, "/robot2/reset", typ, request)
	require.ErrorIs(t, err, ros.ErrForeignServer)
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
	assert.NoError(t, <-served)
}

// replyTo replies to a request as if a client with that id had sent it.
func replyTo(w ros.Writer, request []byte, id uint64, message string) error {
	reply, err := (&std_srvs.TriggerResponse{Success: true, Message: message}).MarshalCDR(nil)
	if err != nil {
		return err
	}
	out := binary.LittleEndian.AppendUint64(reply[:4:4], id)
	out = append(out, request[12:20]...)
	return w.Write(append(out, reply[4:]...))
}
