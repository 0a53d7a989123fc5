package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFoldersOfDefinitions(t *testing.T) {
	folder := func(files ...string) string {
		dir := t.TempDir()
		for i := 0; i < len(files); i += 2 {
			path := filepath.Join(dir, files[i])
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(files[i+1]), 0o600))
		}
		return dir
	}
	one := folder("site_msgs/msg/Tool.msg", "int8 a", "site_msgs/package.xml", "<package/>")
	two := folder("site_msgs/share/site_msgs/msg/Tool.msg", "int8 b", "other_msgs/share/other_msgs/srv/Grip.srv", "site_msgs/Tool t\n---\n")
	types, err := loadTypes([]string{one, two})
	require.NoError(t, err)
	found, err := types.Find("site_msgs/msg/Tool", "")
	require.NoError(t, err)
	assert.Equal(t, "a", found[0].Definition.Fields[0].Name, "the first folder's")
	_, err = types.Find("other_msgs/srv/Grip_Request", "")
	require.NoError(t, err)

	bad, lost := folder("site_msgs/msg/Tool.msg", "int8 a\nint9 b"), folder("site_msgs/msg/Tool.msg", "odd_msgs/Odd o")
	for _, c := range []struct{ folder, want string }{
		{"/nowhere", "messages[0]: open /nowhere"},
		{folder(), "holds no <package>/msg/*.msg"},
		{bad, "messages[0]: " + bad + `/site_msgs/msg/Tool.msg:2: b: unknown type "int9"`},
		{lost, lost + "/site_msgs/msg/Tool.msg:1: site_msgs/msg/Tool.o: unknown message odd_msgs/msg/Odd"},
	} {
		_, err := loadTypes([]string{c.folder})
		assert.ErrorContains(t, err, c.want)
	}
}
