package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/muster-fleet/muster/internal/ros"
)

// The handlers that show a whole ROS domain, as `ros2 node list` and `ros2 topic
// info --verbose` do.

type topicList struct {
	Topics []topicBody `json:"topics"`
}

type topicBody struct {
	Name          string   `json:"name"`
	Types         []string `json:"types"` // one, but where the ends disagree
	Publishers    int      `json:"publishers"`
	Subscriptions int      `json:"subscriptions"`
}

type topicInfo struct {
	Name          string    `json:"name"`
	Types         []string  `json:"types"`
	Publishers    []endBody `json:"publishers"`
	Subscriptions []endBody `json:"subscriptions"`
}

type endBody struct {
	Node     string  `json:"node"` // full name; empty while no node list tells it
	Type     string  `json:"type"`
	TypeHash string  `json:"type_hash"`
	GUID     string  `json:"guid"`
	QoS      ros.QoS `json:"qos"`
}

// domainAt finds the follower of the domain in a request's path.
func (s *Server) domainAt(r *http.Request) (*ros.Follower, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return nil, invalid("id", "%q is no ROS domain id", r.PathValue("id"))
	}
	if s.opt.Domain == nil {
		return nil, &unavailable{"no ROS domain is followed"}
	}
	f := s.opt.Domain(id)
	if f == nil {
		return nil, &notFound{fmt.Sprintf("ROS domain %d is not followed by this manager", id)}
	}
	return f, nil
}

func (s *Server) listDomainNodes(w http.ResponseWriter, r *http.Request) error {
	f, err := s.domainAt(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, nodesIn(f, "/"))
}

func (s *Server) listDomainTopics(w http.ResponseWriter, r *http.Request) error {
	f, err := s.domainAt(r)
	if err != nil {
		return err
	}
	list := topicList{Topics: []topicBody{}}
	for _, t := range f.AllTopics() {
		list.Topics = append(list.Topics, topicBody{t.Name, t.Types, len(t.Publishers), len(t.Subscriptions)})
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *Server) getDomainTopic(w http.ResponseWriter, r *http.Request) error {
	f, err := s.domainAt(r)
	if err != nil {
		return err
	}
	name := r.URL.Query().Get("name")
	if name == "" {
		return invalid("name", "is missing")
	}
	for _, t := range f.AllTopics() {
		if t.Name == ros.Join("/", name) {
			return writeJSON(w, http.StatusOK, topicInfo{t.Name, t.Types, ends(t.Publishers), ends(t.Subscriptions)})
		}
	}
	return &notFound{fmt.Sprintf("nobody publishes or subscribes to %s", name)}
}

func ends(all []ros.End) []endBody {
	out := make([]endBody, 0, len(all))
	for _, e := range all {
		out = append(out, endBody{e.Node, e.Type, e.TypeHash, e.GUID.String(), e.QoS})
	}
	return out
}

// nodesIn are the nodes in a namespace.
func nodesIn(f *ros.Follower, namespace string) nodeList {
	list := nodeList{Nodes: []nodeBody{}}
	for _, n := range f.Nodes() {
		if name := n.FullName(); namespace == "/" || strings.HasPrefix(name, namespace+"/") {
			list.Nodes = append(list.Nodes, nodeBody{
				Name: name, Enclave: n.Enclave, Host: n.Host, Participant: n.Participant.String(),
				Publishers: endpoints(n.Publishers), Subscriptions: endpoints(n.Subscriptions),
				Services: endpoints(n.Services), Clients: endpoints(n.Clients), ActionServers: append([]string{}, n.ActionServers...),
			})
		}
	}
	return list
}
