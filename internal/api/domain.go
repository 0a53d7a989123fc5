package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/ros"
)

// The handlers by which people look into a robot's ROS graph and act on it. Names
// must lie in the robot's own namespace: whoever may act on one robot does not
// reach another by a slip.

// meet bounds how long a sample, a subscriber or a server is waited for.
const meet = 5 * time.Second

// domainOf finds a request's robot and the follower of its ROS domain.
func (s *Server) domainOf(r *http.Request) (fleet.Robot, *ros.Follower, error) {
	id := r.PathValue("id")
	robot, ok := s.opt.Registry.Robot(id)
	if !ok {
		return robot, nil, &notFound{"robot " + id + " is not known"}
	}
	if s.opt.Domain == nil {
		return robot, nil, &unavailable{"no ROS domain is followed"}
	}
	f := s.opt.Domain(robot.Domain)
	if f == nil {
		return robot, nil, &unavailable{fmt.Sprintf("ROS domain %d is not followed by this manager", robot.Domain)}
	}
	return robot, f, nil
}

// own makes a name absolute in the robot's namespace, and refuses others.
func own(robot fleet.Robot, field, name string) (string, error) {
	if name == "" {
		return "", invalid(field, "is missing")
	}
	full := ros.Join(robot.Namespace, name)
	if !ros.ValidName(full) {
		return "", invalid(field, "%q is no ROS name", name)
	}
	if robot.Namespace != "/" && !strings.HasPrefix(full, robot.Namespace+"/") {
		return "", invalid(field, "%s is not in %s, the namespace of robot %s", full, robot.Namespace, robot.ID)
	}
	return full, nil
}

// domainError gives the errors of a ROS domain their meaning for the client.
func domainError(err error) error {
	switch {
	case errors.Is(err, ros.ErrNoServer):
		return &notFound{err.Error()}
	case errors.Is(err, ros.ErrNoSubscriber), errors.Is(err, ros.ErrForeignServer), errors.Is(err, ros.ErrNoServices),
		errors.Is(err, ros.ErrTransition):
		return &conflict{err.Error()}
	case errors.Is(err, ros.ErrTooManyCalls), errors.Is(err, context.DeadlineExceeded):
		return &unavailable{err.Error()}
	}
	return err
}

type nodeList struct {
	Nodes []nodeBody `json:"nodes"`
}

type nodeBody struct {
	Name          string         `json:"name"` // full
	Enclave       string         `json:"enclave"`
	Host          string         `json:"host"`
	Participant   string         `json:"participant"`
	Publishers    []endpointBody `json:"publishers"`
	Subscriptions []endpointBody `json:"subscriptions"`
	Services      []endpointBody `json:"services"`
	Clients       []endpointBody `json:"clients"`
	ActionServers []string       `json:"action_servers"`
}

type endpointBody struct {
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	TypeHash string  `json:"type_hash"`
	GUID     string  `json:"guid"`
	QoS      ros.QoS `json:"qos"`
}

// listNodes shows the nodes in the robot's namespace, as `ros2 node info` does.
func (s *Server) listNodes(w http.ResponseWriter, r *http.Request) error {
	robot, f, err := s.domainOf(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, nodesIn(f, robot.Namespace))
}

func endpoints(all []ros.Endpoint) []endpointBody {
	out := make([]endpointBody, 0, len(all))
	for _, e := range all {
		typ := strings.TrimSuffix(strings.TrimSuffix(e.Type, "_Response"), "_Request")
		out = append(out, endpointBody{e.Name, typ, e.TypeHash, e.GUID.String(), e.QoS})
	}
	return out
}

// echoTopic reads one sample of a topic.
func (s *Server) echoTopic(w http.ResponseWriter, r *http.Request) error {
	robot, f, err := s.domainOf(r)
	if err != nil {
		return err
	}
	topic, err := own(robot, "topic", r.URL.Query().Get("topic"))
	if err != nil {
		return err
	}
	stream, err := f.Open(topic, 1)
	if err != nil {
		return &notFound{err.Error()}
	}
	defer stream.Close()
	ctx, cancel := context.WithTimeout(r.Context(), meet)
	defer cancel()
	select {
	case <-ctx.Done():
		text := fmt.Sprintf("no sample of %s came within %v", topic, meet)
		if p := stream.Problem(); p != "" {
			text += ": " + p
		}
		return &unavailable{text}
	case sample, ok := <-stream.C():
		if !ok {
			return errDraining
		}
		message, err := s.decode(r.Context(), source{f, topic}, "topic", stream.Type, stream.TypeHash, sample.CDR)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{
			"topic": topic, "type": stream.Type, "type_hash": stream.TypeHash, "bytes": len(sample.CDR),
			"source_time": time.Unix(0, sample.Source).UTC(), "receive_time": time.Unix(0, sample.Receive).UTC(),
			"message": message,
		})
	}
}

func (s *Server) publishTopic(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Topic   string          `json:"topic"`
		Type    string          `json:"type"`
		Message json.RawMessage `json:"message"`
	}
	robot, f, err := s.command(r, &body)
	if err != nil {
		return err
	}
	topic, err := own(robot, "topic", body.Topic)
	if err != nil {
		return err
	}
	callOf(r).detail = fmt.Sprintf("publish to %s: %.500s", topic, body.Message)
	ctx, cancel := context.WithTimeout(r.Context(), meet)
	defer cancel()
	sample, err := s.encode(ctx, source{f, topic}, "message", body.Type, f.SubscribedHash(topic, body.Type), body.Message)
	if err != nil {
		return err
	}
	if err := f.Publish(ctx, topic, body.Type, sample); err != nil {
		return domainError(err)
	}
	return writeJSON(w, http.StatusOK, map[string]string{"topic": topic})
}

// command reads the body of an action on a robot.
func (s *Server) command(r *http.Request, body any) (fleet.Robot, *ros.Follower, error) {
	robot, f, err := s.domainOf(r)
	if err == nil {
		err = readJSON(r, body)
	}
	return robot, f, err
}

func (s *Server) callService(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Service string          `json:"service"`
		Request json.RawMessage `json:"request"`
	}
	robot, f, err := s.command(r, &body)
	if err != nil {
		return err
	}
	if err := f.CanCall(); err != nil {
		return domainError(err)
	}
	service, err := own(robot, "service", body.Service)
	if err != nil {
		return err
	}
	callOf(r).detail = fmt.Sprintf("call %s: %.500s", service, body.Request)
	typ, hash, ok := f.OfferedService(service)
	if !ok {
		return &notFound{"no server offers " + service}
	}
	ctx, cancel := context.WithTimeout(r.Context(), meet)
	defer cancel()
	request, err := s.encode(ctx, source{f: f}, "request", typ+"_Request", hash, body.Request)
	if err != nil {
		return err
	}
	reply, err := f.Call(ctx, service, typ, request)
	if err != nil {
		return domainError(err)
	}
	message, err := s.decode(ctx, source{f: f}, "service", typ+"_Response", hash, reply)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"service": service, "type": typ, "reply": message})
}

func (s *Server) listParameters(w http.ResponseWriter, r *http.Request) error {
	robot, f, err := s.domainOf(r)
	if err != nil {
		return err
	}
	node, err := own(robot, "node", r.URL.Query().Get("node"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), meet)
	defer cancel()
	names, err := f.Parameters(ctx, node)
	if err != nil {
		return domainError(err)
	}
	values := map[string]any{}
	if len(names) > 0 {
		if values, err = f.GetParameters(ctx, node, names...); err != nil {
			return domainError(err)
		}
	}
	return writeJSON(w, http.StatusOK, map[string]any{"node": node, "parameters": values})
}

func (s *Server) setParameter(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Node  string `json:"node"`
		Name  string `json:"name"`
		Value any    `json:"value"`
	}
	robot, f, err := s.command(r, &body)
	if err != nil {
		return err
	}
	node, err := own(robot, "node", body.Node)
	if err != nil {
		return err
	}
	callOf(r).detail = fmt.Sprintf("set %s of %s to %v", body.Name, node, body.Value)
	ctx, cancel := context.WithTimeout(r.Context(), meet)
	defer cancel()
	value, err := ros.ParameterFromJSON(body.Value)
	if err != nil {
		return invalid("value", "%v", err)
	}
	if err := f.SetParameter(ctx, node, body.Name, value); err != nil {
		if errors.Is(err, ros.ErrRefused) {
			return invalid("value", "%v", err)
		}
		return domainError(err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"node": node, "name": body.Name, "value": body.Value})
}

func (s *Server) getLifecycle(w http.ResponseWriter, r *http.Request) error {
	robot, f, err := s.domainOf(r)
	if err != nil {
		return err
	}
	node, err := own(robot, "node", r.URL.Query().Get("node"))
	if err != nil {
		return err
	}
	return s.writeLifecycle(w, r, f, node)
}

func (s *Server) writeLifecycle(w http.ResponseWriter, r *http.Request, f *ros.Follower, node string) error {
	ctx, cancel := context.WithTimeout(r.Context(), meet)
	defer cancel()
	state, err := f.LifecycleState(ctx, node)
	if err != nil {
		return domainError(err)
	}
	return writeJSON(w, http.StatusOK, map[string]string{"node": node, "state": state})
}

func (s *Server) changeLifecycle(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Node       string `json:"node"`
		Transition string `json:"transition"`
	}
	robot, f, err := s.command(r, &body)
	if err != nil {
		return err
	}
	node, err := own(robot, "node", body.Node)
	if err != nil {
		return err
	}
	if !ros.ValidTransition(body.Transition) {
		return invalid("transition", "%q is none of configure, cleanup, activate, deactivate, shutdown", body.Transition)
	}
	callOf(r).detail = body.Transition + " " + node
	ctx, cancel := context.WithTimeout(r.Context(), meet)
	defer cancel()
	if err := f.ChangeLifecycle(ctx, node, body.Transition); err != nil {
		return domainError(err)
	}
	return s.writeLifecycle(w, r, f, node)
}
