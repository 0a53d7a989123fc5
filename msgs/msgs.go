// Package msgs is the registry of the ROS 2 interface definitions that Muster
// knows. It embeds their texts and finds, by full name, the parsed definition,
// the type hash and the schema text of each.
//
// Packages that speak to ROS 2 peers, recorders and viewers call it. The Go
// structs with their CDR code are generated from the same texts into one
// package for each ROS package, beside this one; those whose bytes differ in
// Humble are below humble. Any topic for which there is a definition and no
// struct is decoded by package dynamic.
//
// The registry is built once, at first use, and does not change afterwards, so
// it is safe for concurrent use; it starts no goroutines and reads no files. A
// Library has a user's definitions besides, and chooses among all of them.
package msgs

import (
	"embed"
	"fmt"
	"io/fs"
	"sync"

	"github.com/muster-fleet/muster/msgs/idl"
)

//go:generate go run ./gen -I definitions -out . -module github.com/muster-fleet/muster/msgs
//go:generate go run ./gen -I definitions_humble -out humble -module github.com/muster-fleet/muster/msgs/humble

//go:embed definitions definitions_humble
var files embed.FS

// Type is a message type, or the request, response or event of a service.
type Type struct {
	// Name is the full name, "nav_msgs/msg/Odometry".
	Name string
	// Hash is the RIHS01 type hash that peers announce from Iron on (REP-2011).
	Hash string
	// Text is the definition with those of all messages it refers to, as MCAP
	// and the Foxglove WebSocket protocol want it for the encoding ros2msg.
	Text string
	// Definition is the parsed message. It must not be changed.
	Definition *idl.Message
	// Set holds it and all that it refers to, to compile a codec from.
	Set *idl.Set
}

// Service is a service type.
type Service struct {
	Name string // full name, "rcl_interfaces/srv/GetParameters"
	Hash string // RIHS01 type hash of the service as a whole
	// Request, Response and Event are its messages.
	Request, Response, Event Type
}

// Registry finds types by their names. It does not change.
type Registry struct {
	set      *idl.Set
	types    map[string]Type
	services map[string]Service
}

// NewRegistry makes a registry of a set of definitions, all of whose
// references must lead somewhere.
func NewRegistry(set *idl.Set) (*Registry, error) {
	r := &Registry{set: set, types: map[string]Type{}, services: map[string]Service{}}
	for _, m := range set.Messages() {
		t, err := TypeIn(set, m.Name)
		if err != nil {
			return nil, err
		}
		r.types[m.Name] = t
	}
	for _, s := range set.Services() {
		hash, err := set.Hash(s.Name)
		if err != nil {
			return nil, fmt.Errorf("hash %s: %w", s.Name, err)
		}
		r.services[s.Name] = Service{
			Name: s.Name, Hash: hash,
			Request: r.types[s.Request.Name], Response: r.types[s.Response.Name], Event: r.types[s.Event.Name],
		}
	}
	return r, nil
}

// TypeIn is a message type of a set.
func TypeIn(set *idl.Set, name string) (Type, error) {
	m, ok := set.Message(name)
	if !ok {
		return Type{}, fmt.Errorf("unknown message %s", name)
	}
	t := Type{Name: name, Definition: m, Set: set}
	var err error
	if t.Hash, err = set.Hash(name); err != nil {
		return t, fmt.Errorf("hash %s: %w", name, err)
	}
	if t.Text, err = set.Text(name); err != nil {
		return t, fmt.Errorf("describe %s: %w", name, err)
	}
	return t, nil
}

// Set is the definitions behind the registry, to compile codecs from.
func (r *Registry) Set() *idl.Set { return r.set }

// Lookup finds a message type by its full name, "nav_msgs/msg/Odometry" or
// "nav_msgs/srv/GetMap_Request".
func (r *Registry) Lookup(name string) (Type, bool) {
	t, ok := r.types[name]
	return t, ok
}

// LookupService finds a service type by its full name, "nav_msgs/srv/GetMap".
func (r *Registry) LookupService(name string) (Service, bool) {
	s, ok := r.services[name]
	return s, ok
}

// Default is the registry of the embedded definitions as Jazzy has them.
func Default() *Registry { return embedded().current }

// Humble is the registry of the embedded definitions as Humble has them: a few
// messages have other bytes there under the same name.
func Humble() *Registry { return embedded().humble }

// Lookup finds a message type in Default.
func Lookup(name string) (Type, bool) { return Default().Lookup(name) }

// LookupService finds a service type in Default.
func LookupService(name string) (Service, bool) { return Default().LookupService(name) }

// registries are the two that the embedded files make.
type registries struct{ current, humble *Registry }

var embedded = sync.OnceValue(func() registries {
	current := mustLoad("definitions")
	humble := mustLoad("definitions_humble").Over(current)
	return registries{current: mustRegistry(current), humble: mustRegistry(humble)}
})

// mustLoad parses an embedded folder. Its contents are fixed when the binary is
// built and checked by the tests, so a fault cannot be met in the field.
func mustLoad(folder string) *idl.Set {
	sub, err := fs.Sub(files, folder)
	if err != nil {
		panic(err)
	}
	set, err := idl.Load(sub)
	if err != nil {
		panic(err)
	}
	return set
}

func mustRegistry(set *idl.Set) *Registry {
	r, err := NewRegistry(set)
	if err != nil {
		panic(err)
	}
	return r
}
