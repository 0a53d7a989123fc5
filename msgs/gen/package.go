package main

import (
	"fmt"
	"go/format"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-fleet/muster/msgs/idl"
)

const (
	musterModule = "github.com/muster-fleet/muster/msgs"
	runtimePath  = musterModule + "/cdr"
)

// generator makes the files of all packages in own.
type generator struct {
	own    *idl.Set // to be generated
	all    *idl.Set // with what may be referred to
	module string
}

// files gives the contents of every file by its path below the output folder.
func (g *generator) files() (map[string][]byte, error) {
	if err := g.own.Over(g.all).Check(); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, m := range g.own.Messages() {
		names[m.Package()] = true
	}
	files := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if token.IsKeyword(name) {
			return nil, fmt.Errorf("package %s: the name is a Go keyword", name)
		}
		if err := g.pkg(name, files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// pkg adds the files of one package. Names of types are handed out before
// those of constants and constructors, so that a type keeps its name.
func (g *generator) pkg(name string, files map[string][]byte) error {
	names := scope{}
	var messages []*idl.Message
	for _, m := range g.own.Messages() {
		if m.Package() == name && strings.Contains(m.Name, "/msg/") {
			messages = append(messages, m)
			names.take(typeName(m))
		}
	}
	var services []*idl.Service
	for _, s := range g.own.Services() {
		if s.Package() == name {
			services = append(services, s)
			for _, m := range []*idl.Message{s.Request, s.Response} {
				if got := names.take(typeName(m)); got != typeName(m) {
					return fmt.Errorf("%s: another message of the package is called %s", s.Name, typeName(m))
				}
			}
		}
	}
	files[path.Join(name, "doc_gen.go")] = []byte(header + packageDoc(name))
	for _, m := range messages {
		f := g.newFile(name, names)
		if err := f.message(m); err != nil {
			return err
		}
		if err := f.finish(path.Join(name, snake(m.Base())+"_gen.go"), files); err != nil {
			return err
		}
	}
	for _, s := range services {
		f := g.newFile(name, names)
		if err := f.service(s); err != nil {
			return err
		}
		if err := f.finish(path.Join(name, snake(s.Base())+"_srv_gen.go"), files); err != nil {
			return err
		}
	}
	return nil
}

func packageDoc(name string) string {
	return fmt.Sprintf(`
// Package %[1]s holds the types of the ROS 2 package %[1]s as Go structs that
// read and write themselves as CDR.
//
// Whoever publishes, receives or calls them on a ROS 2 domain uses them. They
// are plain values: the package has no state, starts no goroutines and reaches
// for nothing outside. Its name keeps the underscores of the ROS package,
// against Go's custom, so that a type is found under the name that the field
// knows it by.
package %[1]s
`, name)
}

// file is one file of a package in the making.
type file struct {
	g       *generator
	pkg     string
	names   scope
	imports map[string]bool
	body    strings.Builder
}

func (g *generator) newFile(pkg string, names scope) *file {
	return &file{g: g, pkg: pkg, names: names, imports: map[string]bool{}}
}

// p prints a line of the body.
func (f *file) p(format string, args ...any) {
	fmt.Fprintf(&f.body, format, args...)
	f.body.WriteByte('\n')
}

// comment prints a comment of any number of lines.
func (f *file) comment(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		f.p("// %s", line)
	}
}

// use names a package-level identifier of another package and imports it.
func (f *file) use(importPath, name string) string {
	f.imports[importPath] = true
	return path.Base(importPath) + "." + name
}

// ref is the Go type of a message that a field refers to.
func (f *file) ref(fullName string) string { return f.qualify(fullName, "") }

// qualify names the type, or with a prefix the constructor, of a message.
func (f *file) qualify(fullName, prefix string) string {
	m, _ := f.g.all.Message(fullName)
	name := prefix + typeName(m)
	if _, own := f.g.own.Message(fullName); !own {
		return f.use(musterModule+"/"+m.Package(), name)
	}
	if m.Package() == f.pkg {
		return name
	}
	return f.use(f.g.module+"/"+m.Package(), name)
}

// finish puts header and imports before the body and formats the whole.
func (f *file) finish(name string, files map[string][]byte) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\npackage %s\n\n", header, f.pkg)
	paths := slices.Sorted(maps.Keys(f.imports))
	if len(paths) > 0 {
		b.WriteString("import (\n")
		for i, p := range paths {
			if i > 0 && paths[i-1] == "math" {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "\t%s\n", strconv.Quote(p))
		}
		b.WriteString(")\n\n")
	}
	b.WriteString(f.body.String())
	text, err := format.Source([]byte(b.String()))
	if err != nil {
		return fmt.Errorf("format %s: %w", name, err)
	}
	if _, twice := files[name]; twice {
		return fmt.Errorf("%s: two types make the same file", name)
	}
	files[name] = text
	return nil
}
