package ros

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/muster-fleet/muster/msgs/lifecycle_msgs"
	"github.com/muster-fleet/muster/msgs/rcl_interfaces"
)

// message is a generated request or reply.
type message interface {
	MarshalCDR(dst []byte) ([]byte, error)
	UnmarshalCDR(sample []byte) error
}

// ask calls a service of a node with generated messages.
func (f *Follower) ask(ctx context.Context, node, service, typ string, request, reply message) error {
	sample, err := request.MarshalCDR(nil)
	if err != nil {
		return err
	}
	answer, err := f.Call(ctx, node+"/"+service, typ, sample)
	if err != nil {
		return err
	}
	return reply.UnmarshalCDR(answer)
}

// Parameters lists the names of a node's parameters ("/robot1/driver").
func (f *Follower) Parameters(ctx context.Context, node string) ([]string, error) {
	var reply rcl_interfaces.ListParametersResponse
	err := f.ask(ctx, node, "list_parameters", "rcl_interfaces/srv/ListParameters", &rcl_interfaces.ListParametersRequest{}, &reply)
	return reply.Result.Names, err
}

// GetParameters reads parameters of a node: bool, int64, float64, string or a
// slice of those; nil for one that is not set.
func (f *Follower) GetParameters(ctx context.Context, node string, names ...string) (map[string]any, error) {
	var reply rcl_interfaces.GetParametersResponse
	err := f.ask(ctx, node, "get_parameters", "rcl_interfaces/srv/GetParameters", &rcl_interfaces.GetParametersRequest{Names: names}, &reply)
	if err != nil {
		return nil, err
	}
	if len(reply.Values) != len(names) {
		return nil, fmt.Errorf("get parameters of %s: %d values for %d names: one of them is not declared", node, len(reply.Values), len(names))
	}
	values := make(map[string]any, len(names))
	for i, name := range names {
		values[name] = parameterValue(&reply.Values[i])
	}
	return values, nil
}

// ErrRefused says that a node refused a parameter's value.
var ErrRefused = errors.New("the node refuses")

// ParameterFromJSON makes a parameter's value of a decoded JSON value: a number
// without a fraction is an integer, and a list has elements of one type.
func ParameterFromJSON(value any) (any, error) {
	list, ok := value.([]any)
	if !ok {
		_, err := toParameter(value)
		return value, err
	}
	if len(list) == 0 {
		return []string{}, nil
	}
	switch list[0].(type) {
	case bool:
		return listOf[bool](list)
	case string:
		return listOf[string](list)
	case float64:
		numbers, err := listOf[float64](list)
		if err != nil {
			return nil, err
		}
		whole := make([]int64, 0, len(numbers))
		for _, n := range numbers {
			if n != math.Trunc(n) {
				return numbers, nil
			}
			whole = append(whole, int64(n))
		}
		return whole, nil
	}
	return nil, fmt.Errorf("a list of %T is no parameter", list[0])
}

func listOf[T any](list []any) ([]T, error) {
	out := make([]T, 0, len(list))
	for i, v := range list {
		t, ok := v.(T)
		if !ok {
			return nil, fmt.Errorf("element %d is a %T among %Ts", i, v, t)
		}
		out = append(out, t)
	}
	return out, nil
}

// SetParameter sets one parameter of a node; the error carries the node's reason
// when it refuses.
func (f *Follower) SetParameter(ctx context.Context, node, name string, value any) error {
	v, err := toParameter(value)
	if err != nil {
		return fmt.Errorf("set parameter %s of %s: %w", name, node, err)
	}
	request := rcl_interfaces.SetParametersRequest{Parameters: []rcl_interfaces.Parameter{{Name: name, Value: v}}}
	var reply rcl_interfaces.SetParametersResponse
	if err := f.ask(ctx, node, "set_parameters", "rcl_interfaces/srv/SetParameters", &request, &reply); err != nil {
		return err
	}
	if len(reply.Results) != 1 {
		return fmt.Errorf("set parameter %s of %s: %d results", name, node, len(reply.Results))
	}
	if r := reply.Results[0]; !r.Successful {
		return fmt.Errorf("set parameter %s of %s: %w: %s", name, node, ErrRefused, r.Reason)
	}
	return nil
}

func parameterValue(v *rcl_interfaces.ParameterValue) any {
	switch v.Type {
	case rcl_interfaces.ParameterTypeParameterBool:
		return v.BoolValue
	case rcl_interfaces.ParameterTypeParameterInteger:
		return v.IntegerValue
	case rcl_interfaces.ParameterTypeParameterDouble:
		return v.DoubleValue
	case rcl_interfaces.ParameterTypeParameterString:
		return v.StringValue
	case rcl_interfaces.ParameterTypeParameterByteArray:
		return v.ByteArrayValue
	case rcl_interfaces.ParameterTypeParameterBoolArray:
		return v.BoolArrayValue
	case rcl_interfaces.ParameterTypeParameterIntegerArray:
		return v.IntegerArrayValue
	case rcl_interfaces.ParameterTypeParameterDoubleArray:
		return v.DoubleArrayValue
	case rcl_interfaces.ParameterTypeParameterStringArray:
		return v.StringArrayValue
	}
	return nil
}

// toParameter takes Go's and JSON's values; a JSON number without a fraction is
// an integer.
func toParameter(value any) (v rcl_interfaces.ParameterValue, err error) {
	switch x := value.(type) {
	case bool:
		v.Type, v.BoolValue = rcl_interfaces.ParameterTypeParameterBool, x
	case int:
		v.Type, v.IntegerValue = rcl_interfaces.ParameterTypeParameterInteger, int64(x)
	case int64:
		v.Type, v.IntegerValue = rcl_interfaces.ParameterTypeParameterInteger, x
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			v.Type, v.IntegerValue = rcl_interfaces.ParameterTypeParameterInteger, int64(x)
		} else {
			v.Type, v.DoubleValue = rcl_interfaces.ParameterTypeParameterDouble, x
		}
	case string:
		v.Type, v.StringValue = rcl_interfaces.ParameterTypeParameterString, x
	case []bool:
		v.Type, v.BoolArrayValue = rcl_interfaces.ParameterTypeParameterBoolArray, x
	case []int64:
		v.Type, v.IntegerArrayValue = rcl_interfaces.ParameterTypeParameterIntegerArray, x
	case []float64:
		v.Type, v.DoubleArrayValue = rcl_interfaces.ParameterTypeParameterDoubleArray, x
	case []string:
		v.Type, v.StringArrayValue = rcl_interfaces.ParameterTypeParameterStringArray, x
	default:
		err = fmt.Errorf("a value of type %T is no parameter", value)
	}
	return v, err
}

// LifecycleState is the state of a managed node: "unconfigured", "inactive",
// "active", "finalized".
func (f *Follower) LifecycleState(ctx context.Context, node string) (string, error) {
	var reply lifecycle_msgs.GetStateResponse
	err := f.ask(ctx, node, "get_state", "lifecycle_msgs/srv/GetState", &lifecycle_msgs.GetStateRequest{}, &reply)
	return reply.CurrentState.Label, err
}

// ErrTransition says that a managed node could not make a transition.
var ErrTransition = errors.New("the node did not make the transition")

// transitions are those that a person may ask for (lifecycle_msgs/msg/Transition).
var transitions = map[string]uint8{
	"configure":  lifecycle_msgs.TransitionTransitionConfigure,
	"cleanup":    lifecycle_msgs.TransitionTransitionCleanup,
	"activate":   lifecycle_msgs.TransitionTransitionActivate,
	"deactivate": lifecycle_msgs.TransitionTransitionDeactivate,
}

// ValidTransition reports whether ChangeLifecycle knows a transition.
func ValidTransition(name string) bool {
	_, ok := transitions[name]
	return ok || name == "shutdown"
}

// ChangeLifecycle asks a managed node for a transition: configure, cleanup,
// activate, deactivate or shutdown.
func (f *Follower) ChangeLifecycle(ctx context.Context, node, transition string) error {
	id, ok := transitions[transition]
	if transition == "shutdown" {
		state, err := f.LifecycleState(ctx, node)
		if err != nil {
			return err
		}
		id, ok = map[string]uint8{
			"unconfigured": lifecycle_msgs.TransitionTransitionUnconfiguredShutdown,
			"inactive":     lifecycle_msgs.TransitionTransitionInactiveShutdown,
			"active":       lifecycle_msgs.TransitionTransitionActiveShutdown,
		}[state]
	}
	if !ok {
		return fmt.Errorf("transition %q of %s: none of configure, cleanup, activate, deactivate, shutdown", transition, node)
	}
	request := lifecycle_msgs.ChangeStateRequest{Transition: lifecycle_msgs.Transition{ID: id}}
	var reply lifecycle_msgs.ChangeStateResponse
	if err := f.ask(ctx, node, "change_state", "lifecycle_msgs/srv/ChangeState", &request, &reply); err != nil {
		return err
	}
	if !reply.Success {
		return fmt.Errorf("%s %s: %w", transition, node, ErrTransition)
	}
	return nil
}
