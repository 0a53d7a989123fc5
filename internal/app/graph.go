package app

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-fleet/muster/internal/ros"
)

// The commands that show a whole ROS domain, in the words of `ros2 node list` and
// `ros2 topic info --verbose`.

// domainFlag adds the flag by which a command finds its domain.
func domainFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().Int("domain", -1, "ROS domain id; the manager's, when it follows one only")
	return cmd
}

// domain is the path of the domain that a command means.
func (c *client) domain(cmd *cobra.Command) (string, error) {
	if id, _ := cmd.Flags().GetInt("domain"); id >= 0 {
		return "/domains/" + strconv.Itoa(id), nil
	}
	var system struct {
		ROS struct {
			Domains []struct {
				ID int `json:"id"`
			} `json:"domains"`
		} `json:"ros"`
	}
	if err := c.call(cmd.Context(), http.MethodGet, "/system", nil, &system); err != nil {
		return "", err
	}
	ids := make([]string, 0, len(system.ROS.Domains))
	for _, d := range system.ROS.Domains {
		ids = append(ids, strconv.Itoa(d.ID))
	}
	if len(ids) != 1 {
		return "", fmt.Errorf("--domain: which one? The manager follows %d: %s", len(ids), strings.Join(ids, ", "))
	}
	return "/domains/" + ids[0], nil
}

func nodeListCommand() *cobra.Command {
	return domainFlag(&cobra.Command{
		Use: "list [ROBOT]", Args: cobra.MaximumNArgs(1), Short: "Print a robot's nodes with their endpoints, or the names of all nodes of a domain",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return c.show(cmd, http.MethodGet, args[0], "nodes", nil)
			}
			var list struct{ Nodes []struct{ Name string } }
			if err := c.inDomain(cmd, "/nodes", &list); err != nil {
				return err
			}
			for _, n := range list.Nodes {
				fmt.Fprintln(cmd.OutOrStdout(), n.Name)
			}
			return nil
		},
	})
}

func topicListCommand() *cobra.Command {
	return domainFlag(&cobra.Command{
		Use: "list", Args: cobra.NoArgs, Short: "Print all topics of a domain with their types",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var list struct {
				Topics []struct {
					Name  string
					Types []string
				}
			}
			if err := c.inDomain(cmd, "/topics", &list); err != nil {
				return err
			}
			for _, t := range list.Topics {
				fmt.Fprintf(cmd.OutOrStdout(), "%s [%s]\n", t.Name, strings.Join(t.Types, ", "))
			}
			return nil
		},
	})
}

func topicInfoCommand() *cobra.Command {
	return domainFlag(&cobra.Command{
		Use: "info NAME", Args: cobra.ExactArgs(1), Short: "Print a topic's publishers and subscriptions with their QoS",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var t topicEnds
			if err := c.inDomain(cmd, "/topic?name="+url.QueryEscape(args[0]), &t); err != nil {
				return err
			}
			t.print(cmd.OutOrStdout())
			return nil
		},
	})
}

// inDomain reads something of the domain that a command means.
func (c *client) inDomain(cmd *cobra.Command, path string, out any) error {
	domain, err := c.domain(cmd)
	if err != nil {
		return err
	}
	return c.call(cmd.Context(), http.MethodGet, domain+path, nil, out)
}

// topicEnds is a topic with both of its ends.
type topicEnds struct {
	Types         []string
	Publishers    []topicEnd
	Subscriptions []topicEnd
}

type topicEnd struct {
	Node, Type string
	TypeHash   string `json:"type_hash"`
	GUID       string
	QoS        ros.QoS
}

func (t *topicEnds) print(w io.Writer) {
	fmt.Fprintf(w, "Type: %s\n", strings.Join(t.Types, ", "))
	fmt.Fprintf(w, "\nPublisher count: %d\n", len(t.Publishers))
	for _, e := range t.Publishers {
		e.print(w, "PUBLISHER")
	}
	fmt.Fprintf(w, "\nSubscription count: %d\n", len(t.Subscriptions))
	for _, e := range t.Subscriptions {
		e.print(w, "SUBSCRIPTION")
	}
}

func (e *topicEnd) print(w io.Writer, kind string) {
	node, namespace := "_NODE_NAME_UNKNOWN_", "_NODE_NAMESPACE_UNKNOWN_"
	if i := strings.LastIndexByte(e.Node, '/'); i >= 0 {
		node, namespace = e.Node[i+1:], cmp.Or(e.Node[:i], "/")
	}
	fmt.Fprintf(w, "\nNode name: %s\nNode namespace: %s\nTopic type: %s\nTopic type hash: %s\nEndpoint type: %s\nGID: %s\n",
		node, namespace, e.Type, cmp.Or(e.TypeHash, "INVALID"), kind, dotted(e.GUID))
	q := e.QoS
	history := policy(string(q.History))
	if q.History == ros.KeepLast {
		history += fmt.Sprintf(" (%d)", q.Depth)
	}
	fmt.Fprintf(w, "QoS profile:\n  Reliability: %s\n  History (Depth): %s\n  Durability: %s\n  Lifespan: %s\n  Deadline: %s\n"+
		"  Liveliness: %s\n  Liveliness lease duration: %s\n",
		policy(string(q.Reliability)), history, policy(string(q.Durability)), lasting(q.Lifespan), lasting(q.Deadline),
		policy(string(q.Liveliness)), lasting(q.LivelinessLease))
}

func policy(name string) string { return strings.ToUpper(cmp.Or(name, "unknown")) }

// lasting is a duration as ros2 writes it; 0 is none.
func lasting(d time.Duration) string {
	if d == 0 {
		return "Infinite"
	}
	return fmt.Sprintf("%d nanoseconds", d.Nanoseconds())
}

// dotted is a GUID as ros2 writes it, "01.10.…".
func dotted(guid string) string {
	var b strings.Builder
	for i := 0; i+2 <= len(guid); i += 2 {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(guid[i : i+2])
	}
	return b.String()
}
