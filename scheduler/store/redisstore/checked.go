package redisstore

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/mlq-dev/mlq/scheduler/store"
)

// What an answer may claim of itself. The longest text that a server gives us is the note of
// a commit, for a snapshot (commit.lua): all keys and values that the commit may have, and
// the words and lengths between.
const (
	maxBulk   = 2 * store.MaxCommitBytes
	maxArray  = 1 << 20 // values, or pairs of them
	maxNested = 8       // arrays in arrays: a log's entries need three
	maxHeader = 64 << 10
)

// errProtocol: what came is no answer of a Redis that we talk to.
var errProtocol = errors.New("the server's answer is not Redis' protocol")

// checked is a connection whose answers are looked at before go-redis reads them: that
// makes room for the length that an answer claims before the bytes are there, panics
// where there cannot be so much, and follows arrays within arrays down to any depth.
type checked struct {
	net.Conn
	answers
}

// dialer connects as go-redis does.
func dialer(o *redis.Options) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := redis.NewDialer(o)
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		c := &checked{Conn: conn}
		if socket, ok := conn.(syscall.Conn); ok {
			return visible{c, socket}, nil
		}
		return c, nil
	}
}

// visible lets go-redis look, before it uses an idle connection again, whether the server
// has closed it meanwhile: go-redis asks the outermost connection alone for its socket. One
// of TLS has none to look at, and the call that goes out on it fails.
type visible struct {
	*checked
	syscall.Conn
}

// Read hands on what is well formed so far; after something else, nothing more.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if !c.take(p[:n]) {
		c.Close()
		return 0, errProtocol
	}
	return n, err
}

// answers follows a stream of RESP from byte to byte. Sentinels speak its version 3.
type answers struct {
	header []byte // of the part that is being read, until its line ends
	skip   int    // bytes of a text that are still to come, with its line end
	open   []int  // arrays that are being read: how many elements each lacks
	broken bool
}

// take reports whether the stream is well formed with these bytes too.
func (a *answers) take(data []byte) bool {
	for len(data) > 0 && !a.broken {
		if a.skip > 0 {
			n := min(a.skip, len(data))
			data = data[n:]
			if a.skip -= n; a.skip == 0 {
				a.closed()
			}
			continue
		}
		if data[0] != '\n' {
			a.header = append(a.header, data[0])
			a.broken = len(a.header) > maxHeader
		} else {
			a.broken = !a.line(a.header)
			a.header = a.header[:0]
		}
		data = data[1:]
	}
	return !a.broken
}

// line takes a whole line: a value, or the length of what follows.
func (a *answers) line(text []byte) bool {
	if len(text) < 2 || text[len(text)-1] != '\r' {
		return false
	}
	kind, rest := text[0], string(text[1:len(text)-1])
	switch kind {
	case '+', '-', ':', '_', ',', '#', '(':
		a.closed()
		return true
	case '$', '!', '=':
		n, err := strconv.Atoi(rest)
		return err == nil && a.text(n)
	case '*', '~', '>':
		n, err := strconv.Atoi(rest)
		return err == nil && a.array(n)
	case '%':
		n, err := strconv.Atoi(rest)
		return err == nil && n <= maxArray && a.array(2*n)
	}
	return false
}

// text takes how many bytes follow; -1 stands for none.
func (a *answers) text(n int) bool {
	if n == -1 {
		a.closed()
		return true
	}
	a.skip = n + len("\r\n")
	return 0 <= n && n <= maxBulk
}

// array takes how many values follow; -1 stands for none.
func (a *answers) array(n int) bool {
	if n == 0 || n == -1 {
		a.closed()
		return true
	}
	a.open = append(a.open, n)
	return 0 < n && n <= 2*maxArray && len(a.open) <= maxNested
}

// closed counts a value that is complete, and the arrays that are so with it.
func (a *answers) closed() {
	for last := len(a.open) - 1; last >= 0; last-- {
		if a.open[last]--; a.open[last] > 0 {
			return
		}
		a.open = a.open[:last]
	}
}
