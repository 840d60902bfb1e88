package api

import (
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// rates limits the submits of each user.
type rates struct {
	perSecond float64
	burst     int
	mu        sync.Mutex
	users     map[string]*rate.Limiter
}

// maxUsers bounds the memory; forgetting a limiter gives a user a new burst.
const maxUsers = 10_000

// allow takes n submits of a user, or says how long to wait.
func (r *rates) allow(user string, n int) error {
	if r.perSecond <= 0 {
		return nil
	}
	reservation := r.of(user).ReserveN(time.Now(), min(n, r.burst))
	wait := reservation.Delay()
	if wait == 0 {
		return nil
	}
	reservation.Cancel()
	err := refuse(CodeTooManyRequests, "you submit faster than the server allows one user; POST /jobs/batch takes many at once")
	err.RetryAfter = wait
	return err
}

func (r *rates) of(user string) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users == nil || len(r.users) >= maxUsers {
		r.users = make(map[string]*rate.Limiter)
	}
	l, ok := r.users[user]
	if !ok {
		l = rate.NewLimiter(rate.Limit(r.perSecond), r.burst)
		r.users[user] = l
	}
	return l
}

// limitConnections bounds the connections from one address.
func limitConnections(ln net.Listener, most int) net.Listener {
	return &limitedListener{Listener: ln, most: most, from: make(map[string]int)}
}

type limitedListener struct {
	net.Listener
	most int
	mu   sync.Mutex
	from map[string]int
}

// tooMany is the answer to a connection: no request was read yet.
var tooMany = func() []byte {
	body := `{"type":"urn:mlq:too-many-connections","title":"Too many connections","status":429,"code":"too-many-connections"}`
	return fmt.Appendf(nil, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\n"+
		"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s", mediaProblem, len(body), body)
}()

// Accept returns the next connection from an address that has not too many.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ip := address(conn)
		if l.take(ip) {
			return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { l.give(ip) })}, nil
		}
		go refuseConn(conn)
	}
}

func refuseConn(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(time.Second)) //nolint:errcheck // best effort towards a flood
	_, _ = conn.Write(tooMany)                        //nolint:errcheck // likewise
	_ = conn.Close()                                  //nolint:errcheck // likewise
}

func address(conn net.Conn) string {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.IP.String()
	}
	return conn.RemoteAddr().String()
}

func (l *limitedListener) take(ip string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from[ip] >= l.most {
		return false
	}
	l.from[ip]++
	return true
}

func (l *limitedListener) give(ip string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from[ip]--; l.from[ip] == 0 {
		delete(l.from, ip)
	}
}

type limitedConn struct {
	net.Conn
	release func()
}

// Close gives the place back.
func (c *limitedConn) Close() error {
	c.release()
	return c.Conn.Close()
}
