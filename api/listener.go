package api

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// listener bounds how many connections there are, and how slowly each may
// be read. TLS, where there is some, lies above it: net/http speaks HTTP/2 only
// on a *tls.Conn that it sees as one.
type listener struct {
	net.Listener
	places  *places
	patient func() *patience // of a new connection
	tls     *tls.Config      // nil: none
	telling chan struct{}    // holds one for each refusal under way
}

// maxTelling is how many refused connections are told why at the same time. Of
// a flood beyond that the rest is only closed.
const maxTelling = 64

func (s *Server) listener(ln net.Listener) net.Listener {
	l := &listener{
		Listener: ln, places: s.places, patient: s.patience, tls: s.opts.TLS, telling: make(chan struct{}, maxTelling),
	}
	if l.tls == nil {
		return l
	}
	return tls.NewListener(l, l.tls)
}

// Accept returns the next connection for which there is a place.
func (l *listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ip := address(inner)
		if l.places.take(ip) {
			return &conn{Conn: inner, release: sync.OnceFunc(func() { l.places.give(ip) }), patience: l.patient()}, nil
		}
		l.refuse(inner)
	}
}

func (l *listener) refuse(inner net.Conn) {
	select {
	case l.telling <- struct{}{}:
		go func() {
			defer func() { <-l.telling }()
			l.tell(inner)
		}()
	default:
		_ = inner.Close() //nolint:errcheck // it was nobody's yet
	}
}

// tooMany is the answer to a connection: no request was read yet.
var tooMany = func() []byte {
	body := `{"type":"urn:mlq:too-many-connections","title":"Too many connections","status":429,"code":"too-many-connections"}`
	return fmt.Appendf(nil, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\n"+
		"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s", mediaProblem, len(body), body)
}()

// tell answers before any request was read, and takes what comes for a moment:
// closing at once would reset the connection, and the answer with it.
func (l *listener) tell(inner net.Conn) {
	defer inner.Close()                                //nolint:errcheck // best effort towards a flood
	_ = inner.SetDeadline(time.Now().Add(time.Second)) //nolint:errcheck // likewise
	to := l.http1(inner)
	if _, err := to.Write(tooMany); err != nil {
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, inner, 64<<10) //nolint:errcheck // likewise
	}
}

// http1 is the connection under TLS, where the answer is one of HTTP/1.
func (l *listener) http1(inner net.Conn) net.Conn {
	if l.tls == nil {
		return inner
	}
	config := l.tls.Clone()
	config.NextProtos = []string{"http/1.1"}
	return tls.Server(inner, config)
}

func address(c net.Conn) string {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.IP.String()
	}
	return c.RemoteAddr().String()
}
