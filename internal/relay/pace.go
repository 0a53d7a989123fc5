package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// chunk is the most that is handed out at once, and the whole of a layer that the
// relay has in its memory.
const chunk = 32 << 10

// pace is the rate of a site, which all its pulls share.
type pace struct {
	limiter *rate.Limiter
	size    int // of the pieces
	sent    atomic.Uint64
}

// newPace makes a pace of so many bytes per second. What was not used is made up
// for during 50 ms and not longer, so the line is never taken at full speed for more
// than that; a shorter time would let late timers cost rate.
func newPace(perSecond float64) *pace {
	burst := max(4<<10, int(perSecond/20))
	return &pace{limiter: rate.NewLimiter(rate.Limit(perSecond), burst), size: min(burst, chunk)}
}

var errSilent = errors.New("the registry sends nothing")

// hand gives body on. It ends early when ctx does, or when either side is silent
// for a minute. read ends the reading of the body.
func (p *pace) hand(ctx context.Context, w http.ResponseWriter, body io.Reader, read context.CancelCauseFunc) error {
	out := http.NewResponseController(w)
	// A write that waits for its engine is woken.
	stop := context.AfterFunc(ctx, func() { _ = out.SetWriteDeadline(time.Now()) })
	defer stop()
	quiet := time.AfterFunc(silence, func() { read(errSilent) })
	defer quiet.Stop()
	b := make([]byte, p.size)
	for {
		quiet.Reset(silence)
		n, err := body.Read(b)
		quiet.Stop()
		if n > 0 {
			if err := p.give(ctx, w, out, b[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return &brokenOff{err}
		}
	}
}

// give writes one piece when its time has come.
func (p *pace) give(ctx context.Context, w io.Writer, out *http.ResponseController, b []byte) error {
	if err := p.limiter.WaitN(ctx, len(b)); err != nil {
		return err
	}
	if err := out.SetWriteDeadline(time.Now().Add(silence)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // not sooner: it would undo what wakes the write
		return err
	}
	n, err := w.Write(b)
	p.sent.Add(uint64(n))
	return err
}

// brokenOff is a layer whose rest its registry owes us.
type brokenOff struct{ cause error }

func (b *brokenOff) Error() string { return fmt.Sprintf("the layer is broken off: %v", b.cause) }
func (b *brokenOff) Unwrap() error { return b.cause }
