package main

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/msgs/cdr"
	"github.com/muster-fleet/muster/msgs/gen/testdata/out/robot_msgs"
	"github.com/muster-fleet/muster/msgs/geometry_msgs"
)

//go:generate go run . -I testdata/in -out testdata/out -module github.com/muster-fleet/muster/msgs/gen/testdata/out

// generated lists the files below root that the generator has made.
func generated(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_gen.go") {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		files[name] = string(text)
		return err
	})
	require.NoError(t, err)
	return files
}

// What is committed is what the generator makes of the definitions today, file
// by file, with none missing and none left over.
func TestCommittedFilesAreCurrent(t *testing.T) {
	committed := generated(t, "..")
	current := map[string]string{}
	for _, c := range []struct{ in, out string }{
		{"../definitions", ""}, {"../definitions_humble", "humble"}, {"testdata/in", "gen/testdata/out"},
	} {
		dir := t.TempDir()
		require.NoError(t, run([]string{c.in}, dir, filepath.ToSlash(filepath.Join(musterModule, c.out))))
		for name, text := range generated(t, dir) {
			current[filepath.Join(c.out, name)] = text
		}
	}
	require.Greater(t, len(current), 150)
	for name := range committed {
		require.Contains(t, current, name, "left over: run go generate ./msgs/...")
	}
	for name, text := range current {
		require.Contains(t, committed, name, "missing: run go generate ./msgs/...")
		require.True(t, text == committed[name], "%s is not current: run go generate ./msgs/...", name)
	}
}

// A package of a user's own compiles, sets its defaults and round-trips.
func TestUsersPackage(t *testing.T) {
	m := robot_msgs.NewEverything()
	require.True(t, m.Flag)
	require.True(t, math.IsNaN(float64(m.Ratio)))
	require.True(t, math.IsInf(m.Far, -1))
	require.True(t, math.Signbit(m.MinusZero))
	require.Equal(t, `a\b`, m.Label)
	require.Equal(t, [2]string{"x", "y, z"}, m.Pair)
	require.Equal(t, [3]int16{1, -2, 3}, m.Triple)
	require.Equal(t, 1.0, m.Orientations[1].W)
	require.Equal(t, `it's "quoted"`, robot_msgs.EverythingName)
	require.Equal(t, "robot_msgs/srv/Nothing", robot_msgs.Nothing_{}.TypeName())

	m.Ratio, m.TypeName_, m.A2B, m.A2b = 1, "t", 2, 3
	m.Points = []geometry_msgs.Point{{X: 1}}
	m.Parts = []robot_msgs.Part{{ID: "abcd"}}
	m.Nothings = make([]robot_msgs.Nothing, 3)
	m.Few = []string{"a", "bcd"}
	sample, err := m.MarshalCDR(nil)
	require.NoError(t, err)
	var back robot_msgs.Everything
	require.NoError(t, back.UnmarshalCDR(sample))
	m.Flags, m.Counters = back.Flags, back.Counters // nil and empty are the same on the wire
	require.Equal(t, m, back)
}

func TestErrorsNameTheField(t *testing.T) {
	m := robot_msgs.NewEverything()
	m.Both[1].ID = "abcde"
	_, err := m.MarshalCDR(nil)
	require.ErrorIs(t, err, cdr.ErrBound)
	require.ErrorContains(t, err, "robot_msgs/msg/Everything.both[1].id at byte ")
	m = robot_msgs.NewEverything()
	m.Parts = make([]robot_msgs.Part, 3)
	_, err = m.MarshalCDR(nil)
	require.ErrorContains(t, err, "robot_msgs/msg/Everything.parts at byte ")

	m = robot_msgs.NewEverything()
	m.Parts = make([]robot_msgs.Part, 2)
	sample, err := m.MarshalCDR(nil)
	require.NoError(t, err)
	for n := range sample[:len(sample)-1] {
		var back robot_msgs.Everything
		err := back.UnmarshalCDR(sample[:n])
		require.Error(t, err, n)
		if n >= cdr.HeaderSize {
			require.ErrorIs(t, err, cdr.ErrShort)
			require.Regexp(t, `^robot_msgs/msg/Everything\.[a-z]`, err.Error())
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"bad definition":  {"p/msg/A.msg", "int9 x", "p/msg/A.msg:1: x: unknown type"},
		"bad reference":   {"p/msg/A.msg", "B x", "p/msg/A.x: unknown message p/msg/B"},
		"wstring":         {"p/msg/A.msg", "wstring x", "p/msg/A.x: wstring is not supported"},
		"keyword":         {"type/msg/A.msg", "int8 x", "package type: the name is a Go keyword"},
		"nothing to do":   {"p/A.msg", "int8 x", "found no definitions in "},
		"request as type": {"p/srv/A.srv", "---\n", "p/srv/A: another message of the package is called ARequest"},
	} {
		t.Run(name, func(t *testing.T) {
			in := t.TempDir()
			files := map[string]string{c.file: c.text}
			if name == "request as type" {
				files["p/msg/ARequest.msg"] = ""
			}
			for file, text := range files {
				require.NoError(t, os.MkdirAll(filepath.Join(in, filepath.Dir(file)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(in, file), []byte(text), 0o644))
			}
			require.ErrorContains(t, run([]string{in}, t.TempDir(), "example.com/x"), c.want)
		})
	}
}

func TestStaleFilesAreRemoved(t *testing.T) {
	out := t.TempDir()
	folder := filepath.Join(out, "robot_msgs")
	require.NoError(t, os.MkdirAll(folder, 0o755))
	ours, theirs := filepath.Join(folder, "old_gen.go"), filepath.Join(folder, "mine_gen.go")
	require.NoError(t, os.WriteFile(ours, []byte(header+"\npackage robot_msgs\n"), 0o644))
	require.NoError(t, os.WriteFile(theirs, []byte("package robot_msgs\n"), 0o644))
	require.NoError(t, run([]string{"testdata/in"}, out, "example.com/x"))
	require.NoFileExists(t, ours)
	require.FileExists(t, theirs)
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"frame_id": "FrameID", "is_bigendian": "IsBigendian", "POWER_SUPPLY_STATUS_NOT_CHARGING": "PowerSupplyStatusNotCharging",
		"x": "X", "SERVICE_GPS": "ServiceGPS", "OK": "OK", "a2_b": "A2B",
	} {
		require.Equal(t, want, camel(in))
	}
	for in, want := range map[string]string{
		"Odometry": "odometry", "PointCloud2": "point_cloud2", "TF2Error": "tf2_error", "UUID": "uuid",
		"MultiDOFJointState": "multi_dof_joint_state", "UInt8MultiArray": "u_int8_multi_array", "Pose2D": "pose2_d",
	} {
		require.Equal(t, want, snake(in))
	}
}
