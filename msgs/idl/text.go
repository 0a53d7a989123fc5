package idl

import (
	"fmt"
	"strings"
)

// separator parts the definitions in a ros2msg text: 80 equal signs.
var separator = strings.Repeat("=", 80)

// Text gives the definition of a message with those of all messages it refers
// to, in the form that MCAP and the Foxglove WebSocket protocol call ros2msg:
// the message's own text, then for each other a line of equal signs, a line
// "MSG: package/Name" and its text.
func (s *Set) Text(name string) (string, error) {
	m, ok := s.messages[name]
	if !ok {
		return "", fmt.Errorf("unknown message %s", name)
	}
	references, err := s.References(m)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(m.text())
	for _, r := range references {
		fmt.Fprintf(&b, "%s\nMSG: %s\n%s", separator, shortName(r.Name), r.text())
	}
	return b.String(), nil
}

// text is the source, or for a message that has none, such as the event of a
// service, its fields; it ends with a newline unless it is empty.
func (m *Message) text() string {
	text := m.Source
	if text == "" {
		var b strings.Builder
		for _, f := range m.Fields {
			fmt.Fprintf(&b, "%s %s\n", f.Type, f.Name)
		}
		text = b.String()
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}
