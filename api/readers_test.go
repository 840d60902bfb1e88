package api_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mlq-dev/mlq/api"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/envelope"
)

// much is more than the kernel's buffers of both sides take.
const much = 24 << 20

// hurried makes readers slow after a moment.
func hurried(o *api.Options) { o.ReadGrace, o.MinBytesPerSec = 300*time.Millisecond, 4<<20 }

// metric reads one number of /metrics; a series that is not there is −1.
func (w *world) metric(series string) float64 {
	w.Helper()
	a := w.do(w.prom, "GET", "/metrics", nil)
	for line := range strings.Lines(string(a.body)) {
		var n float64
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			if _, err := fmt.Sscan(rest, &n); err != nil {
				w.Fatalf("%s: %v", line, err)
			}
			return n
		}
	}
	return -1
}

// onlyTheScrape waits until the request for the metrics is the only one.
func (w *world) onlyTheScrape() {
	w.Helper()
	eventually(w, "no request is under way", func() bool { return w.metric("mlq_http_requests_under_way") == 1 })
}

// largeResult makes a job whose result is much text.
func (w *world) largeResult() string {
	w.Helper()
	id := w.submit(w.ana, `{"msg":1}`)
	text := strings.Repeat("0123456789abcdef", much/16)
	w.start(id, 0).succeed(envelope.Header{Value: envelope.ValueText, Short: "much"}, view(text))
	return path(id, "/result")
}

func (w *world) get(path string) (net.Conn, *bufio.Reader) {
	w.Helper()
	return w.raw("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + w.ana + "\r\n\r\n")
}

// TestStalledReaders: who asks for a result, a log or events and reads nothing
// holds neither the request nor the file.
func TestStalledReaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hurried, func(o *api.Options) { o.MaxLog = 2 * much; o.SafetyReread = 20 * time.Millisecond })
	result := w.largeResult()
	running := w.submit(w.ana, `{"msg":1}`)
	l := w.start(running, 1)
	l.put(0, strings.Repeat("a line that was printed\n", much/24))
	for i, target := range []string{result, path(running, "/logs"), path(running, "/logs?follow=1")} {
		conn, _ := w.get(target)
		eventually(t, "given up: "+target, func() bool { return w.metric("mlq_http_slow_readers_total") == float64(i+1) })
		w.onlyTheScrape()
		must(t, conn.Close())
	}
}

// TestSlowButMovingReader: who reads a little above the limit gets all of it,
// though it takes many times the grace.
func TestSlowButMovingReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hurried)
	conn, r := w.get(w.largeResult())
	must(t, conn.SetDeadline(time.Now().Add(60*time.Second)))
	response, err := http.ReadResponse(r, nil)
	must(t, err)
	digest, start := sha256.New(), time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for read := int64(0); err == nil; {
		<-tick.C // one that a busy machine dropped is made up for: it stays 12.5 MiB/s
		var n int64
		n, err = io.CopyN(digest, response.Body, time.Since(start).Milliseconds()*(25<<19)/1000-read)
		read += n
	}
	if err != io.EOF {
		t.Fatalf("cut off after %s: %v", time.Since(start), err)
	}
	want := blob.Sum([]byte(strings.Repeat("0123456789abcdef", much/16)))
	if got := hex.EncodeToString(digest.Sum(nil)); got != want {
		t.Error("the slow reader got other bytes")
	}
	if took := time.Since(start); took < time.Second {
		t.Errorf("read within %s: that was not slow", took)
	}
	if n := w.metric("mlq_http_slow_readers_total"); n != 0 {
		t.Errorf("%v readers were given up", n)
	}
}
