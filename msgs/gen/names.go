package main

import (
	"strings"

	"github.com/muster-fleet/muster/msgs/idl"
)

// initialisms are the words that Go writes in capitals.
var initialisms = map[string]string{
	"id": "ID", "ids": "IDs", "ok": "OK", "uuid": "UUID", "url": "URL", "uri": "URI", "ip": "IP", "gps": "GPS",
}

// camel joins snake_case or SNAKE_CASE words as an exported Go name.
func camel(snake string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(strings.ToLower(snake), "_") {
		if known, ok := initialisms[word]; ok {
			b.WriteString(known)
		} else if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// snake makes a file name of a CamelCase name: "PointCloud2" is "point_cloud2",
// "TF2Error" is "tf2_error".
func snake(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		upper := 'A' <= c && c <= 'Z'
		if upper && i > 0 {
			before := name[i-1]
			startsWord := i+1 < len(name) && 'a' <= name[i+1] && name[i+1] <= 'z'
			if before < 'A' || before > 'Z' || startsWord {
				b.WriteByte('_')
			}
		}
		if upper {
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// typeName is the Go name of a message: "GetMap_Request" is GetMapRequest.
func typeName(m *idl.Message) string { return strings.ReplaceAll(m.Base(), "_", "") }

// methods are the names that a field must not take.
var methods = map[string]bool{
	"TypeName": true, "TypeHash": true, "MarshalCDR": true, "UnmarshalCDR": true, "EncodeCDR": true, "DecodeCDR": true,
}

// fieldNames gives each field a Go name. One that is a method's name, or that
// another field has already, gets an underscore.
func fieldNames(fields []idl.Field) []string {
	names := make([]string, len(fields))
	taken := map[string]bool{}
	for i, f := range fields {
		name := camel(f.Name)
		for methods[name] || taken[name] {
			name += "_"
		}
		taken[name] = true
		names[i] = name
	}
	return names
}

// scope hands out the names of one Go package.
type scope map[string]bool

// take reserves a name, with underscores behind it when it is taken.
func (s scope) take(name string) string {
	for s[name] {
		name += "_"
	}
	s[name] = true
	return name
}
