// Package crowd holds many connections to a server that do what servers fear:
// say nothing, send a byte a second, listen for ever.
package crowd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// perAddress is how many connections come from one address of loopback: below
// what a server allows one address, and far below the ports of one.
const perAddress = 1_000

// Crowd is some connections that are open, or were.
type Crowd struct {
	addr string

	mu    sync.Mutex
	conns []net.Conn
	work  sync.WaitGroup

	ended atomic.Int64 // by the server
	bytes atomic.Int64 // that came from it
}

// Gather opens n connections to addr, from many addresses, and sends hello on
// each. say, where it is given, then works on each connection until it fails.
// What comes is read and counted.
func Gather(ctx context.Context, addr string, n int, from func(i int) net.IP, hello []byte, say func(net.Conn)) (*Crowd, error) {
	c := &Crowd{addr: addr}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(64)
	for i := range n {
		group.Go(func() error { return c.join(ctx, from(i), hello, say) })
	}
	if err := group.Wait(); err != nil {
		c.Leave()
		return nil, fmt.Errorf("crowd at %s: %w", addr, err)
	}
	return c, nil
}

// Spread gives the addresses of machines with some connections each; One gives the same to all.
func Spread(i int) net.IP { return net.IPv4(127, 0, 3, byte(1+i/perAddress)) }

// One is a single machine.
func One(int) net.IP { return net.IPv4(127, 0, 4, 1) }

func (c *Crowd) join(ctx context.Context, from net.IP, hello []byte, say func(net.Conn)) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	conn, err := dialer.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.conns = append(c.conns, conn)
	c.mu.Unlock()
	c.work.Go(func() { c.listen(conn) })
	if _, err := conn.Write(hello); err != nil {
		return nil //nolint:nilerr // the server has ended it, and listen counts that
	}
	if say != nil {
		c.work.Go(func() { say(conn) })
	}
	return nil
}

// listen counts what comes, with a buffer that 15,000 may have.
func (c *Crowd) listen(conn net.Conn) {
	var buffer [512]byte
	for {
		n, err := conn.Read(buffer[:])
		c.bytes.Add(int64(n))
		if err != nil {
			if !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
				c.ended.Add(1)
				_ = conn.Close() // it is over either way
			}
			return
		}
	}
}

// Open is how many of the connections the server still holds.
func (c *Crowd) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns) - int(c.ended.Load())
}

// Bytes is what came from the server, on all of them.
func (c *Crowd) Bytes() int64 { return c.bytes.Load() }

// Leave closes all connections and waits for those who work on them.
func (c *Crowd) Leave() {
	c.mu.Lock()
	for _, conn := range c.conns {
		_ = conn.Close() // also one that is closed already
	}
	c.mu.Unlock()
	c.work.Wait()
}

// Trickle sends a byte each time, until the connection ends.
func Trickle(every time.Duration) func(net.Conn) {
	return func(conn net.Conn) {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(conn, "x"); err != nil {
				return
			}
		}
	}
}
