package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/muster-fleet/muster/internal/stream"
)

// streamProtocol is the WebSocket subprotocol, see internal/stream/PROTOCOL.md.
const streamProtocol = "muster.stream.v1"

// Limits on a socket.
const (
	pingEvery    = 15 * time.Second
	readTimeLeft = 45 * time.Second
	writeTime    = 10 * time.Second
	// sendBuffer bounds what the kernel holds back of stale poses (it doubles
	// this); a frame of 1,000 robots has 21 kB.
	sendBuffer = 64 << 10
)

// upgrader copies nothing per connection that can be shared, and does not
// compress: encoding the frame once is cheaper than deflating it per client.
var upgrader = websocket.Upgrader{
	ReadBufferSize: 1 << 10, WriteBufferSize: 4 << 10, WriteBufferPool: &sync.Pool{},
	Subprotocols: []string{streamProtocol},
	CheckOrigin:  func(*http.Request) bool { return true }, // checkOrigin did
	// The error is written by writeError, like all others.
	Error: func(http.ResponseWriter, *http.Request, int, error) {},
}

func (s *Server) openStream(w http.ResponseWriter, r *http.Request) error {
	if !websocket.IsWebSocketUpgrade(r) {
		return invalid("Upgrade", "this address speaks WebSocket only, with subprotocol %s", streamProtocol)
	}
	if offered := websocket.Subprotocols(r); len(offered) > 0 && !slices.Contains(offered, streamProtocol) {
		return invalid("Sec-WebSocket-Protocol", "%q is not supported; there is %s", offered, streamProtocol)
	}
	enc := r.URL.Query().Get("enc")
	if enc != "" && enc != "json" {
		return invalid("enc", "%q is not known; there is json", enc)
	}
	user := callOf(r).user
	ctx, done, err := s.sockets.add(r.Context(), user, true)
	if err != nil {
		return err
	}
	defer done()
	session, err := s.opt.Hub.Open(time.Now(), user, enc == "json")
	if err != nil {
		return err
	}
	defer session.Leave()
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return invalid("Upgrade", "%s", err)
	}
	s.opt.Log.Debug("stream opened", "user", user.Name, "remote", r.RemoteAddr, "request_id", callOf(r).id)
	err = serveSocket(ctx, conn, session)
	s.opt.Log.Debug("stream ended", "user", user.Name, "request_id", callOf(r).id, "err", err)
	return nil
}

// serveSocket reads in this goroutine and writes in one more; it returns when
// both have ended.
func serveSocket(ctx context.Context, conn *websocket.Conn, session *stream.Session) error {
	if c, ok := conn.NetConn().(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = c.SetWriteBuffer(sendBuffer) // a larger buffer only delays
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A read blocks beyond its context: closing the connection ends it.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var writer sync.WaitGroup
	var writeErr error
	writer.Go(func() {
		defer cancel()
		writeErr = writeSocket(ctx, conn, session)
	})
	readErr := readSocket(conn, session)
	cancel()
	writer.Wait()
	return errors.Join(readErr, writeErr)
}

func readSocket(conn *websocket.Conn, session *stream.Session) error {
	conn.SetReadLimit(stream.MaxMessage)
	alive := func(string) error { return conn.SetReadDeadline(time.Now().Add(readTimeLeft)) }
	conn.SetPongHandler(alive)
	for {
		if err := alive(""); err != nil {
			return err
		}
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if kind == websocket.TextMessage {
			session.Receive(message)
		}
	}
}

func writeSocket(ctx context.Context, conn *websocket.Conn, session *stream.Session) error {
	nextPing := time.Now().Add(pingEvery)
	for {
		wait, stop := context.WithDeadline(ctx, nextPing)
		frames, err := session.Next(wait)
		stop()
		switch {
		case errors.Is(err, stream.ErrClosed):
			return closeSocket(ctx, conn)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if err := writeFrames(conn, frames); err != nil {
			return err
		}
		if now := time.Now(); !now.Before(nextPing) {
			nextPing = now.Add(pingEvery)
			if err := conn.WriteControl(websocket.PingMessage, nil, now.Add(writeTime)); err != nil {
				return fmt.Errorf("ping: %w", err)
			}
		}
	}
}

// closeSocket ends the WebSocket in order and gives the client a moment to read
// the goodbye: closing at once would reset the connection under it.
func closeSocket(ctx context.Context, conn *websocket.Conn) error {
	bye := websocket.FormatCloseMessage(websocket.CloseGoingAway, "goodbye")
	if err := conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(writeTime)); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	select {
	case <-ctx.Done(): // the client has closed, too
	case <-time.After(time.Second):
	}
	return nil
}

func writeFrames(conn *websocket.Conn, frames []*stream.Frame) error {
	for _, f := range frames {
		message, err := prepared(f)
		if err != nil {
			return err
		}
		if err := conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
			return err
		}
		if err := conn.WritePreparedMessage(message); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

// prepared is the frame as gorilla sends it to many, made once.
func prepared(f *stream.Frame) (*websocket.PreparedMessage, error) {
	made := f.Adapt(func(f *stream.Frame) any {
		kind := websocket.BinaryMessage
		if f.Text {
			kind = websocket.TextMessage
		}
		message, err := websocket.NewPreparedMessage(kind, f.Data)
		if err != nil {
			return err
		}
		return message
	})
	if err, bad := made.(error); bad {
		return nil, fmt.Errorf("prepare frame: %w", err)
	}
	return made.(*websocket.PreparedMessage), nil
}

func (s *Server) openFoxglove(w http.ResponseWriter, r *http.Request) error {
	if s.opt.Foxglove == nil {
		return &unavailable{"the Foxglove protocol is not served here"}
	}
	id := r.PathValue("id")
	if _, ok := s.opt.Registry.Robot(id); !ok {
		return &notFound{"robot " + id + " is not known"}
	}
	ctx, done, err := s.sockets.add(r.Context(), callOf(r).user, false)
	if err != nil {
		return err
	}
	defer done()
	s.opt.Foxglove.ServeRobot(w, r.WithContext(ctx), id)
	return nil
}
