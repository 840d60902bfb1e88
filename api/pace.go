package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// pace makes the body of a request fail with os.ErrDeadlineExceeded when it
// comes more slowly than the limit, so that a slow sender cannot hold a
// connection for ever.
func (s *Server) pace(c *call) {
	if c.r.Body == nil || c.r.ContentLength == 0 {
		return
	}
	now, body := time.Now(), c.r.Body
	// A request of our own, for net/http looks at the body of its: one that is left unread has
	// it wait before it closes the connection, which else could take the answer with it.
	c.r = c.r.WithContext(c.ctx())
	c.r.Body = &pacedBody{
		body: body, conn: http.NewResponseController(c.ResponseWriter),
		grace: s.opts.SlowGrace, perSecond: s.opts.MinBytesPerSec,
		asked: now, looked: now, revoked: s.revokedNow(c),
	}
}

// revokedNow looks whether what the request was made with is good no more, and gives what the answer
// says then.
func (s *Server) revokedNow(c *call) func() error {
	revoked, ctx := s.rechecked(c), c.ctx()
	if revoked == nil {
		return func() error { return nil }
	}
	return func() error { return revoked(ctx) }
}

// pacedBody moves the connection's read deadline on with what has arrived. It is where all
// bodies come through, so it also asks again for the token: who sends slowly could otherwise
// have a body done, a job or a token say, for as long as they liked after theirs was revoked.
type pacedBody struct {
	body      io.ReadCloser
	conn      *http.ResponseController
	waited    time.Duration // for the sender: what the store and the disk take meanwhile counts for nobody
	grace     time.Duration
	perSecond int64
	n         int64
	ended     bool         // nobody reads it any more
	whole     bool         // all of it was read
	head      []byte       // its start, as much as there is room for; nil: nobody wants it
	asked     time.Time    // since when the token is known to have been good
	looked    time.Time    // when that was known: a store that hangs is not asked for each piece
	revoked   func() error // asks again
}

// Read reads with the deadline of what has arrived so far.
func (b *pacedBody) Read(p []byte) (int, error) {
	earned := time.Duration(float64(b.n) / float64(b.perSecond) * float64(time.Second))
	start := time.Now()
	if err := b.deadline(start.Add(b.grace + earned - b.waited)); err != nil {
		return 0, err
	}
	n, err := b.body.Read(p)
	b.waited += time.Since(start)
	b.n += int64(n)
	b.head = append(b.head, p[:min(n, cap(b.head)-len(b.head))]...)
	if err != nil {
		b.whole = errors.Is(err, io.EOF)
		b.end()
		err = malformed(err)
	}
	if why := b.refused(errors.Is(err, io.EOF)); why != nil {
		return 0, why // also of the last bytes: without them it is not whole
	}
	return n, err
}

// refused: the token was revoked, as far as that could have been seen since it was asked for. Of
// the last bytes, with which something is done, that is since the store began to look.
func (b *pacedBody) refused(last bool) error {
	since := b.looked
	if last {
		since = b.asked
	}
	now := time.Now()
	if now.Sub(since) < recheckAge {
		return nil
	}
	if why := b.revoked(); why != nil {
		return why
	}
	b.asked, b.looked = now, time.Now()
	return nil
}

// errMalformed: the bytes of a body are there, and are not what HTTP says that they are.
var errMalformed = errors.New("the body cannot be read")

// malformed tells chunks that are none from a body that ended, came too slowly, or
// whose sender has gone. What net/http says of chunks has no type.
func malformed(err error) error {
	var network net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &network) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", errMalformed, err)
}

// Close closes the body and lifts the deadline.
func (b *pacedBody) Close() error {
	b.end()
	return b.body.Close()
}

// end lifts the deadline: it would otherwise end a handler that waits long
// after its body has come.
func (b *pacedBody) end() {
	if !b.ended {
		b.ended = true
		_ = b.deadline(time.Time{}) //nolint:errcheck // the connection is gone then
	}
}

// deadline sets the read deadline where the connection has one (a recorder in
// a test has none).
func (b *pacedBody) deadline(at time.Time) error {
	err := b.conn.SetReadDeadline(at)
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
