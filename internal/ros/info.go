package ros

import (
	"errors"
	"fmt"

	humble "github.com/muster-fleet/muster/msgs/humble/rmw_dds_common"
	"github.com/muster-fleet/muster/msgs/rmw_dds_common"
)

// InfoTopic is where each participant tells its nodes, under this very name in
// DDS.
const InfoTopic = "ros_discovery_info"

// InfoType is the ROS type of InfoTopic.
const InfoType = "rmw_dds_common/msg/ParticipantEntitiesInfo"

// InfoReaderQoS is that of every ROS 2 node's reader of InfoTopic: all samples,
// because the writers of all participants share the keyless topic.
func InfoReaderQoS() QoS {
	return QoS{Reliability: Reliable, Durability: TransientLocal, History: KeepAll, Liveliness: Automatic}
}

// InfoWriterQoS is that of every ROS 2 node's writer of InfoTopic.
func InfoWriterQoS() QoS {
	return QoS{Reliability: Reliable, Durability: TransientLocal, History: KeepLast, Depth: 1, Liveliness: Automatic}
}

// GIDSize is the size of a gid in InfoTopic's messages: one type name, two
// layouts that do not understand each other.
type GIDSize int

// The sizes of a gid.
const (
	GIDHumble GIDSize = 24 // Humble and older
	GIDIron   GIDSize = 16 // Iron, Jazzy and newer
)

// maxInfo bounds a sample of InfoTopic: one that is larger cannot be within the
// limits of nodes and endpoints of a participant.
const maxInfo = 2 << 20

var errInfoSize = errors.New("too large")

// infoDecoder reads InfoTopic's messages and reuses its memory.
type infoDecoder struct {
	iron   rmw_dds_common.ParticipantEntitiesInfo
	humble humble.ParticipantEntitiesInfo
}

// decode takes the layout that consumes the whole sample.
func (d *infoDecoder) decode(cdr []byte) (NodesFact, GIDSize, error) {
	if len(cdr) > maxInfo {
		return NodesFact{}, 0, fmt.Errorf("read %s: %d bytes: %w", InfoTopic, len(cdr), errInfoSize)
	}
	err := d.iron.UnmarshalCDR(cdr)
	if err == nil {
		return d.fromIron(), GIDIron, nil
	}
	if d.humble.UnmarshalCDR(cdr) == nil {
		return d.fromHumble(), GIDHumble, nil
	}
	return NodesFact{}, 0, fmt.Errorf("read %s: %w", InfoTopic, err)
}

// DecodeInfo reads a sample of InfoTopic, of either gid size.
func DecodeInfo(cdr []byte) (NodesFact, GIDSize, error) { return new(infoDecoder).decode(cdr) }

func (d *infoDecoder) fromIron() NodesFact {
	f := NodesFact{Participant: d.iron.Gid.Data, GIDSize: GIDIron}
	for _, n := range d.iron.NodeEntitiesInfoSeq {
		e := NodeEntities{Namespace: n.NodeNamespace, Name: n.NodeName}
		for _, g := range n.ReaderGidSeq {
			e.Readers = append(e.Readers, g.Data)
		}
		for _, g := range n.WriterGidSeq {
			e.Writers = append(e.Writers, g.Data)
		}
		f.Nodes = append(f.Nodes, e)
	}
	return f
}

func (d *infoDecoder) fromHumble() NodesFact {
	f := NodesFact{Participant: GUID(d.humble.Gid.Data[:16]), GIDSize: GIDHumble}
	for _, n := range d.humble.NodeEntitiesInfoSeq {
		e := NodeEntities{Namespace: n.NodeNamespace, Name: n.NodeName}
		for _, g := range n.ReaderGidSeq {
			e.Readers = append(e.Readers, GUID(g.Data[:16]))
		}
		for _, g := range n.WriterGidSeq {
			e.Writers = append(e.Writers, GUID(g.Data[:16]))
		}
		f.Nodes = append(f.Nodes, e)
	}
	return f
}

// EncodeInfo makes a sample of InfoTopic that peers of the given gid size read.
func EncodeInfo(f NodesFact, size GIDSize) ([]byte, error) {
	if size == GIDHumble {
		return encodeHumble(f)
	}
	m := rmw_dds_common.ParticipantEntitiesInfo{Gid: rmw_dds_common.Gid{Data: f.Participant}}
	for _, n := range f.Nodes {
		e := rmw_dds_common.NodeEntitiesInfo{NodeNamespace: n.Namespace, NodeName: n.Name}
		for _, g := range n.Readers {
			e.ReaderGidSeq = append(e.ReaderGidSeq, rmw_dds_common.Gid{Data: g})
		}
		for _, g := range n.Writers {
			e.WriterGidSeq = append(e.WriterGidSeq, rmw_dds_common.Gid{Data: g})
		}
		m.NodeEntitiesInfoSeq = append(m.NodeEntitiesInfoSeq, e)
	}
	return m.MarshalCDR(nil)
}

func encodeHumble(f NodesFact) ([]byte, error) {
	gid := func(g GUID) (out humble.Gid) {
		copy(out.Data[:], g[:])
		return out
	}
	m := humble.ParticipantEntitiesInfo{Gid: gid(f.Participant)}
	for _, n := range f.Nodes {
		e := humble.NodeEntitiesInfo{NodeNamespace: n.Namespace, NodeName: n.Name}
		for _, g := range n.Readers {
			e.ReaderGidSeq = append(e.ReaderGidSeq, gid(g))
		}
		for _, g := range n.Writers {
			e.WriterGidSeq = append(e.WriterGidSeq, gid(g))
		}
		m.NodeEntitiesInfoSeq = append(m.NodeEntitiesInfoSeq, e)
	}
	return m.MarshalCDR(nil)
}
