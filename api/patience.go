package api

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// patience is how long a writer waits for one reader: a grace, and for each
// byte the time that it takes at the least rate. What the reader did not need is
// not saved beyond the grace, so that one who was fast cannot stall for hours
// later. A grace that was used up comes back while nothing is written.
type patience struct {
	grace     time.Duration
	perSecond int64
	slow      func() // counts readers that were given up

	left time.Duration
	last time.Time // end of the last write
}

func (s *Server) patience() *patience {
	return &patience{
		grace: s.opts.ReadGrace, perSecond: s.opts.MinBytesPerSec, slow: s.metrics.slowReaders.Inc, left: s.opts.ReadGrace,
	}
}

// write runs one write of at most n bytes under the deadline that is due.
func (p *patience) write(n int64, deadline func(time.Time) error, write func() (int64, error)) (int64, error) {
	start := time.Now()
	due := p.due(start, n)
	if err := deadline(due); err != nil {
		return 0, err
	}
	sent, err := write()
	end := time.Now()
	p.spend(start, end, sent)
	if err != nil && !end.Before(due) {
		p.slow()
	}
	return sent, err
}

// due is when a write of n bytes that begins now must have ended.
func (p *patience) due(now time.Time, n int64) time.Time {
	if !p.last.IsZero() {
		p.left = min(p.grace, p.left+now.Sub(p.last))
	}
	return now.Add(p.left + p.worth(n))
}

// spend takes the time off that a write took, and adds what its bytes are worth.
func (p *patience) spend(start, end time.Time, n int64) {
	p.left, p.last = min(p.grace, p.left+p.worth(n)-end.Sub(start)), end
}

func (p *patience) worth(n int64) time.Duration {
	return time.Duration(float64(n) / float64(p.perSecond) * float64(time.Second))
}

// conn is an accepted connection. Whatever writes to it (net/http's answers,
// TLS, the frames of HTTP/2) does so one at a time.
type conn struct {
	net.Conn
	release  func()
	patience *patience
	told     atomic.Pointer[time.Time] // deadline of writes that others have set; nil, zero: none
}

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetWriteDeadline is for others: net/http bounds the handshake with it, and TLS
// the goodbye, which a server that stops waits for.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.told.Store(&t)
	return c.Conn.SetWriteDeadline(t)
}

// until sets the deadline of one write, the earlier one of ours and theirs. One of theirs that comes
// meanwhile, to cut the connection off, is not undone.
func (c *conn) until(due time.Time) error {
	for {
		told, at := c.told.Load(), due
		if told != nil && !told.IsZero() && told.Before(due) {
			at = *told
		}
		if err := c.Conn.SetWriteDeadline(at); err != nil || c.told.Load() == told {
			return err
		}
	}
}

// Write writes as long as the reader is not too slow.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.patience.write(int64(len(b)), c.until, func() (int64, error) {
		n, err := c.Conn.Write(b)
		return int64(n), err
	})
	return int(n), err
}

// pieceBytes is how much of a file is sent under one deadline.
const pieceBytes = 256 << 10

// ReadFrom lets the kernel copy a file to the connection, piece by piece.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	to, ok := c.Conn.(io.ReaderFrom)
	whole, limited := r.(*io.LimitedReader)
	if !ok || !limited {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	var sent int64
	for whole.N > 0 {
		// One limit, not two: the kernel's copy sees through one only.
		piece := io.LimitedReader{R: whole.R, N: min(pieceBytes, whole.N)}
		n, err := c.patience.write(piece.N, c.until, func() (int64, error) { return to.ReadFrom(&piece) })
		sent, whole.N = sent+n, whole.N-n
		if err != nil || n == 0 {
			return sent, err
		}
	}
	return sent, nil
}

// Close gives the place back.
func (c *conn) Close() error {
	c.release()
	return c.Conn.Close()
}

// streamPace bounds the waiting for the reader of one stream of HTTP/2, who can
// hold it up while the connection moves: by opening no window. The deadline must
// not stay after a write: it would end the stream at any later time.
type streamPace struct {
	*patience
	controller *http.ResponseController
}

// paceStream gives a call of HTTP/2 its pace; one of HTTP/1 has its connection's.
func (s *Server) paceStream(c *call) {
	if c.r.ProtoMajor == 2 {
		c.stream = &streamPace{s.patience(), http.NewResponseController(c.ResponseWriter)}
	}
}

// write writes under a deadline, and lifts it.
func (p *streamPace) write(n int, write func() (int, error)) (int, error) {
	sent, err := p.patience.write(int64(n), p.controller.SetWriteDeadline, func() (int64, error) {
		n, err := write()
		return int64(n), err
	})
	if err == nil {
		err = p.controller.SetWriteDeadline(time.Time{})
	}
	return int(sent), err
}

// last sets the deadline of what is still to be sent when the handler has returned.
func (p *streamPace) last() {
	if p != nil {
		_ = p.controller.SetWriteDeadline(time.Now().Add(p.left)) //nolint:errcheck // the stream is gone then
	}
}
