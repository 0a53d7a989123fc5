package ros_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
	"github.com/muster-fleet/muster/msgs/lifecycle_msgs"
	"github.com/muster-fleet/muster/msgs/rcl_interfaces"
	"github.com/muster-fleet/muster/msgs/std_msgs"
	"github.com/muster-fleet/muster/msgs/std_srvs"
)

// serve answers a service as a node on rmw_cyclonedds does.
func (r *robot) serve(service, typ string, answer func(request []byte) []byte) {
	q := ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, History: ros.KeepLast, Depth: 10}
	w, err := r.p.Advertise(ros.Publication{Topic: "rr" + r.ns + "/" + service + "Reply", Type: typ + "_Response", RawName: true, QoS: q})
	require.NoError(r.t, err)
	id, err := r.p.Subscribe(ros.Subscription{Topic: "rq" + r.ns + "/" + service + "Request", Type: typ + "_Request", RawName: true, QoS: q})
	require.NoError(r.t, err)
	r.answers[id] = func(cdr []byte) {
		reply := answer(append(append([]byte{}, cdr[:4]...), cdr[20:]...))
		out := append(append([]byte{}, reply[:4]...), cdr[4:20]...) // the header comes back
		require.NoError(r.t, w.Write(append(out, reply[4:]...)))
	}
}

// spin answers until the test ends.
func (r *robot) spin() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		var b ros.Batch
		for r.p.Take(ctx, &b) == nil {
			for _, s := range b.Samples {
				if answer := r.answers[s.Reader]; answer != nil {
					answer(s.CDR)
				}
			}
		}
	})
	r.t.Cleanup(func() { cancel(); running.Wait() })
}

func cdrOf(t *testing.T, m interface{ MarshalCDR([]byte) ([]byte, error) }) []byte {
	t.Helper()
	b, err := m.MarshalCDR(nil)
	require.NoError(t, err)
	return b
}

func (h *house) offered(service string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool { _, ok := h.follower.ServiceType(service); return ok }, 10*time.Second, time.Millisecond)
}

func TestAServiceIsCalled(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	r.serve("reset", "std_srvs/srv/Trigger", func([]byte) []byte {
		return cdrOf(t, &std_srvs.TriggerResponse{Success: true, Message: "done"})
	})
	r.spin()
	h.offered("/robot1/reset")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request := cdrOf(t, &std_srvs.TriggerRequest{})
	var calls sync.WaitGroup
	for range 8 { // each gets its own reply
		calls.Go(func() {
			b, err := h.follower.Call(ctx, "/robot1/reset", "std_srvs/srv/Trigger", request)
			if assert.NoError(t, err) {
				var reply std_srvs.TriggerResponse
				assert.NoError(t, reply.UnmarshalCDR(b))
				assert.Equal(t, "done", reply.Message)
			}
		})
	}
	calls.Wait()
	assert.Zero(t, h.own.Readers("rr/robot1/resetReply"), "nothing stays open")
	_, err := h.follower.Call(ctx, "/robot1/reset", "std_srvs/srv/SetBool", request)
	require.ErrorContains(t, err, "its type is std_srvs/srv/Trigger")
	_, err = h.follower.Call(ctx, "/robot1/none", "std_srvs/srv/Trigger", request)
	require.ErrorIs(t, err, ros.ErrNoServer)
}

func TestAForeignServerIsNamed(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := &robot{h.t, h.domain.JoinVendor([2]byte{0x01, 0x0f}), "/robot1", nil, make(map[ros.ReaderID]func([]byte))}
	r.serve("reset", "std_srvs/srv/Trigger", func(b []byte) []byte { return b })
	h.offered("/robot1/reset")
	_, err := h.follower.Call(t.Context(), "/robot1/reset", "std_srvs/srv/Trigger", []byte{0, 1, 0, 0})
	require.ErrorIs(t, err, ros.ErrForeignServer)
	assert.ErrorContains(t, err, "rmw_cyclonedds")
}

// topicsOnly is a transport without services, as rcl's is through rclgo.
type topicsOnly struct{ ros.Transport }

func (topicsOnly) NoServices() string { return "it was built without" }

func TestATransportWithoutServicesSaysSo(t *testing.T) {
	f := ros.NewFollower(topicsOnly{rostest.NewDomain(3).Join()}, nil, ros.FollowerOptions{})
	require.ErrorIs(t, f.CanCall(), ros.ErrNoServices)
	_, err := f.Call(t.Context(), "/robot1/reset", "std_srvs/srv/Trigger", []byte{0, 1, 0, 0})
	require.ErrorIs(t, err, ros.ErrNoServices)
	require.NotErrorIs(t, err, ros.ErrNoServer)
	_, err = f.Parameters(t.Context(), "/robot1/driver")
	require.ErrorContains(t, err, "this transport calls no services: it was built without")
	require.NoError(t, ros.NewFollower(rostest.NewDomain(3).Join(), nil, ros.FollowerOptions{}).CanCall())
}

func TestParameters(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	r.serve("driver/get_parameters", "rcl_interfaces/srv/GetParameters", func(b []byte) []byte {
		var q rcl_interfaces.GetParametersRequest
		assert.NoError(t, q.UnmarshalCDR(b))
		if q.Names[0] != "speed" {
			return cdrOf(t, &rcl_interfaces.GetParametersResponse{})
		}
		return cdrOf(t, &rcl_interfaces.GetParametersResponse{Values: []rcl_interfaces.ParameterValue{{Type: 3, DoubleValue: 0.5}}})
	})
	var set rcl_interfaces.SetParametersRequest
	r.serve("driver/set_parameters", "rcl_interfaces/srv/SetParameters", func(b []byte) []byte {
		assert.NoError(t, set.UnmarshalCDR(b))
		ok := set.Parameters[0].Name == "speed"
		return cdrOf(t, &rcl_interfaces.SetParametersResponse{Results: []rcl_interfaces.SetParametersResult{{Successful: ok, Reason: "too fast"}}})
	})
	r.serve("driver/list_parameters", "rcl_interfaces/srv/ListParameters", func([]byte) []byte {
		return cdrOf(t, &rcl_interfaces.ListParametersResponse{Result: rcl_interfaces.ListParametersResult{Names: []string{"speed", "use_sim_time"}}})
	})
	r.spin()
	for _, s := range []string{"get", "set", "list"} {
		h.offered("/robot1/driver/" + s + "_parameters")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	names, err := h.follower.Parameters(ctx, "/robot1/driver")
	require.NoError(t, err)
	assert.Equal(t, []string{"speed", "use_sim_time"}, names)
	values, err := h.follower.GetParameters(ctx, "/robot1/driver", "speed")
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"speed": 0.5}, values)
	_, err = h.follower.GetParameters(ctx, "/robot1/driver", "none")
	require.ErrorContains(t, err, "not declared")
	require.NoError(t, h.follower.SetParameter(ctx, "/robot1/driver", "speed", 0.75))
	assert.InDelta(t, 0.75, set.Parameters[0].Value.DoubleValue, 0)
	err = h.follower.SetParameter(ctx, "/robot1/driver", "other", true)
	require.ErrorContains(t, err, "too fast")
	err = h.follower.SetParameter(ctx, "/robot1/driver", "speed", struct{}{})
	require.ErrorContains(t, err, "no parameter")
}

func TestLifecycle(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	state := "inactive"
	r.serve("nav/get_state", "lifecycle_msgs/srv/GetState", func([]byte) []byte {
		return cdrOf(t, &lifecycle_msgs.GetStateResponse{CurrentState: lifecycle_msgs.State{Label: state}})
	})
	r.serve("nav/change_state", "lifecycle_msgs/srv/ChangeState", func(b []byte) []byte {
		var q lifecycle_msgs.ChangeStateRequest
		assert.NoError(t, q.UnmarshalCDR(b))
		ok := q.Transition.ID == lifecycle_msgs.TransitionTransitionActivate || q.Transition.ID == lifecycle_msgs.TransitionTransitionInactiveShutdown
		return cdrOf(t, &lifecycle_msgs.ChangeStateResponse{Success: ok})
	})
	r.spin()
	h.offered("/robot1/nav/get_state")
	h.offered("/robot1/nav/change_state")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := h.follower.LifecycleState(ctx, "/robot1/nav")
	require.NoError(t, err)
	assert.Equal(t, "inactive", got)
	require.NoError(t, h.follower.ChangeLifecycle(ctx, "/robot1/nav", "activate"))
	require.NoError(t, h.follower.ChangeLifecycle(ctx, "/robot1/nav", "shutdown"))
	require.ErrorIs(t, h.follower.ChangeLifecycle(ctx, "/robot1/nav", "cleanup"), ros.ErrTransition)
	require.ErrorContains(t, h.follower.ChangeLifecycle(ctx, "/robot1/nav", "explode"), "none of configure")
}

func TestPublish(t *testing.T) {
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	sample := cdrOf(t, &std_msgs.String{Data: "go"})
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, h.follower.Publish(short, "/robot1/cmd", "std_msgs/msg/String", sample), ros.ErrNoSubscriber)
	require.ErrorContains(t, h.follower.Publish(t.Context(), "cmd", "std_msgs/msg/String", sample), "absolute")
	id, err := r.p.Subscribe(ros.Subscription{Topic: "/robot1/cmd", Type: "std_msgs/msg/String", QoS: plain})
	require.NoError(t, err)
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	require.NoError(t, h.follower.Publish(ctx, "/robot1/cmd", "std_msgs/msg/String", sample))
	for {
		var b ros.Batch
		require.NoError(t, r.p.Take(ctx, &b))
		for _, s := range b.Samples {
			if s.Reader == id {
				assert.Equal(t, sample, s.CDR)
				return
			}
		}
	}
}
