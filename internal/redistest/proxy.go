package redistest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy stands between a client and a server, and does to their connections what
// networks do.
type Proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	conns   map[net.Conn]bool // of both sides
	drops   int               // replies still to be dropped
	hold    *hold             // nil: replies pass
	dropped chan struct{}     // takes one for each reply dropped
}

// hold is a time in which replies are kept back.
type hold struct {
	arrived chan struct{} // takes one for each reply kept
	over    chan struct{} // closed when they may pass
}

// backlog is how many events nobody has to wait for.
const backlog = 1000

// NewProxy starts a proxy to a server's address, and ends it with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: target, conns: map[net.Conn]bool{}, dropped: make(chan struct{}, backlog)}
	go p.accept()
	t.Cleanup(func() { l.Close(); p.Cut() })
	return p
}

// URL is the store URL of a namespace behind the proxy.
func (p *Proxy) URL(namespace string) string { return storeURL(p.listener.Addr().String(), namespace) }

// Drop drops the next n replies: the request was carried out, and instead of its
// reply the client sees its connection end.
func (p *Proxy) Drop(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drops = n
}

// Dropped gives one value for each reply that was dropped.
func (p *Proxy) Dropped() <-chan struct{} { return p.dropped }

// Hold keeps all replies back until release is called. arrived gives one value
// for each: then the server has carried out the request.
func (p *Proxy) Hold() (arrived <-chan struct{}, release func()) {
	h := &hold{make(chan struct{}, backlog), make(chan struct{})}
	p.setHold(h)
	return h.arrived, sync.OnceFunc(func() { p.setHold(nil); close(h.over) })
}

// Cut ends all connections; new ones are accepted.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close() // as if the server refused it
			continue
		}
		p.note(client, server)
		go func() { io.Copy(server, client); p.end(client, server) }()
		go func() { p.replies(client, server); p.end(client, server) }()
	}
}

// replies hands on what the server says, unless it is held back or dropped.
func (p *Proxy) replies(client, server net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if h := p.holding(); h != nil {
			h.arrived <- struct{}{}
			<-h.over
		}
		if p.swallows() {
			p.dropped <- struct{}{}
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *Proxy) holding() *hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hold
}

func (p *Proxy) setHold(h *hold) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = h
}

func (p *Proxy) swallows() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drops == 0 {
		return false
	}
	p.drops--
	return true
}

func (p *Proxy) note(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
}

func (p *Proxy) end(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(p.conns, c)
	}
}
