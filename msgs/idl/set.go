package idl

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Set is a collection of definitions by full name. It does not change.
type Set struct {
	messages map[string]*Message
	services map[string]*Service
}

// NewSet makes a set of the given definitions. Services bring their request,
// response and event along.
func NewSet(messages []*Message, services []*Service) *Set {
	s := &Set{messages: map[string]*Message{}, services: map[string]*Service{}}
	for _, m := range messages {
		s.messages[m.Name] = m
	}
	for _, v := range services {
		s.addService(v)
	}
	return s
}

func (s *Set) addService(v *Service) {
	s.services[v.Name] = v
	for _, m := range []*Message{v.Request, v.Response, v.Event} {
		s.messages[m.Name] = m
	}
}

// layouts are where definitions lie below a folder: as in a ROS installation's
// share folder, and as in a colcon workspace's install folder.
var layouts = []string{"*/msg/*.msg", "*/srv/*.srv", "*/share/*/msg/*.msg", "*/share/*/srv/*.srv"}

// Load parses every <package>/msg/*.msg and <package>/srv/*.srv in fsys, the
// layout of a ROS installation's share folder, and every <package>/share/<package>/…,
// that of a workspace's install folder. References are not followed; see Check.
func Load(fsys fs.FS) (*Set, error) { return LoadAs(fsys, "") }

// LoadAs is Load where errors name the files below root.
func LoadAs(fsys fs.FS, root string) (*Set, error) {
	s := NewSet(nil, nil)
	for _, layout := range layouts {
		files, err := fs.Glob(fsys, layout)
		if err != nil {
			return nil, fmt.Errorf("list definitions: %w", err)
		}
		for _, file := range files {
			text, err := fs.ReadFile(fsys, file)
			if err != nil {
				return nil, fmt.Errorf("read definition: %w", err)
			}
			if err := s.parse(path.Join(root, file), string(text)); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// parse adds the definition in a file, whose path tells its package and name.
func (s *Set) parse(file, text string) error {
	pkg := path.Base(path.Dir(path.Dir(file)))
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	if path.Ext(file) == ".msg" {
		m, err := ParseMessage(pkg, name, file, text)
		if err != nil {
			return err
		}
		s.messages[m.Name] = m
		return nil
	}
	v, err := ParseService(pkg, name, file, text)
	if err != nil {
		return err
	}
	s.addService(v)
	return nil
}

// Over gives a set with the definitions of both, where those of s win.
func (s *Set) Over(base *Set) *Set {
	union := &Set{messages: maps.Clone(base.messages), services: maps.Clone(base.services)}
	maps.Copy(union.messages, s.messages)
	maps.Copy(union.services, s.services)
	return union
}

// Message finds a message by its full name, "nav_msgs/msg/Odometry"; the parts
// of a service are found by "nav_msgs/srv/GetMap_Request" and so on.
func (s *Set) Message(name string) (*Message, bool) {
	m, ok := s.messages[name]
	return m, ok
}

// Service finds a service by its full name, "nav_msgs/srv/GetMap".
func (s *Set) Service(name string) (*Service, bool) {
	v, ok := s.services[name]
	return v, ok
}

// Messages lists all messages by name, with the parts of services.
func (s *Set) Messages() []*Message { return sorted(s.messages) }

// Services lists all services by name.
func (s *Set) Services() []*Service { return sorted(s.services) }

func sorted[T any](m map[string]T) []T {
	list := make([]T, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[name])
	}
	return list
}

// Check tells the first reference that leads nowhere or round in a circle.
func (s *Set) Check() error {
	for _, m := range s.Messages() {
		if _, err := s.References(m); err != nil {
			return err
		}
	}
	return nil
}

// References lists the messages that m refers to, directly or through others,
// in the order of first use from the top. The error names the field that
// refers to an unknown message or closes a circle.
func (s *Set) References(m *Message) ([]*Message, error) {
	w := walk{set: s, state: map[string]visit{}}
	if err := w.enter(m); err != nil {
		return nil, err
	}
	return w.found, nil
}

type visit uint8

const (
	unseen visit = iota
	open
	done
)

// walk is a depth-first search that tells a circle from a second visit.
type walk struct {
	set   *Set
	state map[string]visit
	found []*Message
}

func (w *walk) enter(m *Message) error {
	w.state[m.Name] = open
	for _, f := range m.Fields {
		if f.Type.Kind != Nested {
			continue
		}
		switch w.state[f.Type.Name] {
		case done:
			continue
		case open:
			return fmt.Errorf("%s: %s contains itself", m.At(f), f.Type.Name)
		}
		next, ok := w.set.messages[f.Type.Name]
		if !ok {
			return fmt.Errorf("%s: unknown message %s", m.At(f), f.Type.Name)
		}
		w.found = append(w.found, next)
		if err := w.enter(next); err != nil {
			return err
		}
	}
	w.state[m.Name] = done
	return nil
}
