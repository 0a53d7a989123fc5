package idl

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseError says where a definition is wrong.
type ParseError struct {
	File string
	Line int    // from 1
	Name string // field or constant, empty when the line has none
	Err  error
}

// Error names file, line and field.
func (e *ParseError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
	}
	return fmt.Sprintf("%s:%d: %s: %v", e.File, e.Line, e.Name, e.Err)
}

// Unwrap gives the reason.
func (e *ParseError) Unwrap() error { return e.Err }

// ParseMessage parses the text of a .msg file of package pkg; name is the
// message's base name, file is what errors call the text. Whether the messages
// it refers to exist is seen by Set.Check. The grammar is that of rosidl: a
// comment begins at the first '#' of a line, wherever that is.
func ParseMessage(pkg, name, file, text string) (*Message, error) {
	if err := checkNames(pkg, name); err != nil {
		return nil, &ParseError{File: file, Line: 1, Err: err}
	}
	return parseMessage(pkg, pkg+"/msg/"+name, file, text, 1)
}

// ParseService parses the text of a .srv file; see ParseMessage.
func ParseService(pkg, name, file, text string) (*Service, error) {
	if err := checkNames(pkg, name); err != nil {
		return nil, &ParseError{File: file, Line: 1, Err: err}
	}
	var separators []int
	lines := splitLines(text)
	for i, line := range lines {
		if line == "---" {
			separators = append(separators, i)
		}
	}
	if len(separators) != 1 {
		return nil, &ParseError{File: file, Line: 1, Err: fmt.Errorf(
			"found %d lines '---', want one between request and response", len(separators))}
	}
	full := pkg + "/srv/" + name
	cut := separators[0]
	request, err := parseMessage(pkg, full+"_Request", file, strings.Join(lines[:cut], "\n"), 1)
	if err != nil {
		return nil, err
	}
	response, err := parseMessage(pkg, full+"_Response", file, strings.Join(lines[cut+1:], "\n"), cut+2)
	if err != nil {
		return nil, err
	}
	request.Source, response.Source = part(lines[:cut]), part(lines[cut+1:])
	return &Service{
		Name: full, Comment: request.Comment, Source: text,
		Request: request, Response: response, Event: eventOf(full),
	}, nil
}

// eventOf makes the message that rosidl adds to each service (REP-2012).
func eventOf(service string) *Message {
	return &Message{
		Name:    service + "_Event",
		Comment: "An event of service " + service + ".",
		Fields: []Field{
			{Name: "info", Type: Type{Kind: Nested, Name: "service_msgs/msg/ServiceEventInfo"}},
			{Name: "request", Type: Type{Kind: Nested, Name: service + "_Request", Shape: Sequence, Size: 1}},
			{Name: "response", Type: Type{Kind: Nested, Name: service + "_Response", Shape: Sequence, Size: 1}},
		},
	}
}

func checkNames(pkg, name string) error {
	if !validFieldName(pkg) {
		return fmt.Errorf("%q is no package name: want lower case letters, digits and single underscores", pkg)
	}
	if !validMessageName(name) {
		return fmt.Errorf("%q is no message name: want an upper case letter, then letters and digits", name)
	}
	return nil
}

func splitLines(text string) []string {
	return strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}

// part is one side of a service's text without the empty lines around it.
func part(lines []string) string {
	text := strings.Trim(strings.Join(lines, "\n"), "\n")
	if text == "" {
		return ""
	}
	return text + "\n"
}

// messageParser gathers the elements of one message.
type messageParser struct {
	pkg     string
	msg     *Message
	names   map[string]bool
	comment []string // lines before the next element
	line    int      // of the element
}

func parseMessage(pkg, full, file, text string, firstLine int) (*Message, error) {
	p := &messageParser{
		pkg:   pkg,
		msg:   &Message{Name: full, Source: text, File: file},
		names: map[string]bool{},
	}
	inHead := true // comments before the first other line speak of the message
	for i, line := range splitLines(text) {
		line = strings.TrimRight(strings.ReplaceAll(line, "\t", " "), " ")
		code, comment, hasComment := strings.Cut(line, "#")
		code = strings.TrimSpace(code)
		comment = strings.TrimSpace(strings.TrimLeft(comment, "#"))
		switch {
		case code == "" && inHead && hasComment:
			p.msg.Comment = strings.TrimSpace(p.msg.Comment + "\n" + comment)
			continue
		case code == "" && hasComment:
			p.comment = append(p.comment, comment)
			continue
		case code == "":
			inHead = inHead && p.msg.Comment == ""
			p.comment = nil // a blank line parts a remark from what follows
			continue
		}
		inHead = false
		if comment != "" {
			p.comment = append(p.comment, comment)
		}
		p.line = firstLine + i
		if name, err := p.element(code); err != nil {
			return nil, &ParseError{File: file, Line: p.line, Name: name, Err: err}
		}
		p.comment = nil
	}
	return p.msg, nil
}

// element parses a line with a field or a constant, and gives its name.
func (p *messageParser) element(code string) (string, error) {
	typeText, rest, _ := strings.Cut(code, " ")
	rest = strings.TrimSpace(rest)
	if rest == "" {
		return "", fmt.Errorf("%q has a type and no name", code)
	}
	comment := strings.Join(p.comment, "\n")
	if name, value, ok := strings.Cut(rest, "="); ok {
		name = strings.TrimSpace(name)
		return name, p.constant(typeText, name, strings.TrimSpace(value), comment)
	}
	name, value, _ := strings.Cut(rest, " ")
	return name, p.field(typeText, name, strings.TrimSpace(value), comment)
}

func (p *messageParser) constant(typeText, name, text, comment string) error {
	kind, ok := kindOf(typeText)
	if !ok {
		return fmt.Errorf("a constant has a built-in type, not %q", typeText)
	}
	if !validConstantName(name) {
		return fmt.Errorf("%q is no constant name: want upper case letters, digits and single underscores", name)
	}
	if p.names[name] {
		return fmt.Errorf("constant is defined twice")
	}
	value, err := parseValue(Type{Kind: kind}, text)
	if err != nil {
		return err
	}
	p.names[name] = true
	p.msg.Constants = append(p.msg.Constants, Constant{Name: name, Kind: kind, Value: value, Comment: comment})
	return nil
}

func (p *messageParser) field(typeText, name, defaultText, comment string) error {
	t, err := parseType(typeText, p.pkg)
	if err != nil {
		return err
	}
	if !validFieldName(name) {
		return fmt.Errorf("%q is no field name: want lower case letters, digits and single underscores", name)
	}
	if p.names[name] {
		return fmt.Errorf("field is defined twice")
	}
	f := Field{Name: name, Type: t, Comment: comment, Line: p.line}
	if defaultText != "" {
		if f.Default, err = parseDefault(t, defaultText); err != nil {
			return err
		}
	}
	p.names[name] = true
	p.msg.Fields = append(p.msg.Fields, f)
	return nil
}

// parseType parses "float64[36]", "string<=10[<=3]", "Pose[]", "pkg/Name".
func parseType(text, pkg string) (Type, error) {
	var t Type
	element := text
	if strings.HasSuffix(text, "]") {
		open := strings.LastIndexByte(text, '[')
		if open < 0 {
			return t, fmt.Errorf("type %q has ']' without '['", text)
		}
		element = text[:open]
		size := text[open+1 : len(text)-1]
		t.Shape = Sequence
		if size != "" {
			limit, bounded := strings.CutPrefix(size, "<=")
			if !bounded {
				t.Shape = Array
			}
			n, err := parseBound(limit)
			if err != nil {
				return t, fmt.Errorf("type %q: size %w", text, err)
			}
			t.Size = n
		}
	}
	if name, limit, ok := strings.Cut(element, "<="); ok {
		if name != "string" && name != "wstring" {
			return t, fmt.Errorf("type %q: only a string has a limit", text)
		}
		n, err := parseBound(limit)
		if err != nil {
			return t, fmt.Errorf("type %q: limit %w", text, err)
		}
		t.TextBound = n
		element = name
	}
	if kind, ok := kindOf(element); ok {
		t.Kind = kind
		return t, nil
	}
	t.Kind = Nested
	name, err := nestedName(element, pkg)
	t.Name = name
	return t, err
}

// parseBound parses the size of an array or the limit of a sequence or string.
func parseBound(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no whole number from 1 to 2^31-1", text)
	}
	return int(n), nil
}

// nestedName makes the full name of a message that a field refers to.
func nestedName(text, pkg string) (string, error) {
	if text == "time" || text == "duration" { // kept by rosidl for old definitions
		return "builtin_interfaces/msg/" + strings.ToUpper(text[:1]) + text[1:], nil
	}
	name := text
	if other, base, ok := strings.Cut(text, "/"); ok {
		pkg, name = other, base
	}
	if !validFieldName(pkg) || !validMessageName(name) {
		return "", fmt.Errorf("unknown type %q", text)
	}
	return pkg + "/msg/" + name, nil
}
