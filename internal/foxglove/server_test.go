package foxglove_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/foxglove"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/idl"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var plain = ros.QoS{Reliability: ros.Reliable, Durability: ros.Volatile, History: ros.KeepLast, Depth: 5}

// site is a follower in a domain in memory, behind a server.
type site struct {
	registry *fleet.Registry
	follower *ros.Follower
	own      *rostest.Participant
	robot    *rostest.Participant
	odom     ros.Writer
	url      string
}

func (s *site) Robot(id string) (fleet.Robot, bool) { return s.registry.Robot(id) }

func (s *site) PublishedType(domain int, topic string) (typ, hash string, ok bool) {
	if domain != 3 {
		return "", "", false
	}
	return s.follower.PublishedType(topic)
}

func (s *site) TellType(_ context.Context, _ int, topic, typ, hash string) (t msgs.Type, err error) {
	if topic != "/robot1/told" {
		return t, errors.New("nobody tells")
	}
	set, err := idl.Load(fstest.MapFS{"site_msgs/msg/Told.msg": {Data: []byte("int8 told\n")}})
	if err == nil {
		t, err = msgs.TypeIn(set, typ)
	}
	if t.Hash != hash {
		return t, errors.New("another")
	}
	return t, err
}

func (s *site) Open(domain int, topic string, bound int) (*ros.RawStream, error) {
	if domain != 3 {
		return nil, errors.New("another domain")
	}
	return s.follower.Open(topic, bound)
}

func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteWith(t, nil)
}

func newSiteWith(t *testing.T, types *msgs.Library) *site {
	t.Helper()
	d := rostest.NewDomain(3)
	s := &site{registry: fleet.NewRegistry(&fleet.Journal{}), own: d.Join(), robot: d.Join()}
	s.follower = ros.NewFollower(s.own, s.registry.Apply, ros.FollowerOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.follower.Run(ctx) }()
	srv := foxglove.New(foxglove.Options{Source: s, Types: types, Name: "muster", Log: slog.New(slog.DiscardHandler)})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		srv.ServeRobot(w, r, strings.TrimPrefix(r.URL.Path, "/"))
	}))
	t.Cleanup(func() {
		web.Close()
		cancel()
		<-done
	})
	s.url = "ws" + strings.TrimPrefix(web.URL, "http") + "/robot1"
	var err error
	s.odom, err = s.robot.Advertise(ros.Publication{Topic: "/robot1/odom", Type: "nav_msgs/msg/Odometry", QoS: plain})
	require.NoError(t, err)
	_, err = s.robot.Advertise(ros.Publication{Topic: "/robot1/odd", Type: "site_msgs/msg/Odd", QoS: plain})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		r, _ := s.registry.Robot("robot1")
		return len(r.Topics) == 2
	}, 10*time.Second, time.Millisecond)
	return s
}

type client struct {
	t    *testing.T
	conn *websocket.Conn
}

func dial(t *testing.T, url string, protocols ...string) *client {
	t.Helper()
	d := websocket.Dialer{Subprotocols: protocols}
	conn, resp, err := d.Dial(url, nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t, conn}
}

func (c *client) message(op string) map[string]any {
	c.t.Helper()
	for {
		require.NoError(c.t, c.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
		kind, b, err := c.conn.ReadMessage()
		require.NoError(c.t, err, "waiting for %s", op)
		if kind != websocket.TextMessage {
			continue
		}
		var m map[string]any
		require.NoError(c.t, json.Unmarshal(b, &m))
		if m["op"] == op {
			return m
		}
	}
}

func (c *client) send(text string) {
	c.t.Helper()
	require.NoError(c.t, c.conn.WriteMessage(websocket.TextMessage, []byte(text)))
}

func TestAClientReadsATopic(t *testing.T) {
	for _, protocol := range foxglove.Subprotocols {
		s := newSite(t)
		c := dial(t, s.url, "other", protocol)
		assert.Equal(t, protocol, c.conn.Subprotocol(), "what was offered is echoed")
		assert.Equal(t, "muster robot1", c.message("serverInfo")["name"])
		channels := c.message("advertise")["channels"].([]any)
		require.Len(t, channels, 2, "a topic without a schema does not break the rest")
		ids := make(map[string]any)
		for _, v := range channels {
			ch := v.(map[string]any)
			ids[ch["topic"].(string)] = ch["id"]
			assert.Equal(t, "cdr", ch["encoding"])
			assert.Equal(t, "ros2msg", ch["schemaEncoding"])
			if ch["topic"] == "/robot1/odom" {
				assert.Contains(t, ch["schema"], "MSG: geometry_msgs/PoseWithCovariance", "with the types that it uses")
			} else {
				assert.Empty(t, ch["schema"])
			}
		}
		text, err := json.Marshal(map[string]any{"op": "subscribe", "subscriptions": []any{map[string]any{"id": 7, "channelId": ids["/robot1/odom"]}}})
		require.NoError(t, err)
		c.send(string(text))
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() { // until the subscription is there
			defer close(stopped)
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for s.odom.Write(rostest.Payload(16, 3)) == nil {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
			}
		}()
		for {
			require.NoError(t, c.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
			kind, b, err := c.conn.ReadMessage()
			require.NoError(t, err)
			if kind != websocket.BinaryMessage {
				continue
			}
			assert.EqualValues(t, 1, b[0])
			assert.EqualValues(t, 7, binary.LittleEndian.Uint32(b[1:]))
			assert.WithinDuration(t, time.Now(), time.Unix(0, int64(binary.LittleEndian.Uint64(b[5:]))), time.Minute)
			assert.Equal(t, rostest.Payload(16, 3), b[13:])
			break
		}
		close(stop)
		<-stopped
	}
}

// channels waits until a topic is advertised, and gives all that are.
func (c *client) channels(until string) map[string]map[string]any {
	c.t.Helper()
	all := make(map[string]map[string]any)
	for all[until] == nil {
		for _, v := range c.message("advertise")["channels"].([]any) {
			ch := v.(map[string]any)
			all[ch["topic"].(string)] = ch
		}
	}
	return all
}

// The schema is that of the publisher's definition: a user's own type has one, and
// Humble's Range, of which no hash is told, has Humble's.
func TestSchemasAreThePublishers(t *testing.T) {
	set, err := idl.Load(fstest.MapFS{"site_msgs/msg/Odd.msg": {Data: []byte("std_msgs/Header header\nint8 odd\n")}})
	require.NoError(t, err)
	types, err := msgs.NewLibrary(set)
	require.NoError(t, err)
	s := newSiteWith(t, types)
	jazzy, _ := msgs.Lookup("sensor_msgs/msg/Range")
	for topic, hash := range map[string]string{"humble": "", "jazzy": jazzy.Hash, "later": "RIHS01_00"} {
		_, err := s.robot.Advertise(ros.Publication{Topic: "/robot1/" + topic, Type: jazzy.Name, TypeHash: hash, QoS: plain})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		r, _ := s.registry.Robot("robot1")
		return len(r.Topics) == 5
	}, 10*time.Second, time.Millisecond)
	all := dial(t, s.url, "foxglove.sdk.v1").channels("/robot1/odom")
	assert.Contains(t, all["/robot1/odd"]["schema"], "int8 odd\n"+strings.Repeat("=", 80)+"\nMSG: std_msgs/Header")
	assert.Contains(t, all["/robot1/jazzy"]["schema"], "float32 variance")
	assert.NotContains(t, all["/robot1/humble"]["schema"], "float32 variance")
	assert.Empty(t, all["/robot1/later"]["schema"], "a wrong schema would be worse than none")
}

// A schema that a node tells is advertised as soon as it is there.
func TestASchemaIsAskedFor(t *testing.T) {
	s := newSite(t)
	set, err := idl.Load(fstest.MapFS{"site_msgs/msg/Told.msg": {Data: []byte("int8 told\n")}})
	require.NoError(t, err)
	told, err := msgs.TypeIn(set, "site_msgs/msg/Told")
	require.NoError(t, err)
	for topic, typ := range map[string]string{"told": told.Name, "untold": "site_msgs/msg/Untold"} {
		_, err = s.robot.Advertise(ros.Publication{Topic: "/robot1/" + topic, Type: typ, TypeHash: told.Hash, QoS: plain})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		r, _ := s.registry.Robot("robot1")
		return len(r.Topics) == 4
	}, 10*time.Second, time.Millisecond)
	c := dial(t, s.url, "foxglove.sdk.v1")
	first := c.channels("/robot1/told")
	assert.Empty(t, first["/robot1/told"]["schema"])
	assert.Equal(t, []any{first["/robot1/told"]["id"]}, c.message("unadvertise")["channelIds"])
	again := c.message("advertise")["channels"].([]any)
	require.Len(t, again, 1)
	assert.Equal(t, "int8 told\n", again[0].(map[string]any)["schema"])
}

// A 3D view wants transforms and the map, which may be the domain's own.
func TestTheDomainsTransformsAndMapAreOffered(t *testing.T) {
	s := newSite(t)
	c := dial(t, s.url, "foxglove.sdk.v1")
	c.channels("/robot1/odom")
	static := ros.QoS{Reliability: ros.Reliable, Durability: ros.TransientLocal, History: ros.KeepLast, Depth: 1}
	const writers = 40 // more than a topic's usual queue
	for topic, typ := range map[string]string{"/tf": "tf2_msgs/msg/TFMessage", "/map": "nav_msgs/msg/OccupancyGrid", "/robot2/odom": "nav_msgs/msg/Odometry"} {
		_, err := s.robot.Advertise(ros.Publication{Topic: topic, Type: typ, QoS: static})
		require.NoError(t, err)
	}
	for i := range writers {
		w, err := s.robot.Advertise(ros.Publication{Topic: "/tf_static", Type: "tf2_msgs/msg/TFMessage", QoS: static})
		require.NoError(t, err)
		require.NoError(t, w.Write(rostest.Payload(16, byte(i))))
	}
	seen := make(map[string]map[string]any)
	for len(seen) < 3 {
		for _, v := range c.message("advertise")["channels"].([]any) {
			ch := v.(map[string]any)
			seen[ch["topic"].(string)] = ch
		}
	}
	assert.ElementsMatch(t, []string{"/tf", "/tf_static", "/map"}, slices.Collect(maps.Keys(seen)), "and nothing of another robot")
	assert.Contains(t, seen["/tf"]["schema"], "MSG: geometry_msgs/TransformStamped")
	text, err := json.Marshal(map[string]any{"op": "subscribe", "subscriptions": []any{map[string]any{"id": 1, "channelId": seen["/tf_static"]["id"]}}})
	require.NoError(t, err)
	c.send(string(text))
	for n := 0; n < writers; {
		require.NoError(t, c.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
		kind, _, err := c.conn.ReadMessage()
		require.NoError(t, err, "after %d", n)
		if kind == websocket.BinaryMessage {
			n++
		}
	}
}

func TestTheConnectionIsReadOnly(t *testing.T) {
	s := newSite(t)
	c := dial(t, s.url, "foxglove.sdk.v1")
	for send, want := range map[string]string{
		`{"op":"advertise","channels":[]}`:                             "read-only",
		`{"op":"subscribe","subscriptions":[{"id":1,"channelId":99}]}`: "no channel 99",
		`{"op":"dance"}`: "dance",
		`nonsense`:       "not JSON",
		`{}`:             "no op",
	} {
		c.send(send)
		assert.Contains(t, c.message("status")["message"], want)
	}
	require.NoError(t, c.conn.WriteMessage(websocket.BinaryMessage, []byte{1, 0, 0, 0, 0}))
	assert.Contains(t, c.message("status")["message"], "read-only")
	c.send(`{"op":"getParameters","parameterNames":[],"id":"x"}`)
	assert.Equal(t, "x", c.message("parameterValues")["id"])
}

func TestTopicsThatGoAreUnadvertised(t *testing.T) {
	s := newSite(t)
	c := dial(t, s.url, "foxglove.sdk.v1")
	c.message("advertise")
	s.robot.Leave()
	assert.Len(t, c.message("unadvertise")["channelIds"], 2)
}

func TestAnotherSubprotocolIsRefused(t *testing.T) {
	s := newSite(t)
	c := dial(t, s.url)
	_, _, err := c.conn.ReadMessage()
	var closed *websocket.CloseError
	require.ErrorAs(t, err, &closed)
	assert.Contains(t, closed.Text, "foxglove.sdk.v1")
}
