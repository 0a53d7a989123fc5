package ros_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/idl"
	"github.com/muster-fleet/muster/msgs/type_description_interfaces"
)

// A node from Jazzy on tells the definition of a type that we do not have; we take
// what has the hash that it announced, and nothing else.
func TestANodeTellsItsType(t *testing.T) {
	const typ = "robot_msgs/msg/Everything"
	set, err := idl.Load(os.DirFS("../../msgs/gen/testdata/in"))
	require.NoError(t, err)
	set = set.Over(msgs.Default().Set())
	want, err := msgs.TypeIn(set, typ)
	require.NoError(t, err)
	h := follow(t, ros.FollowerOptions{})
	r := h.robot("/robot1")
	answer := type_description_interfaces.GetTypeDescriptionResponse{Successful: true, TypeDescription: rostest.TypeDescription(t, set, typ)}
	r.serve("driver/get_type_description", "type_description_interfaces/srv/GetTypeDescription", func(b []byte) []byte {
		var q type_description_interfaces.GetTypeDescriptionRequest
		assert.NoError(t, q.UnmarshalCDR(b))
		assert.Equal(t, [2]string{typ, want.Hash}, [2]string{q.TypeName_, q.TypeHash_})
		return cdrOf(t, &answer)
	})
	w, err := r.p.Advertise(ros.Publication{Topic: "/robot1/all", Type: typ, TypeHash: want.Hash, QoS: plain})
	require.NoError(t, err)
	info, err := r.p.Advertise(ros.Publication{Topic: ros.InfoTopic, Type: ros.InfoType, RawName: true, QoS: ros.InfoWriterQoS()})
	require.NoError(t, err)
	list, err := ros.EncodeInfo(ros.NodesFact{Participant: r.p.Participant(), Nodes: []ros.NodeEntities{
		{Namespace: "/robot1", Name: "driver", Writers: []ros.GUID{w.GUID()}},
	}}, ros.GIDIron)
	require.NoError(t, err)
	require.NoError(t, info.Write(list))
	r.spin()
	h.offered("/robot1/driver/get_type_description")
	require.Eventually(t, func() bool {
		all := h.follower.AllTopics()
		return len(all) == 1 && all[0].Publishers[0].Node != ""
	}, 10*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := h.follower.TellType(ctx, "/robot1/all", typ, want.Hash)
	require.NoError(t, err)
	assert.Equal(t, want.Hash, got.Hash)
	assert.Contains(t, got.Text, "string<=3[<=2] few\n")

	library, err := msgs.NewLibrary(nil)
	require.NoError(t, err)
	library.Learn(got)
	found, err := library.Find(typ, want.Hash)
	require.NoError(t, err)
	assert.Len(t, found, 1)
	_, err = library.Find(typ, "")
	require.ErrorIs(t, err, msgs.ErrUnknownType, "who announces no hash may mean another")

	_, err = h.follower.TellType(ctx, "/robot1/all", typ, "RIHS01_00")
	require.ErrorContains(t, err, "no node at its ends is known", "none that announces that")
	_, err = h.follower.TellType(ctx, "/robot1/all", typ, "")
	require.ErrorContains(t, err, "without a hash")
	answer.TypeDescription.TypeDescription.Fields[0].Name = "another"
	_, err = h.follower.TellType(ctx, "/robot1/all", typ, want.Hash)
	require.ErrorContains(t, err, "what it tells has the hash RIHS01_")
	answer.TypeDescription.TypeDescription.Fields[0].Type.TypeID = 12
	_, err = h.follower.TellType(ctx, "/robot1/all", typ, want.Hash)
	require.ErrorContains(t, err, "type id 12")
	answer = type_description_interfaces.GetTypeDescriptionResponse{FailureReason: "unknown type"}
	_, err = h.follower.TellType(ctx, "/robot1/all", typ, want.Hash)
	require.ErrorIs(t, err, ros.ErrRefused)
}
