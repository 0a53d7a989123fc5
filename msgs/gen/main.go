// Command gen makes Go packages of ROS 2 interface definitions: for each
// message a struct with its CDR code, type name and type hash.
//
//	go run github.com/muster-fleet/muster/msgs/gen \
//		-I my_interfaces -out msgs -module example.com/robot/msgs
//
// The folders given with -I hold <package>/msg/*.msg and <package>/srv/*.srv,
// as the share folder of a ROS installation does; every package in them is
// generated into a folder of its own below -out, which -module is the import
// path of. Messages that are only referred to are looked for among Muster's
// own definitions and imported from there.
//
// A person or go generate runs it, also for Muster's own packages. It writes
// nothing outside -out and removes only files there that it has made before.
// The output depends on the input alone.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/idl"
)

// folders gathers a flag that may be given several times.
type folders []string

func (f *folders) String() string     { return strings.Join(*f, ",") }
func (f *folders) Set(v string) error { *f = append(*f, v); return nil }

func main() {
	var in folders
	flag.Var(&in, "I", "`folder` with <package>/msg/*.msg and <package>/srv/*.srv to generate; may be repeated")
	out := flag.String("out", "", "`folder` to write packages into")
	module := flag.String("module", "", "import `path` of the -out folder")
	flag.Parse()
	if len(in) == 0 || *out == "" || *module == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(in, *out, *module); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run generates every package of the folders in into out.
func run(in []string, out, module string) error {
	own := idl.NewSet(nil, nil)
	for _, folder := range in {
		set, err := idl.Load(os.DirFS(folder))
		if err != nil {
			return fmt.Errorf("load %s: %w", folder, err)
		}
		own = set.Over(own)
	}
	if len(own.Messages()) == 0 {
		return fmt.Errorf("found no definitions in %s", strings.Join(in, ", "))
	}
	g := &generator{own: own, all: own.Over(msgs.Default().Set()), module: module}
	files, err := g.files()
	if err != nil {
		return err
	}
	return write(out, files)
}
