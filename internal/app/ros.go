package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// The commands that look into a robot's ROS graph and act on it, by the manager.

func topicCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "topic", Short: "Look at a domain's topics, read and publish a robot's"}
	clientFlags(cmd)
	cmd.AddCommand(
		topicListCommand(), topicInfoCommand(),
		robotCommand("echo ROBOT TOPIC", 2, "Print one message of a topic", func(c *client, cmd *cobra.Command, args []string) error {
			return c.show(cmd, http.MethodGet, args[0], "echo?topic="+url.QueryEscape(args[1]), nil)
		}),
		robotCommand("pub ROBOT TOPIC TYPE MESSAGE", 4, "Publish one message, given as JSON", func(c *client, cmd *cobra.Command, args []string) error {
			return c.show(cmd, http.MethodPost, args[0], "publish", map[string]any{
				"topic": args[1], "type": args[2], "message": json.RawMessage(args[3]),
			})
		}),
	)
	return cmd
}

func nodeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "node", Short: "Look at a domain's or a robot's nodes"}
	clientFlags(cmd)
	cmd.AddCommand(nodeListCommand())
	return cmd
}

func serviceCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "service", Short: "Call a robot's services"}
	clientFlags(cmd)
	cmd.AddCommand(robotCommand("call ROBOT SERVICE REQUEST", 3, "Call a service of a node on Cyclone DDS; the request is JSON",
		func(c *client, cmd *cobra.Command, args []string) error {
			return c.show(cmd, http.MethodPost, args[0], "call", map[string]any{"service": args[1], "request": json.RawMessage(args[2])})
		}))
	return cmd
}

func paramCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "param", Short: "Read and set the parameters of a robot's nodes"}
	clientFlags(cmd)
	cmd.AddCommand(
		robotCommand("list ROBOT NODE", 2, "Print all parameters of a node", func(c *client, cmd *cobra.Command, args []string) error {
			return c.show(cmd, http.MethodGet, args[0], "parameters?node="+url.QueryEscape(args[1]), nil)
		}),
		robotCommand("set ROBOT NODE NAME VALUE", 4, "Set a parameter; the value is JSON, or else text", func(c *client, cmd *cobra.Command, args []string) error {
			var value any = args[3]
			if json.Valid([]byte(args[3])) {
				value = json.RawMessage(args[3])
			}
			return c.show(cmd, http.MethodPost, args[0], "parameters", map[string]any{"node": args[1], "name": args[2], "value": value})
		}),
	)
	return cmd
}

func lifecycleCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "lifecycle", Short: "Read and change the state of a robot's managed nodes"}
	clientFlags(cmd)
	cmd.AddCommand(
		robotCommand("get ROBOT NODE", 2, "Print the state of a node", func(c *client, cmd *cobra.Command, args []string) error {
			return c.show(cmd, http.MethodGet, args[0], "lifecycle?node="+url.QueryEscape(args[1]), nil)
		}),
		robotCommand("set ROBOT NODE TRANSITION", 3, "configure, cleanup, activate, deactivate or shutdown a node",
			func(c *client, cmd *cobra.Command, args []string) error {
				return c.show(cmd, http.MethodPost, args[0], "lifecycle", map[string]any{"node": args[1], "transition": args[2]})
			}),
	)
	return cmd
}

// robotCommand is a command whose first argument is a robot.
func robotCommand(use string, args int, short string, run func(*client, *cobra.Command, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Args: cobra.ExactArgs(args), Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			for _, a := range args[1:] {
				if (strings.HasPrefix(a, "{") || strings.HasPrefix(a, "[")) && !json.Valid([]byte(a)) {
					return fmt.Errorf("%q is not JSON", a)
				}
			}
			return run(c, cmd, args)
		},
	}
}

// show does a request on a robot and prints the answer.
func (c *client) show(cmd *cobra.Command, method, robot, path string, body any) error {
	var answer any
	if err := c.call(cmd.Context(), method, "/robots/"+url.PathEscape(robot)+"/"+path, body, &answer); err != nil {
		return err
	}
	return printJSON(cmd.OutOrStdout(), answer)
}
