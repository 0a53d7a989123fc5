package msgs_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/idl"
)

func library(t *testing.T, files map[string]string) (*msgs.Library, error) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	set, err := idl.LoadAs(fsys, "/site")
	require.NoError(t, err)
	return msgs.NewLibrary(set)
}

func TestALibraryChoosesByHash(t *testing.T) {
	l, err := library(t, map[string]string{
		"site_msgs/msg/Gripper.msg": "sensor_msgs/Range range", "std_msgs/msg/String.msg": "string data\nint8 more",
		"site_msgs/srv/Grip.srv": "int8 force\n---\n",
	})
	require.NoError(t, err)
	humble, _ := msgs.Humble().Lookup("sensor_msgs/msg/Range")
	jazzy, _ := msgs.Lookup("sensor_msgs/msg/Range")
	require.NotEqual(t, humble.Hash, jazzy.Hash)

	found, err := l.Find("sensor_msgs/msg/Range", jazzy.Hash)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, jazzy.Hash, found[0].Hash)
	found, err = l.Find("sensor_msgs/msg/Range", "")
	require.NoError(t, err)
	require.Len(t, found, 2, "both may be right")
	require.Equal(t, humble.Hash, found[0].Hash, "who announces none is most likely Humble")

	found, err = l.Find("site_msgs/msg/Gripper", "")
	require.NoError(t, err)
	require.Len(t, found, 2, "it contains one of either")
	found, err = l.Find("std_msgs/msg/String", "")
	require.NoError(t, err)
	require.Len(t, found[0].Definition.Fields, 2, "a user's definition goes first")
	text, _ := msgs.Lookup("std_msgs/msg/String")
	found, err = l.Find("std_msgs/msg/String", text.Hash)
	require.NoError(t, err)
	require.Len(t, found[0].Definition.Fields, 1, "but not before the hash")
	jazzy, _ = msgs.Lookup("std_msgs/msg/Header")
	found, err = l.Find("std_msgs/msg/Header", jazzy.Hash)
	require.NoError(t, err)
	require.Len(t, found, 1, "the same in all")

	service, _ := msgs.LookupService("std_srvs/srv/Trigger")
	found, err = l.Find("std_srvs/srv/Trigger_Request", service.Hash)
	require.NoError(t, err)
	require.Equal(t, "std_srvs/srv/Trigger_Request", found[0].Name)

	_, err = l.Find("site_msgs/msg/None", "")
	require.ErrorIs(t, err, msgs.ErrUnknownType)
	_, err = l.Find("site_msgs/srv/Grip_Request", "RIHS01_00")
	require.ErrorIs(t, err, msgs.ErrOtherVersion)
	require.ErrorContains(t, err, "the hash is RIHS01_00 there and RIHS01_")
}

func TestALibrarySaysWhereAReferenceLeadsNowhere(t *testing.T) {
	_, err := library(t, map[string]string{"site_msgs/msg/Gripper.msg": "int8 a\n\nodd_msgs/Tool tool"})
	require.ErrorContains(t, err, "/site/site_msgs/msg/Gripper.msg:3: site_msgs/msg/Gripper.tool: unknown message odd_msgs/msg/Tool")
}
