package foxglove_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/muster-fleet/muster/internal/fleet"
	"github.com/muster-fleet/muster/internal/foxglove"
	"github.com/muster-fleet/muster/internal/ros"
	"github.com/muster-fleet/muster/internal/ros/rostest"
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

func (s *site) Open(domain int, topic string, bound int) (*ros.RawStream, error) {
	if domain != 3 {
		return nil, errors.New("another domain")
	}
	return s.follower.Open(topic, bound)
}

func newSite(t *testing.T) *site {
	t.Helper()
	d := rostest.NewDomain(3)
	s := &site{registry: fleet.NewRegistry(&fleet.Journal{}), own: d.Join(), robot: d.Join()}
	s.follower = ros.NewFollower(s.own, s.registry.Apply, ros.FollowerOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.follower.Run(ctx) }()
	srv := foxglove.New(foxglove.Options{Source: s, Name: "muster", Log: slog.New(slog.DiscardHandler)})
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
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for range 1000 { // until the subscription is there
				if s.odom.Write(rostest.Payload(16, 3)) != nil || c.conn == nil {
					return
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
		<-stop
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
