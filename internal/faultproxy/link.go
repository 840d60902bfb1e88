// Package faultproxy is a TCP proxy that does to the connections over it what
// networks do: it cuts, goes silent in one or both directions, delays, throttles,
// loses the answer to a request that was carried out, delivers a request twice,
// flips a bit, and leads elsewhere. A Link stands where a program thinks its
// server is.
//
// What is drawn (delays, positions, chances) comes from the link's seed, in the
// order in which bytes arrive.
package faultproxy

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Protocol is what is spoken over a link: only where it is known can a whole
// request be told from bytes, and delivered twice.
type Protocol int

// The protocols.
const (
	Raw   Protocol = iota // bytes, or TLS: Duplicate does nothing
	HTTP                  // HTTP/1.1 in the clear
	Redis                 // RESP in the clear, as clients send it: arrays of bulk strings
)

// Link is one proxy: a loopback address that leads to a server. All its methods
// may be called at any time and by several at once.
type Link struct {
	listener net.Listener
	protocol Protocol
	closed   chan struct{}
	running  sync.WaitGroup

	mu     sync.Mutex
	target string
	pairs  map[*pair]bool
	random *rand.Rand
	faults faults
	counts Counts
	lost   chan struct{}
}

// backlog is how many events nobody has to wait for; further ones are only
// counted.
const backlog = 1000

// Listen starts a link to the address target ("host:port") on a free port of the
// loopback interface. It fails where none can be had. Close ends it.
func Listen(target string, protocol Protocol, seed uint64) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it ends with Close
	if err != nil {
		return nil, fmt.Errorf("link to %s: %w", target, err)
	}
	l := &Link{
		listener: listener, protocol: protocol, closed: make(chan struct{}),
		target: target, pairs: map[*pair]bool{}, lost: make(chan struct{}, backlog),
		random: rand.New(rand.NewPCG(seed, 0)), faults: faultless(),
	}
	l.running.Go(l.accept)
	return l, nil
}

// Addr is the address ("127.0.0.1:port") that stands for the server's.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Target is where new connections lead.
func (l *Link) Target() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.target
}

// Retarget leads connections that are made from now on to another address, as a
// name that moved does. Those that stand go on; Cut ends them.
func (l *Link) Retarget(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = target
}

// Close ends the link and its connections, and returns when nothing of it runs.
func (l *Link) Close() {
	l.mu.Lock()
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	l.mu.Unlock()
	l.listener.Close()
	l.Cut()
	l.running.Wait()
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.connect(client.(*net.TCPConn)) })
	}
}

// connect joins a client to the server until both are done. A server that is not
// there resets the client, who cannot be refused any more.
func (l *Link) connect(client *net.TCPConn) {
	server, err := net.Dial("tcp", l.Target()) //nolint:noctx // the system's own time limit; on loopback it answers at once
	if err != nil {
		reset(client)
		return
	}
	p := &pair{client: client, server: server.(*net.TCPConn), done: make(chan struct{})}
	if !l.adopt(p) {
		p.end()
		return
	}
	copies := l.copier()
	var both sync.WaitGroup
	both.Go(func() { l.pump(p, Requests, copies) })
	both.Go(func() { l.pump(p, Answers, nil) })
	both.Wait()
	p.finish()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pairs, p)
}

// adopt notes a pair, unless the link was closed while it was made.
func (l *Link) adopt(p *pair) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
		return false
	default:
		l.pairs[p] = true
		l.counts.Connections++
		return true
	}
}
