package api_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// from connects from another address of loopback, and asks how the server is.
func (w *world) from(ip string) int {
	w.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext}}
	response, err := client.Get(w.url + "/healthz")
	must(w, err)
	must(w, response.Body.Close())
	return response.StatusCode
}

// TestIdleConnections: of 1,000 connections from one address that say nothing,
// as many are held as one address may have, the others end at once, and other
// addresses are served.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	const most, all = 200, 1000
	w := newWorld(t, func(o *api.Options) { o.MaxFromAddress, o.HeaderTimeout = most, time.Minute })
	var told, ended atomic.Int64
	for range all {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		go func() {
			answer, _ := io.ReadAll(conn) // an end without an answer too
			if strings.HasPrefix(string(answer), "HTTP/1.1 429 ") {
				told.Add(1)
			}
			_ = conn.Close()
			ended.Add(1)
		}()
	}
	eventually(t, "those above the limit have ended", func() bool { return ended.Load() == all-most })
	if told.Load() == 0 {
		t.Error("nobody was told why")
	}
	if status := w.from("127.0.0.2"); status != 200 {
		t.Errorf("another address is answered %d", status)
	}
	if n := ended.Load(); n != all-most {
		t.Errorf("%d connections have ended; %d were within the limit", n, most)
	}
}

// TestIdleTimeout: a connection that has been served and says nothing more is closed.
func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.IdleTimeout = 50 * time.Millisecond })
	_, r := w.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	response, err := http.ReadResponse(r, nil)
	must(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	must(t, err)
	if b, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection brought %q, %v", b, err)
	}
}

// TestTrickle: a body that comes steadily, but at a byte per moment, is given up.
func TestTrickle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.SlowGrace = 200 * time.Millisecond })
	conn, r := w.raw("POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + w.ana +
		"\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{\"msg\":\"")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go trickle(ctx, conn)
	response, err := http.ReadResponse(bufio.NewReader(r), nil)
	must(t, err)
	if response.StatusCode != http.StatusRequestTimeout {
		t.Errorf("answered %d", response.StatusCode)
	}
	if n := w.count(); n != 0 {
		t.Errorf("%d jobs were queued", n)
	}
}

func trickle(ctx context.Context, conn net.Conn) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
		}
	}
}
