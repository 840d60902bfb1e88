package api_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
)

// TestABodyThatDoesNotCome: whatever the answer is, it does not wait for a
// body that nobody reads, not even before anybody knows who asks.
func TestABodyThatDoesNotCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.SlowGrace = 50 * time.Millisecond })
	id := w.submit(w.ana, `{"msg":1}`)
	for _, c := range []struct {
		token, method, target string
		status                int
	}{
		{"", "POST", "/jobs", 401},
		{w.ana, "POST", "/nothing", 404},
		{w.ana, "POST", "/jobs", 415},
		{w.ana, "PUT", "/blobs/x", 404},
		{w.agent, "PUT", "/jobs/99/attempts/1/log?fence=1", 415},
		{w.ana, "PATCH", "/jobs", 405},
		{w.ana, "POST", path(id, "/requeue"), 409},
		{w.ana, "GET", "/jobs", 200},
		{w.ana, "GET", "/events", 200},
		{w.ana, "GET", path(id, "/logs?follow=1"), 200},
		{w.ana, "DELETE", path(id, ""), 200},
	} {
		for _, length := range []string{"Content-Length: 1000", "Content-Length: 1000000000", "Transfer-Encoding: chunked"} {
			head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", c.method, c.target, length)
			if c.token != "" {
				head += "Authorization: Bearer " + c.token + "\r\n"
			}
			_, r := w.raw(head + "\r\n")
			line, err := r.ReadString('\n') // of a stream there is no end to wait for
			must(t, err)
			if status := strings.Fields(line)[1]; status != strconv.Itoa(c.status) {
				t.Errorf("%s %s with %s: %s, want %d", c.method, c.target, length, status, c.status)
			}
		}
	}
}

// TestARefusedBodyLeavesTheConnection: what was refused with a body that did come goes on.
func TestARefusedBodyLeavesTheConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, r := w.raw("POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{\"msg\":1}GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	for _, want := range []int{401, 200} {
		response, err := http.ReadResponse(r, nil)
		must(t, err)
		must(t, response.Body.Close())
		if response.StatusCode != want {
			t.Errorf("got %d, want %d", response.StatusCode, want)
		}
	}
}

// TestAConnectionEndsWithASlowBody: who was told that the body came too slowly,
// or is too large, does not hold the connection with the rest of it.
func TestAConnectionEndsWithASlowBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.SlowGrace, o.MaxBody = 50*time.Millisecond, 1000 })
	head := "POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + w.ana + "\r\nContent-Type: application/json\r\n"
	for name, text := range map[string]string{
		"too slow":  head + "Content-Length: 100\r\n\r\n{",
		"too large": head + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + strings.Repeat(" ", 2000) + "\r\n",
	} {
		conn, r := w.raw(text)
		response, err := http.ReadResponse(r, nil)
		must(t, err)
		if response.StatusCode != http.StatusRequestTimeout && response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
		must(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		if _, err := io.Copy(io.Discard, r); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection is still there", name)
		}
	}
}
