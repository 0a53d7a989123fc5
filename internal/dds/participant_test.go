package dds_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/muster-fleet/muster/internal/dds"
	"github.com/muster-fleet/muster/internal/dds/ddstest"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
)

func TestTransport(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	rostest.Contract(t, func(t *testing.T) ros.Transport { return ddstest.Join(t, domain) })
}

var telemetry = ros.QoS{Reliability: ros.BestEffort, Durability: ros.Volatile, History: ros.KeepLast, Depth: 5, Liveliness: ros.Automatic}

// golden are samples that real ROS 2 nodes wrote.
func golden(t *testing.T) map[string][]byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/samples.json")
	require.NoError(t, err)
	var text map[string]string
	require.NoError(t, json.Unmarshal(raw, &text))
	samples := make(map[string][]byte)
	for typ, h := range text {
		b, err := hex.DecodeString(h)
		require.NoError(t, err)
		samples[typ] = b
	}
	return samples
}

func TestAFastDDSPeerWritesToUs(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	p, peer := ddstest.Join(t, domain), ddstest.StartPeer(t, domain)
	for typ, want := range golden(t) {
		topic := "/robot1/" + strings.ToLower(path.Base(typ))
		q := ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1}
		id, err := p.Subscribe(ros.Subscription{Topic: topic, Type: typ, QoS: q})
		require.NoError(t, err)
		guid := peer.Advertise(ros.DDSTopic(topic), ros.DDSType(typ), q, "typehash=RIHS01_00;")
		assertFact(t, p, guid, func(e ros.EndpointFact) {
			assert.True(t, e.Writer)
			assert.Equal(t, peer.GUID, e.Participant)
			assert.Equal(t, ros.DDSTopic(topic), e.Topic)
			assert.Equal(t, ros.DDSType(typ), e.Type)
			assert.Equal(t, ros.Reliable, e.QoS.Reliability)
			assert.Equal(t, ros.TransientLocal, e.QoS.Durability)
			assert.Equal(t, "typehash=RIHS01_00;", e.UserData)
		})
		peer.Write(ros.DDSTopic(topic), want)
		s := take(t, p, id)
		assert.Equal(t, want, s.CDR[:len(want)], typ)
		assert.Equal(t, guid, s.Writer, "the writer is known by its GUID")
	}
}

func TestAFastDDSPeerReadsFromUs(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	p, peer := ddstest.Join(t, domain), ddstest.StartPeer(t, domain)
	q := ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1}
	w, err := p.Advertise(ros.Publication{Topic: "/robot1/odom", Type: "nav_msgs/msg/Odometry", QoS: q})
	require.NoError(t, err)
	want := golden(t)["nav_msgs/msg/Odometry"]
	require.NoError(t, w.Write(want))
	guid := peer.Subscribe("rt/robot1/odom", "nav_msgs::msg::dds_::Odometry_", q, "")
	ctx, cancel := context.WithTimeout(t.Context(), ddstest.Deadline)
	defer cancel()
	got, err := peer.Receive(ctx)
	require.NoError(t, err)
	assert.Equal(t, want, got.CDR[:len(want)])
	assertFact(t, p, guid, func(e ros.EndpointFact) { assert.False(t, e.Writer) })
}

// What Jazzy's `ros2 topic info -v` shows of us it reads from our user data.
func TestAFastDDSPeerReadsOurTypeHashes(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	p, peer := ddstest.Join(t, domain), ddstest.StartPeer(t, domain)
	hash := "RIHS01_" + strings.Repeat("0123456789abcdef", 4)
	w, err := p.Advertise(ros.Publication{Topic: "/a", Type: "std_msgs/msg/String", TypeHash: hash, QoS: telemetry})
	require.NoError(t, err)
	id, err := p.Subscribe(ros.Subscription{Topic: "/b", Type: "std_msgs/msg/Bool", TypeHash: hash, QoS: telemetry})
	require.NoError(t, err)
	bare, err := p.Advertise(ros.Publication{Topic: "/c", Type: "std_msgs/msg/String", QoS: telemetry})
	require.NoError(t, err)
	r, ok := p.Reader(id)
	require.True(t, ok)
	require.Eventually(t, func() bool { return len(peer.Found()) == 3 }, ddstest.Deadline, 5*time.Millisecond)
	user := "typehash=" + hash + ";"
	assert.Equal(t, map[ros.GUID]ddstest.PeerEndpoint{
		w.GUID():    {Topic: "rt/a", Type: "std_msgs::msg::dds_::String_", UserData: user},
		r.GUID:      {Topic: "rt/b", Type: "std_msgs::msg::dds_::Bool_", UserData: user},
		bare.GUID(): {Topic: "rt/c", Type: "std_msgs::msg::dds_::String_"},
	}, peer.Found())
}

// However the domain is configured: Fast DDS knows an endpoint that ended by its
// key hash alone, which Cyclone does not send by itself.
func TestAFastDDSPeerSeesOurEndpointsEnd(t *testing.T) {
	for name, ways := range map[string][2]string{ // what Options say, and the environment
		"by options":       {dds.LoopbackConfig(), ""},
		"by environment":   {"", dds.LoopbackConfig()},
		"by two fragments": {"", dds.LoopbackConfig() + ",<CycloneDDS><Domain><Discovery><Tag></Tag></Discovery></Domain></CycloneDDS>"},
		"by a file":        {"", "file://" + written(t, dds.LoopbackConfig())},
	} {
		t.Run(name, func(t *testing.T) {
			if ways[1] != "" {
				t.Setenv("CYCLONEDDS_URI", ways[1])
			}
			domain := ddstest.FreeDomain(t)
			p, err := dds.Open(dds.Options{Domain: domain, Config: ways[0]})
			require.NoError(t, err)
			defer func() { require.NoError(t, p.Close()) }()
			peer := ddstest.StartPeer(t, domain)
			id, err := p.Subscribe(ros.Subscription{Topic: "/a", Type: "std_msgs/msg/String", QoS: telemetry})
			require.NoError(t, err)
			w, err := p.Advertise(ros.Publication{Topic: "/b", Type: "std_msgs/msg/String", QoS: telemetry})
			require.NoError(t, err)
			require.Eventually(t, func() bool { return len(peer.Found()) == 2 }, ddstest.Deadline, 5*time.Millisecond)
			require.NoError(t, p.Unsubscribe(id))
			require.NoError(t, w.Close())
			require.Eventually(t, func() bool { return len(peer.Found()) == 0 }, ddstest.Deadline, 5*time.Millisecond)
		})
	}
}

func written(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "cyclone.xml")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestAPeerLeaves(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	p, peer := ddstest.Join(t, domain), ddstest.StartPeer(t, domain)
	awaitParticipant(t, p, peer.GUID, false)
	began := time.Now()
	peer.Quit()
	awaitParticipant(t, p, peer.GUID, true)
	assert.Less(t, time.Since(began), 5*time.Second, "an orderly end is not a lease that expires")
}

func TestCloseEndsEveryCall(t *testing.T) {
	p, err := dds.Open(dds.Options{Domain: ddstest.FreeDomain(t), Config: dds.LoopbackConfig()})
	require.NoError(t, err)
	w, err := p.Advertise(ros.Publication{Topic: "/a", Type: "std_msgs/msg/String", QoS: telemetry})
	require.NoError(t, err)
	id, err := p.Subscribe(ros.Subscription{Topic: "/a", Type: "std_msgs/msg/String", QoS: telemetry})
	require.NoError(t, err)
	took, discovered := make(chan error, 1), make(chan error, 1)
	go func() { took <- p.Take(context.Background(), new(ros.Batch)) }()
	go func() { _, err := p.Discover(context.Background()); discovered <- err }()
	require.NoError(t, p.Close())
	assert.ErrorIs(t, <-took, dds.ErrClosed)
	assert.ErrorIs(t, <-discovered, dds.ErrClosed)
	assert.ErrorIs(t, p.Unsubscribe(id), dds.ErrClosed)
	assert.ErrorIs(t, w.Write(rostest.Payload(4, 1)), dds.ErrClosed)
	assert.NoError(t, w.Close())
	assert.NoError(t, p.Close(), "twice")
}

func TestAFixedIndexInUseIsSaid(t *testing.T) {
	domain := ddstest.FreeDomain(t)
	ddstest.StartPeer(t, domain) // holds index 0
	_, err := dds.Open(dds.Options{Domain: domain, Config: `<CycloneDDS><Domain><General><Interfaces>` +
		`<NetworkInterface name="lo"/></Interfaces><AllowMulticast>false</AllowMulticast></General>` +
		`<Discovery><ParticipantIndex>0</ParticipantIndex></Discovery></Domain></CycloneDDS>`})
	require.ErrorContains(t, err, "participant index")
}

func TestABadConfigurationIsAnError(t *testing.T) {
	_, err := dds.Open(dds.Options{Domain: ddstest.FreeDomain(t), Config: "<CycloneDDS><Domain><Genral/></Domain></CycloneDDS>"})
	require.ErrorContains(t, err, "configure ROS domain")
}

func TestShortSamplesAreRefused(t *testing.T) {
	p := ddstest.Join(t, ddstest.FreeDomain(t))
	w, err := p.Advertise(ros.Publication{Topic: "/a", Type: "std_msgs/msg/String", QoS: telemetry})
	require.NoError(t, err)
	assert.ErrorContains(t, w.Write([]byte{0, 1}), "hold no CDR")
}

func take(t *testing.T, p ros.Transport, id ros.ReaderID) ros.Sample {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), ddstest.Deadline)
	defer cancel()
	var b ros.Batch
	for {
		require.NoError(t, p.Take(ctx, &b))
		for _, s := range b.Samples {
			if s.Reader == id {
				return s
			}
		}
	}
}

func assertFact(t *testing.T, p ros.Transport, guid ros.GUID, check func(ros.EndpointFact)) {
	t.Helper()
	awaitFact(t, p, func(f ros.Fact) bool {
		e, ok := f.(ros.EndpointFact)
		if ok && e.GUID == guid && !e.Gone {
			check(e)
			return true
		}
		return false
	})
}

func awaitParticipant(t *testing.T, p ros.Transport, guid ros.GUID, gone bool) {
	t.Helper()
	awaitFact(t, p, func(f ros.Fact) bool {
		e, ok := f.(ros.ParticipantFact)
		return ok && e.GUID == guid && e.Gone == gone
	})
}

func awaitFact(t *testing.T, p ros.Transport, found func(ros.Fact) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), ddstest.Deadline)
	defer cancel()
	for {
		facts, err := p.Discover(ctx)
		require.NoError(t, err)
		for _, f := range facts {
			if found(f) {
				return
			}
		}
	}
}
