package config

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Robot is one robot of the inventory.
type Robot struct {
	ID        string            `yaml:"id"`
	Name      string            `yaml:"name"`
	Namespace string            `yaml:"namespace"`
	Domain    int               `yaml:"domain"`
	Engine    string            `yaml:"engine"`
	Labels    map[string]string `yaml:"labels"`
	// Topics sets the topic of a role by hand, see roles.
	Topics map[string]string `yaml:"topics"`
}

// LoadInventory reads a file with a list "robots".
func LoadInventory(path string) ([]Robot, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read inventory: %w", err)
	}
	var file struct {
		Robots []Robot `yaml:"robots"`
	}
	if err := unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file.Robots, nil
}

// ROS names: alphanumerics and underscores, not beginning with a digit
// (https://design.ros2.org/articles/topic_and_service_names.html).
var (
	namespacePattern = regexp.MustCompile(`^(/[A-Za-z_][A-Za-z0-9_]*)+$|^/$`)
	topicPattern     = regexp.MustCompile(`^/?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*$`)
	idPattern        = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
)

// Group sets the topics of all listed robots that carry the labels.
type Group struct {
	Labels map[string]string `yaml:"labels"`
	Topics map[string]string `yaml:"topics"`
}

// TopicsOf are a robot's topics by role: its own, and before them those of its
// groups, a later group over an earlier one.
func (c *Config) TopicsOf(r Robot) map[string]string {
	topics := make(map[string]string)
	for _, g := range c.Groups {
		if g.has(r) {
			maps.Copy(topics, g.Topics)
		}
	}
	maps.Copy(topics, r.Topics)
	return topics
}

func (g Group) has(r Robot) bool {
	for k, v := range g.Labels {
		if r.Labels[k] != v {
			return false
		}
	}
	return true
}

// roles are those of package ros that one robot has.
var roles = map[string]bool{
	"pose": true, "odometry": true, "battery": true, "diagnostics": true, "map": true,
	"tf": true, "tf_static": true, "fix": true, "robot_state": true,
}

func checkTopics(topics map[string]string, key string, problem func(key, format string, args ...any)) {
	for role, topic := range topics {
		if !roles[role] {
			problem(key, "%q is no role; there are %s", role, strings.Join(slices.Sorted(maps.Keys(roles)), ", "))
		} else if !topicPattern.MatchString(topic) {
			problem(key+": "+role, "%q is not a ROS topic", topic)
		}
	}
}

// checkRobots collects what is wrong with the inventory, naming robot and key.
func (c *Config) checkRobots(problem func(key, format string, args ...any)) {
	ids, places := make(map[string]int), make(map[string]string)
	for i, r := range c.Robots {
		key := fmt.Sprintf("robots[%d]", i)
		if r.ID != "" {
			key = "robot " + r.ID
		}
		switch first, twice := ids[r.ID]; {
		case r.ID == "":
			problem(key+": id", "is missing")
		case !idPattern.MatchString(r.ID):
			problem(key+": id", "%q: letters, digits, '_', '.' and '-', at most 64", r.ID)
		case twice:
			problem(key+": id", "is there twice, as robots[%d] and robots[%d]", first, i)
		default:
			ids[r.ID] = i
		}
		place := fmt.Sprintf("%s in domain %d", r.Namespace, r.Domain)
		switch other, taken := places[place]; {
		case !namespacePattern.MatchString(r.Namespace):
			problem(key+": namespace", "%q is not an absolute ROS namespace like /robot1", r.Namespace)
		case taken:
			problem(key+": namespace", "%s is robot %s already", place, other)
		default:
			places[place] = r.ID
		}
		if r.Engine != "" && !c.hasEngine(r.Engine) {
			problem(key+": engine", "there is no engine %q", r.Engine)
		}
		checkTopics(r.Topics, key+": topics", problem)
	}
	for i, g := range c.Groups {
		if len(g.Labels) == 0 {
			problem(fmt.Sprintf("groups[%d].labels", i), "is missing: which robots are meant?")
		}
		checkTopics(g.Topics, fmt.Sprintf("groups[%d].topics", i), problem)
	}
}

func (c *Config) hasEngine(name string) bool {
	for _, e := range c.Engines {
		if e.Name == name {
			return true
		}
	}
	return false
}
