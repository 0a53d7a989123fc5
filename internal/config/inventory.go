package config

import (
	"fmt"
	"os"
	"regexp"
)

// Robot is one robot of the inventory.
type Robot struct {
	ID        string            `yaml:"id"`
	Name      string            `yaml:"name"`
	Namespace string            `yaml:"namespace"`
	Domain    int               `yaml:"domain"`
	Engine    string            `yaml:"engine"`
	Labels    map[string]string `yaml:"labels"`
	// Topics sets the topic of a role by hand: pose, odometry, battery,
	// diagnostics, map.
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

var roles = map[string]bool{"pose": true, "odometry": true, "battery": true, "diagnostics": true, "map": true}

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
		for role, topic := range r.Topics {
			if !roles[role] {
				problem(key+": topics", "%q is no role; there are pose, odometry, battery, diagnostics and map", role)
			} else if !topicPattern.MatchString(topic) {
				problem(key+": topics: "+role, "%q is not a ROS topic", topic)
			}
		}
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
