package ros

import (
	"regexp"
	"strings"
)

// Kind says what a DDS topic carries, by the prefix of its name
// (https://design.ros2.org/articles/topic_and_service_names.html).
type Kind string

// The kinds of DDS topics.
const (
	KindTopic   Kind = "topic"   // rt/
	KindRequest Kind = "request" // rq/…Request
	KindReply   Kind = "reply"   // rr/…Reply
	KindOther   Kind = "other"   // not of ROS, or ros_discovery_info
)

// MaxName bounds the names that are accepted from the wire (the DDS limit).
const MaxName = 255

// DDSTopic is the DDS name of a ROS topic: "/robot1/odom" → "rt/robot1/odom".
func DDSTopic(topic string) string { return "rt/" + strings.TrimPrefix(topic, "/") }

// ROSTopic is the reverse: the absolute name of the topic or service, and what
// the DDS topic carries for it. A name that is not of ROS comes back as it is.
func ROSTopic(dds string) (name string, kind Kind) {
	prefix, rest, ok := strings.Cut(dds, "/")
	if !ok {
		return dds, KindOther
	}
	switch prefix {
	case "rt":
		return "/" + rest, KindTopic
	case "rq":
		if service, ok := strings.CutSuffix(rest, "Request"); ok {
			return "/" + service, KindRequest
		}
	case "rr":
		if service, ok := strings.CutSuffix(rest, "Reply"); ok {
			return "/" + service, KindReply
		}
	}
	return dds, KindOther
}

// DDSType is the DDS name of a ROS type: "nav_msgs/msg/Odometry" →
// "nav_msgs::msg::dds_::Odometry_". Any other form is taken as it stands.
func DDSType(typ string) string {
	parts := strings.Split(typ, "/")
	if len(parts) != 3 {
		return typ
	}
	return parts[0] + "::" + parts[1] + "::dds_::" + parts[2] + "_"
}

// ROSType is the reverse of DDSType. The request and the reply of a service
// keep their suffix: "std_srvs/srv/Trigger_Request".
func ROSType(dds string) string {
	parts := strings.Split(dds, "::")
	if len(parts) != 4 || parts[2] != "dds_" || !strings.HasSuffix(parts[3], "_") {
		return dds
	}
	return parts[0] + "/" + parts[1] + "/" + strings.TrimSuffix(parts[3], "_")
}

var namePattern = regexp.MustCompile(`^(/[A-Za-z_][A-Za-z0-9_]*)+$`)

// ValidName reports whether name is an absolute ROS name, "/robot1/odom".
func ValidName(name string) bool {
	return len(name) <= MaxName && namePattern.MatchString(name) && !strings.Contains(name, "__")
}

// Join puts a relative name into a namespace; an absolute name stays.
func Join(namespace, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return strings.TrimSuffix(namespace, "/") + "/" + name
}

// userData finds a value in "key=value;key=value;", as ROS 2 writes it.
func userData(text, key string) string {
	for part := range strings.SplitSeq(text, ";") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(part), key+"="); ok {
			return v
		}
	}
	return ""
}
