package config

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Robot is one robot of the inventory.
type Robot struct {
	ID        string `yaml:"id"`
	Name      string `yaml:"name"`
	Namespace string `yaml:"namespace"`
	// Domain is set after Load: a robot without one is in the only domain.
	Domain *int              `yaml:"domain"`
	Engine string            `yaml:"engine"`
	Labels map[string]string `yaml:"labels"`
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

// place puts the robots without a domain into the only one there is; with
// several, Validate asks for it.
func (c *Config) place() {
	if len(c.Domains) != 1 {
		return
	}
	for i := range c.Robots {
		if r := &c.Robots[i]; r.Domain == nil {
			r.Domain = &c.Domains[0].ID
		}
	}
}

// checkDomain tells a robot in no domain, or in one that is not joined.
func (c *Config) checkDomain(r Robot, key string, problem func(key, format string, args ...any)) {
	ids := make([]string, 0, len(c.Domains))
	for _, d := range c.Domains {
		if r.Domain != nil && d.ID == *r.Domain {
			return
		}
		ids = append(ids, strconv.Itoa(d.ID))
	}
	if r.Domain == nil {
		problem(key+": domain", "is missing, and there are several: %s", strings.Join(ids, ", "))
		return
	}
	problem(key+": domain", "%d is not joined: domains lists %s", *r.Domain, strings.Join(ids, ", "))
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
		c.checkDomain(r, key, problem)
		place := r.Namespace
		if r.Domain != nil {
			place += fmt.Sprintf(" in domain %d", *r.Domain)
		}
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
