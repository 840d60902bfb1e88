package api_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// TestPlacesFor: however few files a process may open, some are left for the store and the blobs.
func TestPlacesFor(t *testing.T) {
	t.Parallel()
	for files, want := range map[uint64]int{0: 64, 256: 64, 1024: 768, 20_000: 16_000, 524_288: 419_431, 1<<64 - 1: 1 << 30} {
		if got := api.PlacesFor(files); got != want {
			t.Errorf("%d files: %d connections, want %d", files, got, want)
		}
	}
}

// askFrom asks how the server is, over a connection from an address of loopback that stays.
func (w *world) askFrom(ip string) (net.Conn, int) {
	w.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	conn, err := dialer.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	must(w, err)
	w.Cleanup(func() { _ = conn.Close() })
	must(w, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	must(w, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(w, err)
	_ = response.Body.Close()
	return conn, response.StatusCode
}

// TestConnectionsOfAll: connections from as many addresses as one likes are no more than
// the limit, one above is told so, and both are counted.
func TestConnectionsOfAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.MaxConnections = 4 })
	if n := w.metric("mlq_http_connections"); n != 1 { // that of the scrape, which stays
		t.Fatalf("%v connections", n)
	}
	var last net.Conn
	for _, ip := range []string{"127.0.0.11", "127.0.0.12", "127.0.0.13"} {
		conn, status := w.askFrom(ip)
		if status != 200 {
			t.Fatalf("%s, within the limit, is answered %d", ip, status)
		}
		last = conn
	}
	if _, status := w.askFrom("127.0.0.14"); status != http.StatusTooManyRequests {
		t.Errorf("above the limit: %d", status)
	}
	if n := w.metric("mlq_http_connections"); n != 4 {
		t.Errorf("%v connections are counted, want 4", n)
	}
	if n := w.metric(`mlq_http_refused_connections_total{limit="all"}`); n != 1 {
		t.Errorf("%v refused ones are counted, want 1", n)
	}
	must(t, last.Close())
	eventually(t, "a place is free again", func() bool { _, status := w.askFrom("127.0.0.14"); return status == 200 })
}
