package faultproxy

import (
	"bufio"
	"io"
	"net"
	"sync"
	"time"
)

// TCP delivers no byte twice. Requests arrive twice because somebody between the
// program and the server repeats what he has no answer to: a client that tries
// again by itself (go-redis three times, unless told otherwise; Go's and
// Python's HTTP clients where a kept connection broke), or a reverse proxy that
// asks its next upstream. The copy takes another connection, and may come when
// the first has long been answered and other requests have followed.
//
// Over HTTP the copy is a whole request, head and body, of any method but GET,
// HEAD and OPTIONS. A server may carry it out twice unless the request says how
// to recognise it, so that what is sent over such a link must.
//
// Over Redis it is one EVALSHA or EVAL, after the connection's own HELLO, AUTH
// and SELECT: a script checks what it finds, and is made to be repeated. A plain
// INCRBY is not, nor is anything of a transaction or a subscription.

// a copy is abandoned if its answer takes longer.
const copyPatience = 10 * time.Second

// format tells the requests of a protocol apart.
type format interface {
	// next reads one request, and says what it is.
	next(r *bufio.Reader) (kind, error)
	// take reads the answer, after which the copy counts as delivered.
	take(c *net.TCPConn) error
}

type kind int

const (
	reading  kind = iota // changes nothing
	changing             // may be delivered twice
	greeting             // belongs to every connection, and goes before a copy
)

func (p Protocol) format() format {
	switch p {
	case HTTP:
		return httpFormat{}
	case Redis:
		return redisFormat{}
	default:
		return nil
	}
}

// copier gives what the requests of a pair are also written to. Nil where they
// cannot be told apart.
func (l *Link) copier() io.WriteCloser {
	format := l.protocol.format()
	if format == nil {
		return nil
	}
	read, write := io.Pipe()
	l.running.Go(func() {
		err := l.follow(format, read)
		read.CloseWithError(err) // what cannot be read is not copied; it passes all the same
	})
	return write
}

// follow reads request after request, and copies those whose turn it is. All of
// a request is kept in memory.
func (l *Link) follow(format format, from io.Reader) error {
	var kept keeping
	kept.from = from
	r := bufio.NewReader(&kept)
	var greetings []byte
	for {
		k, err := format.next(r)
		if err != nil {
			return err
		}
		request := kept.until(r.Buffered())
		switch k {
		case greeting:
			greetings = append(greetings, request...)
		case changing:
			if late, ok := l.copies(); ok {
				copied := append(append([]byte(nil), greetings...), request...)
				l.running.Go(func() { l.deliver(format, copied, late) })
			}
		}
	}
}

// copies draws whether a request is delivered again, and when.
func (l *Link) copies() (late time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.faults.duplicate.takes(l.random) {
		return 0, false
	}
	return time.Duration(l.random.Float64() * float64(l.faults.late)), true
}

func (l *Link) deliver(format format, request []byte, late time.Duration) {
	timer := time.NewTimer(late)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.closed:
		return
	}
	c, err := net.DialTimeout("tcp", l.Target(), copyPatience) //nolint:noctx // bounded
	if err != nil {
		return // as a copy that met nobody
	}
	conn := c.(*net.TCPConn)
	stop := sync.OnceFunc(func() { reset(conn) })
	defer stop()
	finished := make(chan struct{})
	defer close(finished)
	l.running.Go(func() {
		select {
		case <-l.closed:
			stop()
		case <-finished:
		}
	})
	conn.SetDeadline(time.Now().Add(copyPatience)) //nolint:errcheck // of an open connection
	if _, err := conn.Write(request); err != nil || format.take(conn) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts.Duplicated++
}

// keeping keeps what was read and not yet given away.
type keeping struct {
	from io.Reader
	kept []byte
}

func (k *keeping) Read(p []byte) (int, error) {
	n, err := k.from.Read(p)
	k.kept = append(k.kept, p[:n]...)
	return n, err
}

// until gives what was read but for the last bytes, which belong to the next.
func (k *keeping) until(last int) []byte {
	n := len(k.kept) - last
	request := k.kept[:n:n]
	k.kept = append([]byte(nil), k.kept[n:]...)
	return request
}
