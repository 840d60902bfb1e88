package api_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// raw speaks HTTP by hand.
func (w *world) raw(text string) (net.Conn, *bufio.Reader) {
	w.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	must(w, err)
	w.Cleanup(func() { _ = conn.Close() })
	must(w, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = conn.Write([]byte(text))
	must(w, err)
	return conn, bufio.NewReader(conn)
}

func (w *world) rawStatus(text string) int {
	w.Helper()
	_, r := w.raw(text)
	response, err := http.ReadResponse(r, nil)
	must(w, err)
	_ = response.Body.Close()
	return response.StatusCode
}

func TestLyingContentLength(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	head := "POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + w.ana + "\r\nContent-Type: application/json\r\n"
	conn, r := w.raw(head + "Content-Length: 100\r\n\r\n{\"msg\":1}")
	must(t, conn.(*net.TCPConn).CloseWrite())
	response, err := http.ReadResponse(r, nil)
	must(t, err)
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("too short: %d", response.StatusCode)
	}
	if status := w.rawStatus(head + "Content-Length: 5\r\n\r\n{\"msg\":1}"); status != http.StatusBadRequest {
		t.Errorf("too long: %d", status)
	}
	if n := w.count(); n != 0 {
		t.Errorf("%d jobs were queued", n)
	}
}

func TestSmuggling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	head := "POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + w.ana + "\r\nContent-Type: application/json\r\n"
	for name, text := range map[string]string{
		"two lengths":           head + "Content-Length: 9\r\nContent-Length: 10\r\n\r\n{\"msg\":1}",
		"odd transfer encoding": head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"space before colon":    head + "Content-Length : 9\r\n\r\n{\"msg\":1}",
		"no host":               "GET /jobs HTTP/1.1\r\n\r\n",
		"two hosts":             "GET /jobs HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	} {
		if status := w.rawStatus(text); status != 400 && status != 501 {
			t.Errorf("%s: %d", name, status)
		}
	}
	// With both, the chunks alone count, and what follows them is a request of its own, without a token.
	_, r := w.raw(head + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"msg\":1}\r\n0\r\n\r\nGET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
	for _, want := range []int{http.StatusCreated, http.StatusUnauthorized} {
		response, err := http.ReadResponse(r, nil)
		must(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		must(t, err)
		if response.StatusCode != want {
			t.Errorf("length and chunks: %d, want %d", response.StatusCode, want)
		}
	}
	if status := w.rawStatus("GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); status != 200 {
		t.Errorf("absolute form: %d", status)
	}
	if status := w.rawStatus("GET http://evil.example.com/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n"); status != 421 {
		t.Errorf("absolute form of another host: %d", status)
	}
}

func TestSlowSenders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.SlowGrace, o.HeaderTimeout = 50*time.Millisecond, 50*time.Millisecond })
	head := "POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + w.ana + "\r\nContent-Type: application/json\r\n"
	if status := w.rawStatus(head + "Content-Length: 100\r\n\r\n{"); status != http.StatusRequestTimeout {
		t.Errorf("a slow body: %d", status)
	}
	conn, r := w.raw("GET /healthz HTTP/1.1\r\nHost: local")
	if _, err := r.ReadByte(); err == nil {
		_, _ = io.Copy(io.Discard, r) // net/http may answer 408 before it closes
	} else if !errors.Is(err, io.EOF) {
		t.Errorf("slow headers: %v", err)
	}
	_ = conn.Close()
}

// TestLongWaitAfterABody: the deadline of a body does not end what waits after it.
func TestLongWaitAfterABody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.SlowGrace = 30 * time.Millisecond; o.MaxWait = 200 * time.Millisecond })
	id := w.submit(w.ana, `{"msg":1}`)
	a := w.do(w.ana, "GET", path(id, "/result?wait=1"), "a body of a GET")
	w.refused(a, 404, api.CodeNotFinished)
}

func TestLargeHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Junk: " + strings.Repeat("x", 64<<10) + "\r\n\r\n"
	if status := w.rawStatus(text); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("64 KiB of headers: %d", status)
	}
}

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxFromAddress = 3 })
	ask := "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	var held []net.Conn
	for range 3 {
		conn, r := w.raw(ask)
		response, err := http.ReadResponse(r, nil)
		must(t, err)
		if response.StatusCode != 200 {
			t.Fatalf("within the limit: %d", response.StatusCode)
		}
		held = append(held, conn)
	}
	if status := w.rawStatus(ask); status != http.StatusTooManyRequests {
		t.Errorf("above the limit: %d", status)
	}
	_ = held[0].Close()
	eventually(t, "a place is free again", func() bool { return w.rawStatus(ask) == 200 })
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 20 {
				if a := w.do(w.ana, "POST", "/jobs", fmt.Sprintf(`{"msg":%d}`, i)); a.status != 201 {
					t.Errorf("submit: %d %s", a.status, a.body)
				}
			}
		})
	}
	all.Wait()
	if n := w.count(); n != 160 {
		t.Errorf("%d queued", n)
	}
}
