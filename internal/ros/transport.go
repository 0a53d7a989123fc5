package ros

import (
	"context"
	"encoding/hex"
	"time"
)

// Transport is one participant in one ROS 2 domain. Take and Discover each have
// a single caller; everything else is safe for concurrent use.
type Transport interface {
	// Subscribe opens a reader for a ROS topic. The samples come out of Take,
	// tagged with the id. An id is never used again.
	Subscribe(Subscription) (ReaderID, error)
	// Unsubscribe closes a reader; a sample of it may still be in the next batch.
	Unsubscribe(ReaderID) error
	// Reader tells of an open reader; false when there is none of that id.
	Reader(ReaderID) (ReaderState, bool)
	// Take blocks until at least one sample is there and fills the batch. The
	// batch's memory belongs to the transport again at the next Take.
	Take(ctx context.Context, b *Batch) error
	// Discover blocks until there is at least one fact and returns all there are,
	// in the order in which the participant learned them.
	Discover(ctx context.Context) ([]Fact, error)
	// Advertise opens a writer for a ROS topic.
	Advertise(Publication) (Writer, error)
	// Participant is the GUID of our own participant.
	Participant() GUID
	// DomainID is the ROS domain id that was joined.
	DomainID() int
}

// Writer publishes raw CDR (with its encapsulation header) on one topic.
type Writer interface {
	// Write may block for the time that reliability allows (100 ms); it is never
	// called from the goroutine that takes.
	Write(cdr []byte) error
	GUID() GUID
	// Matched counts the readers that it writes to; -1 where the transport cannot
	// tell.
	Matched() int
	Close() error
}

// ReaderState is what a transport knows of an open reader.
type ReaderState struct {
	GUID    GUID // zero where the transport cannot tell
	Matched int  // writers that it reads from; -1 where the transport cannot tell
}

// ReaderID names an open reader of a Transport.
type ReaderID uint64

// Subscription says what to read. Topic and Type are ROS names
// ("/robot1/odom", "nav_msgs/msg/Odometry"); a RawName topic is used in DDS as
// it stands (ros_discovery_info).
type Subscription struct {
	Topic    string
	Type     string
	TypeHash string // RIHS01_…; may be empty
	RawName  bool
	QoS      QoS
	// Commands asks for the queue without the drain pause (services, actions).
	Commands bool
}

// Publication says what to write; the fields are those of Subscription.
type Publication struct {
	Topic    string
	Type     string
	TypeHash string
	RawName  bool
	QoS      QoS
}

// Batch is a reusable set of samples.
type Batch struct {
	Samples []Sample
}

// Sample is one message as it came from the wire.
type Sample struct {
	Reader  ReaderID
	Writer  GUID  // zero where the transport cannot tell
	Source  int64 // ns since 1970 on the writer's clock
	Receive int64 // ns since 1970 on our clock, stamped when the batch was taken
	CDR     []byte
}

// GUID is a DDS GUID: the participant's 12-byte prefix and a 4-byte entity id.
type GUID [16]byte

// String is the GUID in hexadecimal.
func (g GUID) String() string { return hex.EncodeToString(g[:]) }

// IsZero reports whether the GUID is unset.
func (g GUID) IsZero() bool { return g == GUID{} }

// Participant is the GUID of the participant that an entity belongs to
// (entity id 00 00 01 c1, RTPS 2.3 § 9.3.1.3).
func (g GUID) Participant() GUID {
	g[12], g[13], g[14], g[15] = 0, 0, 1, 0xc1
	return g
}

// Fact is something discovery told. The set is closed: ParticipantFact,
// EndpointFact, NodesFact, IncompatibleFact.
type Fact interface{ fact() }

// ParticipantFact says that a participant is there, or has gone.
type ParticipantFact struct {
	GUID     GUID
	Gone     bool
	UserData string        // "enclave=/;"
	Host     string        // address or host name where known
	Lease    time.Duration // 0 where unknown
	Since    time.Time     // when it was discovered; the Follower fills it in
}

// EndpointFact says that a reader or writer is there (or changed), or has gone.
// Topic and Type are the DDS names, with their rt/, rq/, rr/ prefix.
type EndpointFact struct {
	GUID        GUID
	Participant GUID
	Gone        bool
	Writer      bool
	Topic       string
	Type        string
	QoS         QoS
	UserData    string // "typehash=RIHS01_…;"
}

// NodesFact replaces the nodes of one participant, for transports that know
// node names without ros_discovery_info (rclgo). The DDS transport delivers
// that topic's samples instead, and the Follower makes NodesFacts from them.
type NodesFact struct {
	Participant GUID
	Nodes       []NodeEntities
}

// NodeEntities is a node and the endpoints that belong to it.
type NodeEntities struct {
	Namespace string
	Name      string
	Readers   []GUID
	Writers   []GUID
}

// IncompatibleFact says that one of our readers does not match a writer, and
// the QoS policy that is to blame ("RELIABILITY").
type IncompatibleFact struct {
	Reader ReaderID
	Policy string
}

func (ParticipantFact) fact()  {}
func (EndpointFact) fact()     {}
func (NodesFact) fact()        {}
func (IncompatibleFact) fact() {}
