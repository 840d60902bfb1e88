package world

import (
	"io"
	"net"
	"strconv"
	"sync"
)

// Sentinels tell everybody one address of the master. For each client to reach
// it over a link of its own, what a sentinel says is translated on the way, as
// an address translation in a network does it: ports in the stream become other
// ports of as many digits, so that the lengths which RESP gives stay right.

// table says which port becomes which.
type table map[int]int

func (t table) reversed() table {
	r := table{}
	for from, to := range t {
		r[to] = from
	}
	return r
}

// rewrite gives p with the ports translated, but for digits at its end, which
// may go on in the next piece: how many bytes of p it has used is the second value.
func (t table) rewrite(p []byte) (out []byte, used int) {
	used = len(p)
	for used > 0 && digit(p[used-1]) {
		used--
	}
	out = make([]byte, 0, used)
	for i := 0; i < used; {
		end := i
		for end < used && digit(p[end]) {
			end++
		}
		if end == i {
			out = append(out, p[i])
			i++
			continue
		}
		out = append(out, t.number(p[i:end])...)
		i = end
	}
	return out, used
}

// number translates a run of digits.
func (t table) number(digits []byte) []byte {
	if len(digits) != 5 {
		return digits
	}
	port, err := strconv.Atoi(string(digits))
	if to, ok := t[port]; ok && err == nil {
		return strconv.AppendInt(nil, int64(to), 10)
	}
	return digits
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// translator is a proxy that translates what passes it.
type translator struct {
	listener net.Listener
	target   string

	mu       sync.Mutex
	requests table // of what clients say
	answers  table // of what the server says
	conns    map[net.Conn]bool
}

func newTranslator(target string) (*translator, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it ends with close
	if err != nil {
		return nil, err
	}
	t := &translator{listener: l, target: target, conns: map[net.Conn]bool{}}
	go t.accept()
	return t, nil
}

func (t *translator) addr() string { return t.listener.Addr().String() }

// use sets the tables of connections that are made from now on.
func (t *translator) use(requests, answers table) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests, t.answers = requests, answers
}

func (t *translator) close() {
	t.listener.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		c.Close()
	}
}

func (t *translator) accept() {
	for {
		client, err := t.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", t.target) //nolint:noctx // loopback answers at once
		if err != nil {
			client.Close()
			continue
		}
		t.mu.Lock()
		t.conns[client], t.conns[server] = true, true
		requests, answers := t.requests, t.answers
		t.mu.Unlock()
		go t.carry(server, client, requests)
		go t.carry(client, server, answers)
	}
}

// carry copies until one side is done, then ends both.
func (t *translator) carry(to, from net.Conn, by table) {
	translate(to, from, by)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range []net.Conn{to, from} {
		c.Close()
		delete(t.conns, c)
	}
}

func translate(to io.Writer, from io.Reader, by table) {
	var held []byte
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		held = append(held, buffer[:n]...)
		out, used := by.rewrite(held)
		held = append([]byte(nil), held[used:]...)
		if _, werr := to.Write(out); werr != nil || err != nil {
			return
		}
	}
}
